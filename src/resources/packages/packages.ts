import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import { change, resource } from '../resource.ts'
import { oldest } from '../site/nginx.ts'

const programs = ['docker', 'nginx', 'certbot'] as const

interface Packages {
  missing: string[]
  /** Debian packages that an installation left half done. */
  halves: string[]
  /** Whether the server has a package manager that Berth can use. */
  apt: boolean
  /** The state of certbot’s plugin for a DNS provider, as `packages_plugin` says it; `undefined` if none is wanted. */
  plugin?: string | undefined
}

/** The programs that Berth needs: Docker, nginx and certbot. */
export const packages = resource<Packages>({
  name: 'packages',

  probe: ({ acme, certificate }) => {
    const plugin = pluginOf({ acme, certificate })
    return [['packages_probe'], ...(plugin === undefined ? [] : [['packages_probe_plugin', plugin] as const])]
  },

  read: (facts, desired) => ({
    missing: programs.filter(program => !facts.is(`packages.${program}`)),
    halves: facts.get('packages.halves').split(' ').filter(Boolean),
    apt: facts.is('packages.apt-get'),
    plugin: pluginOf(desired) === undefined ? undefined : facts.get('packages.plugin'),
  }),

  failures({ install, acme }, { missing, apt, plugin }) {
    const name = acme.dns?.name ?? ''
    const [state, ...others] = plugin?.split(' ').filter(Boolean) ?? []
    if (state === 'lacking') return [lacking(name, others)]
    if (state === 'foreign') return [foreign(name, others)]
    const lacks = state === 'package' || state === 'unknown' ? [...missing, pluginName(name)] : missing
    if (lacks.length === 0 || (install && apt)) return []
    const list = lacks.join(', ')
    const sentence = install
      ? `the server lacks ${list} and has no apt-get to install them with; install them by hand and run again`
      : `the server lacks ${list}; install them, or let Berth do it with \`install: true\``
    return [new Failure('serverProgram', sentence)]
  },

  steps({ acme }, { missing, halves, plugin }) {
    const wanted = acme.dns && (plugin === 'package' || plugin === 'unknown') ? acme.dns.name : undefined
    if (missing.length === 0 && halves.length === 0 && wanted === undefined) return []
    return [
      {
        resource: 'packages',
        changes: [
          ...missing.map(program => ({ action: 'create' as const, summary: `install ${program}` })),
          ...(wanted === undefined ? [] : change(false, `install ${pluginName(wanted)}`)),
          ...halves.map(name => ({ action: 'update' as const, summary: `finish installing ${name}` })),
        ],
        call: [
          'packages_install',
          ...missing.map(program => (program === 'nginx' ? `nginx>=${oldest}` : program)),
          ...(wanted === undefined ? [] : [`python3-certbot-dns-${wanted}`]),
        ],
      },
    ]
  },

  explain({ acme }, output) {
    const plugins = /^ ?lacking \S+: (.*)$/m.exec(output)?.[1]
    if (plugins !== undefined) return lacking(acme.dns?.name ?? '', plugins.split(' ').filter(Boolean))
    const old = /^ ?old nginx (\S+)$/m.exec(output)?.[1]
    if (old !== undefined)
      return new Failure(
        'serverProgram',
        `the server’s distribution has nginx ${old}, and ${oldest} is the oldest that works; use a newer release of it, or install nginx from nginx.org, and run again`,
      )
    const removed = /The following packages will be REMOVED:\n((?: .*\n)+)/.exec(output)?.[1]
    if (removed !== undefined && /remove is disabled/.test(output))
      return new Failure(
        'serverProgram',
        `that would remove ${removed.trim().split(/\s+/).join(', ')}, which is not Berth’s; remove it or install what is missing by hand, and run again`,
      )
    const unread = /^E: (?:The repository|Failed to fetch) '?([^\s']+)/m.exec(output)?.[1]
    const unfound = /^E: (?:Unable to locate package|Package) '?([\w.+-]+)/m.exec(output)?.[1]
    if (unread !== undefined && unfound !== undefined)
      return new Failure(
        'serverProgram',
        `apt finds no package ${unfound} and can’t read all of its sources (${unread}); run \`apt-get update\` on the server, fix what it names, and run again`,
      )
    const locked = /locked by (another process|\S+ process with)|Could not get lock /.test(output)
    if (!locked) return undefined
    return new Failure(
      'packageManager',
      `another package manager${holder(output)} has been running on the server for five minutes; wait until it has finished, and run again`,
    )
  },
})

/** The plugin that certbot needs, if any: `hook` is part of certbot itself. */
function pluginOf({ acme, certificate }: Pick<Desired, 'acme' | 'certificate'>): string | undefined {
  return acme.dns && !certificate && acme.dns.name !== 'hook' ? acme.dns.name : undefined
}

const pluginName = (name: string) => `certbot’s plugin for ${name}`

function lacking(name: string, others: readonly string[]): Failure {
  const list = others.length === 0 ? 'nor any other' : `only for ${others.join(', ')}`
  return new Failure(
    'dnsRecord',
    `the server’s distribution has no certbot plugin for ${name}, ${list}; use \`acme-dns: hook\` with a script that sets the record, or one of these`,
  )
}

function foreign(name: string, others: readonly string[]): Failure {
  const list = others.length === 0 ? 'no plugin for DNS' : `plugins only for ${others.join(', ')}`
  return new Failure(
    'dnsRecord',
    `certbot on the server is not the distribution’s and has ${list}; install the one for ${name} the same way as certbot, or use \`acme-dns: hook\``,
  )
}

/** Who has the lock, from the output of dpkg or apt. Newer versions name the program too. */
function holder(output: string): string {
  const [, program, pid] = /locked by (?:another process|(\S+) process) with pid (\d+)/.exec(output) ?? []
  const [, id = pid, name = program] = /held by process (\d+) \((\S+)\)/.exec(output) ?? []
  return id === undefined ? '' : ` (${name === undefined ? '' : `${name}, `}process ${id})`
}
