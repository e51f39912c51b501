import type { AcmeDns } from '../../desired.ts'
import type { ServerFile } from '../../server/facts.ts'
import { credentialFile, berthWebroot as webroot } from '../names.ts'

const needed = ['cert', 'privkey', 'chain', 'fullchain', 'server', 'account', 'authenticator']

/** Settings that keep a certificate which was set up by hand from being renewed while nginx runs, or at all. */
const obstructive =
  /^(?!(?:pre|post)_hook = ""$)(installer|pre_hook|post_hook|autorenew|standalone_\w+|http01_\w+|nginx_\w+|apache_\w+)\s*=/

/** Settings that say how the authority is answered. */
const answering = /^(authenticator|webroot_path|pref_challs|manual_\w+|dns_\w+)\s*=/

/**
 * certbot’s settings for a certificate, changed so that it is renewed through Berth’s site; unchanged if it already is; `undefined`
 * if something is missing that only an order can bring.
 */
export function renewable(content: string, domain: string): string | undefined {
  if (!complete(content)) return undefined
  const lines = content.split('\n').map(line => line.trim())
  const has = (line: string) => lines.includes(line)
  const dns = lines.some(line => /^pref_challs\s*=.*dns/.test(line))
  if (has('authenticator = webroot') && has(`${domain} = ${webroot}`) && !dns && !obstructed(content))
    return content
  return [
    ...without(content),
    'authenticator = webroot',
    `webroot_path = ${webroot},`,
    '[[webroot_map]]',
    `${domain} = ${webroot}`,
    '',
  ].join('\n')
}

/** Stands for the seconds that certbot waits for a record, which are measured on the server. */
const wait = '@WAIT@'

/** The same for a renewal by DNS: unchanged if it already is by DNS, however long the wait is. */
export function renewableByDns(content: string, domain: string, dns: AcmeDns): string | undefined {
  if (!complete(content)) return undefined
  const file = credentialFile(domain)
  const wanted = settingsOf(dns, file)
  const lines = unmeasured(content)
    .split('\n')
    .map(line => line.trim())
  const present = lines.filter(line => answering.test(line)).sort()
  if (present.join('\n') === wanted.toSorted().join('\n') && !obstructed(content)) return content
  return [...without(content), ...wanted].join('\n')
}

/** The settings with `@WAIT@` in place of their wait, which is still to be measured. */
export function unmeasured(content: string): string {
  return content.replace(/^(dns_\w+_seconds = |manual_auth_hook = .* sleep )\d+$/gm, `$1${wait}`)
}

/** The settings as certbot writes them after an order. */
function settingsOf(dns: AcmeDns, file: string): string[] {
  return ['pref_challs = dns-01,', ...authenticatorLines(dns, file)]
}

function authenticatorLines({ name, credentials }: AcmeDns, file: string): string[] {
  switch (name) {
    case 'hook':
      return [
        'authenticator = manual',
        `manual_auth_hook = ${file} set && sleep ${wait}`,
        `manual_cleanup_hook = ${file} clear`,
      ]
    case 'route53':
      return ['authenticator = dns-route53']
    default: {
      const prefix = `dns_${name.replaceAll('-', '_')}`
      return [
        `authenticator = dns-${name}`,
        `${prefix}_propagation_seconds = ${wait}`,
        ...(credentials === undefined ? [] : [`${prefix}_credentials = ${file}`]),
      ]
    }
  }
}

const complete = (content: string) => needed.every(name => new RegExp(`^${name} = .`, 'm').test(content))

const obstructed = (content: string) => content.split('\n').some(line => obstructive.test(line))

/** All lines except those that say how the authority is answered and those that are in the way. */
function without(content: string): string[] {
  const lines = content.split('\n')
  const map = lines.findIndex(line => line.trim() === '[[webroot_map]]')
  return (map < 0 ? lines : lines.slice(0, map)).filter(
    line => !obstructive.test(line) && !answering.test(line) && line !== '',
  )
}

/** The value of a setting in certbot’s file, such as `server`. */
export function setting(file: ServerFile | undefined, name: string): string | undefined {
  return new RegExp(`^${name} = (.*)$`, 'm').exec(file?.content ?? '')?.[1]
}
