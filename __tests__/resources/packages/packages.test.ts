import { expect, test } from '@jest/globals'
import { packages } from '../../../src/resources/packages/packages.ts'
import { recorded } from '../../recorded.ts'

const { desired } = recorded('trixie', 'bare')

// What dpkg and apt of Debian 13, 12 and 11 say.
test.each<[string, string, string | undefined]>([
  [
    'dpkg that knows the program',
    'dpkg: error: dpkg frontend lock was locked by /usr/bin/apt-get process with pid 124\nNote: removing the lock file is always wrong',
    'another package manager (/usr/bin/apt-get, process 124) has been at work on the server for five minutes; wait until it has ended, and run again',
  ],
  [
    'dpkg that knows the process only',
    'dpkg: error: dpkg frontend lock was locked by another process with pid 124',
    'another package manager (process 124) has been at work on the server for five minutes; wait until it has ended, and run again',
  ],
  [
    'an older dpkg',
    'dpkg: error: dpkg frontend is locked by another process',
    'another package manager has been at work on the server for five minutes; wait until it has ended, and run again',
  ],
  [
    'apt',
    'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 3062 (apt-get)\nE: Unable to lock directory /var/lib/apt/lists/',
    'another package manager (apt-get, process 3062) has been at work on the server for five minutes; wait until it has ended, and run again',
  ],
  [
    'a package in the way',
    'The following packages will be REMOVED:\n  podman-docker\nThe following NEW packages will be installed:\n  docker.io\nE: Packages need to be removed but remove is disabled.',
    'that would remove podman-docker, which is not Berth’s; remove it or install what is missing by hand, and run again',
  ],
  ['anything else', 'E: Unable to locate package nginx', undefined],
])('%s', (_, output, message) => {
  const failure = packages.explain?.(desired, output)
  expect(failure?.message).toBe(message)
  expect(failure?.topic).toBe(
    message && (/removed|remove /.test(message) ? 'serverProgram' : 'packageManager'),
  )
})
