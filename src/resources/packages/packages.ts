import { Failure } from '../../failure.ts'
import { resource } from '../resource.ts'

const programs = ['docker', 'nginx', 'certbot'] as const

interface Packages {
  missing: string[]
  /** Debian packages that an installation left half done. */
  halves: string[]
  /** Whether the server has a package manager that Berth can use. */
  apt: boolean
}

/** The programs that Berth stands on: Docker, nginx and certbot. */
export const packages = resource<Packages>({
  name: 'packages',

  probe: () => [['packages_probe']],

  read: facts => ({
    missing: programs.filter(program => !facts.is(`packages.${program}`)),
    halves: facts.get('packages.halves').split(' ').filter(Boolean),
    apt: facts.is('packages.apt-get'),
  }),

  failures({ install }, { missing, apt }) {
    if (missing.length === 0 || (install && apt)) return []
    const list = missing.join(', ')
    const sentence = install
      ? `the server lacks ${list} and has no apt-get to install them with; install them by hand and run again`
      : `the server lacks ${list}; install them, or let Berth do it with \`install: true\``
    return [new Failure('serverProgram', sentence)]
  },

  steps: (_, { missing, halves }) =>
    missing.length === 0 && halves.length === 0
      ? []
      : [
          {
            resource: 'packages',
            changes: [
              ...missing.map(program => ({ action: 'create' as const, summary: `install ${program}` })),
              ...halves.map(name => ({ action: 'update' as const, summary: `finish installing ${name}` })),
            ],
            call: ['packages_install', ...missing],
          },
        ],

  explain(_, output) {
    const removed = /The following packages will be REMOVED:\n((?: .*\n)+)/.exec(output)?.[1]
    if (removed !== undefined && /remove is disabled/.test(output))
      return new Failure(
        'serverProgram',
        `that would remove ${removed.trim().split(/\s+/).join(', ')}, which is not Berth’s; remove it or install what is missing by hand, and run again`,
      )
    const locked = /locked by (another process|\S+ process with)|Could not get lock /.test(output)
    if (!locked) return undefined
    return new Failure(
      'packageManager',
      `another package manager${holder(output)} has been at work on the server for five minutes; wait until it has ended, and run again`,
    )
  },
})

/** Who has the lock, as dpkg and apt say it: newer ones tell the program too. */
function holder(output: string): string {
  const [, program, pid] = /locked by (?:another process|(\S+) process) with pid (\d+)/.exec(output) ?? []
  const [, id = pid, name = program] = /held by process (\d+) \((\S+)\)/.exec(output) ?? []
  return id === undefined ? '' : ` (${name === undefined ? '' : `${name}, `}process ${id})`
}
