import type { ServerFile } from '../../server/facts.ts'

const needed = ['cert', 'privkey', 'chain', 'fullchain', 'server', 'account', 'authenticator']

/** What keeps a certificate that was set up by hand from being renewed beside a running nginx, or at all. */
const obstructive =
  /^(installer|pre_hook|post_hook|autorenew|standalone_\w+|http01_\w+|nginx_\w+|apache_\w+)\s*=/

/**
 * certbot’s settings for a certificate, made to renew it through Berth’s site; unchanged if they do already, `undefined`
 * if something is missing that only an order can bring.
 */
export function renewable(content: string, domain: string): string | undefined {
  const lines = content.split('\n')
  const has = (line: RegExp | string) =>
    lines.some(each => (typeof line === 'string' ? each.trim() === line : line.test(each)))
  if (!needed.every(name => has(new RegExp(`^${name} = .`)))) return undefined
  if (has('authenticator = webroot') && has(`${domain} = ${webroot}`) && !has(obstructive)) return content
  const map = lines.findIndex(line => line.trim() === '[[webroot_map]]')
  const kept = (map < 0 ? lines : lines.slice(0, map)).filter(
    line => !obstructive.test(line) && !/^(authenticator|webroot_path)\s*=/.test(line) && line !== '',
  )
  return [
    ...kept,
    'authenticator = webroot',
    `webroot_path = ${webroot},`,
    '[[webroot_map]]',
    `${domain} = ${webroot}`,
    '',
  ].join('\n')
}

const webroot = '/var/www/berth'

/** A setting of certbot’s file, such as `server`. */
export function setting(file: ServerFile | undefined, name: string): string | undefined {
  return new RegExp(`^${name} = (.*)$`, 'm').exec(file?.content ?? '')?.[1]
}
