import { expect, test } from '@jest/globals'
import type { Topic } from '../../../src/failure.ts'
import { stepFailure } from '../../../src/resources/registry/failure.ts'

test.each<[string, string, Topic, string]>([
  [
    'the words of the registry, not Docker’s',
    `Error response from daemon: Cannot update container 112ca3d0f1af: container not running
the registry serves as before; the new one said:
configuration error: must provide exactly one storage type
`,
    'registryStart',
    'the registry serves as before; the new one said:\n  configuration error: must provide exactly one storage type',
  ],
  [
    'a registry of images that gives no more of them for now',
    'docker: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit',
    'registryStart',
    'run again in a few hours, take a copy that others keep (`registry-image: public.ecr.aws/docker/library/registry:3.1.2`)',
  ],
  [
    'an image without a shell',
    'docker: Error response from daemon: failed to create task: exec: "/bin/sh": stat /bin/sh: no such file or directory',
    'registryStart',
    'the image in `registry-image` has no /bin/sh',
  ],
  [
    'Docker that is masked',
    'Docker does not start: its unit is masked\n',
    'serverDocker',
    'Docker does not start on the server (its unit is masked)',
  ],
  [
    'Docker that runs and says nothing',
    'Docker is silent:',
    'serverDocker',
    'Docker runs on the server but does not answer within 20 s; look at',
  ],
  [
    'a file system without owners',
    "the images in /mnt/x can't be given to the registry: their file system, msdos, knows no owners\n",
    'registryStart',
    'knows no owners; keep them on one that does',
  ],
  [
    'a bucket',
    'x\nthe bucket my-images does not let this server write an object: 403 AccessDenied; let it\n',
    'bucket',
    'the bucket my-images does not let this server write an object: 403 AccessDenied; let it',
  ],
  [
    'images that are there already',
    'reg\n/opt/berth/data holds images already; move it away, or adopt into another directory\n',
    'rival',
    '/opt/berth/data holds images already; move it away, or adopt into another directory',
  ],
])('why a step failed: %s', (_, output, topic, words) => {
  expect(stepFailure('registry:3.1.2', output)).toMatchObject({
    topic,
    message: expect.stringContaining(words),
  })
})

test('what it does not know is left to the programs’ own words', () => {
  expect(stepFailure('registry:3.1.2', 'Error response from daemon: pull access denied')).toBeUndefined()
})
