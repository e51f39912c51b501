import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import type { ServerFile } from '../../server/facts.ts'
import { berthWebroot, credentialFile } from '../names.ts'
import { setting } from './conf.ts'

/**
 * One of certbot's settings for all certificates of the server, which override those of a certificate. The arguments of Berth's
 * orders override them in turn, but the server's timer has no arguments.
 */
export interface Setting {
  file: string
  /** As in cli.ini, such as `authenticator`; `hook` for a file that runs before each renewal, `refused` for what certbot rejects. */
  name: string
  /** For a hook, only whether it stops nginx or is a script; for what is refused, the option or `-`. */
  value: string
}

/** Reads `FILE NAME VALUE;` for each setting. */
export function readSettings(text: string): Setting[] {
  return text.split(';').flatMap(each => {
    const [file = '', name = '', value = ''] = each.split(' ')
    return name === '' ? [] : [{ file, name, value }]
  })
}

/** Settings that no argument overrides. */
const flags =
  /^(standalone|nginx|apache|manual|dns-(?!.*-(?:credentials|seconds)$)[\w-]+|staging|test-cert|dry-run)$/

/** The settings with which the server can't renew the certificate by itself. */
export function hindering(
  settings: readonly Setting[],
  { domain, acme }: Pick<Desired, 'domain' | 'acme'>,
  { name: lineage, conf }: { name: string; conf: ServerFile | undefined },
): Setting[] {
  const authenticator = authenticatorOf(acme)
  const challenge = acme.dns ? /\bdns\b/ : /\bhttp\b/
  const byDns = () => acme.dns !== undefined
  const noScript = () => authenticator !== 'manual'
  const harmless: Record<string, (value: string) => boolean> = {
    authenticator: value => value === authenticator,
    configurator: value => value === authenticator,
    [authenticator]: () => true,
    'preferred-challenges': value => challenge.test(value),
    server: value => value === acme.server,
    'webroot-path': value => byDns() || value === berthWebroot,
    'webroot-map': byDns,
    'config-dir': value => value === '/etc/letsencrypt',
    'cert-name': value => value === lineage,
    account: value => conf === undefined || value === setting(conf, 'account'),
    'manual-auth-hook': noScript,
    'manual-cleanup-hook': noScript,
    [`${authenticator}-credentials`]: value =>
      acme.dns?.credentials === undefined || value === credentialFile(domain),
  }
  return settings.filter(({ name, value }) => {
    if (name !== authenticator && flags.test(name)) return /^(true|yes|1)$/i.test(value)
    const known = harmless[name]
    // Settings of other plugins don't matter.
    return known ? !known(value) : !/^dns-/.test(name)
  })
}

/** certbot’s name for what answers the authority. */
function authenticatorOf({ dns }: Desired['acme']): string {
  if (!dns) return 'webroot'
  return dns.name === 'hook' ? 'manual' : `dns-${dns.name}`
}

/** What is wrong, in a sentence; `undefined` if nothing is. */
export function settingsFailure(
  found: readonly Setting[],
  { acme }: Pick<Desired, 'acme'>,
): Failure | undefined {
  if (found.length === 0) return undefined
  const refused = found.find(({ name }) => name === 'refused')
  if (refused) return refusedFailure(refused.value, refused.file)
  const all = found.map(({ file, name, value }) => {
    if (name === 'hook') return `${file} stops nginx`
    if (/^(pre|post)-hook$/.test(name)) return `\`${name}\` in ${file} stops nginx`
    return /-hook$/.test(name) ? `\`${name}\` is in ${file}` : `\`${name} = ${value}\` is in ${file}`
  })
  return new Failure(
    'renewal',
    `the server’s certbot can’t renew the certificate ${acme.dns ? 'by DNS' : 'through nginx'}, because ${all.join(', and ')}, for every certificate of the server; move that to the settings of the certificates that need it, in /etc/letsencrypt/renewal`,
  )
}

/** The failure for an option that certbot does not know, or whose value it rejects; `-` if it is not known which. */
export function refusedFailure(option: string, file = '/etc/letsencrypt/cli.ini'): Failure {
  return new Failure(
    'renewal',
    `certbot on the server does not take ${option === '-' ? 'all of' : `\`${option}\` in`} ${file}, so it neither orders nor renews any certificate; take that out, or install the plugin that it is for`,
  )
}

/** The settings with which no certificate can be ordered at all. */
export function preventing(found: readonly Setting[]): Setting[] {
  return found.filter(({ name }) => flags.test(name) || name === 'csr' || name === 'refused')
}
