import type { Desired } from '../../desired.ts'
import { Failure, type Topic } from '../../failure.ts'
import { refusedFailure } from '../renewal/settings.ts'
import { rehearsalFailure } from './dns-failure.ts'

/**
 * Why an authority gave no certificate, in a sentence; `undefined` if only certbot’s own words (`output`) can say it. The patterns
 * match certbot 1.12 to 5.5, Let’s Encrypt and Pebble.
 */
export function orderFailure({ domain, acme }: Desired, output: string): Failure | undefined {
  const setting = /^--server value conflicts with --staging|^Too many flags setting configurators.*/m.exec(
    output,
  )?.[0]
  if (setting !== undefined) {
    return new Failure(
      'renewal',
      `certbot’s settings for all certificates forbid the order (${setting}); take them out of /etc/letsencrypt/cli.ini`,
    )
  }
  const refused = /^certbot: error: .*?--((?!dns-)[a-z][\w-]*)/m.exec(output)?.[1]
  if (refused !== undefined) return refusedFailure(refused)
  const rehearsed = acme.dns && rehearsalFailure(domain, acme.dns, output)
  if (rehearsed) return rehearsed
  const shown = /^nginx was reloaded, but port 443 still shows another certificate.*$/m.exec(output)?.[0]
  if (shown !== undefined) return new Failure('port', shown)
  const about = { domain, acme, host: new URL(acme.server).host, output }
  for (const [pattern, topic, sentence] of meanings) {
    const said = pattern.test(output) ? sentence(about) : undefined
    if (said !== undefined) return new Failure(topic, said)
  }
  return undefined
}

/** An order, for the sentence about its failure. */
interface Order {
  domain: string
  acme: Desired['acme']
  /** The authority’s. */
  host: string
  output: string
}

/**
 * What certbot’s words mean, the first that fits, and what to do; a sentence is `undefined` if they don’t mean it in this order.
 * First what names its cause, last what may have many.
 */
const meanings: readonly [RegExp, Topic, (order: Order) => string | undefined][] = [
  [
    /rateLimited|too many (certificates|new orders|failed|registrations|currently pending)|There were too many requests|<Response \[429\]>/i,
    'authority',
    ({ domain, host, output }) => {
      const until = /retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?)/i.exec(output)?.[1]
      return `${host} has issued too many certificates, or seen too many attempts, for ${domain}, and accepts the next one ${until ? `after ${until}` : 'in a few hours, at the latest after a week'}; run again then, or try with \`acme-server: letsencrypt-staging\` until it works`
    },
  ],
  [
    /^certbot did not finish/m,
    'authority',
    ({ acme }) =>
      `certbot did not finish within 15 minutes on the server and was stopped; see what its hooks in /etc/letsencrypt/renewal-hooks${acme.dns?.name === 'hook' ? ' or your script' : ''} wait for, and run again`,
  ],
  [
    /Another instance of Certbot is already running/,
    'authority',
    () =>
      'another certbot has been running on the server for 5 minutes; look at it with `pgrep -a certbot`, end it if it hangs, and run again',
  ],
  [
    /the runner did not give the word/,
    'port80',
    ({ domain }) =>
      `this runner did not say within 30 s whether it sees http://${domain}, so nothing was ordered; run again`,
  ],
  [
    /externalAccountRequired|external account binding|eab-kid/i,
    'authority',
    ({ acme, host }) =>
      acme.eab
        ? `${host} refuses \`acme-eab\`; get a new kid and hmac from it, since many can be used only once`
        : `${host} requires an account that is bound to one of yours; give \`acme-eab\` as kid:hmac`,
  ],
  [
    /:caa\b|CAA record/i,
    'authority',
    ({ domain, host }) =>
      `a CAA record forbids ${host} to issue certificates for ${domain}; add one that allows it, or choose another \`acme-server\``,
  ],
  [
    /rejectedIdentifier|Policy forbids|forbidden by policy/i,
    'authority',
    ({ domain, host }) =>
      `${host} issues no certificate for ${domain} because of its policy; use another name or another \`acme-server\``,
  ],
  [
    /invalidContact|invalid email|contact email|unsupportedContact/i,
    'authority',
    ({ acme, host }) =>
      `${host} does not accept ${acme.email ?? 'an account without an address'}; give another \`email\``,
  ],
  [
    /badNonce|invalid anti-replay nonce/i,
    'authority',
    ({ host }) => `${host} keeps rejecting nonces; the problem is at its end, so run again later`,
  ],
  [
    /Type: +(dns|unauthorized)|TXT record/i,
    'authorityView',
    ({ domain, host, acme }) =>
      acme.dns &&
      `${host} did not see the record of ${domain} that the domain’s name servers showed this server; the record may take longer elsewhere, so run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`,
  ],
  [
    /NXDOMAIN|SERVFAIL|no valid A records|problem: DNS|Type: +dns/i,
    'authorityView',
    ({ domain, host }) =>
      `${host} can’t resolve ${domain}, though this runner can; a new record takes some time to be seen everywhere, so wait and run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`,
  ],
  [
    /Type: +connection|Timeout during connect|Fetching http|Error getting validation data/i,
    'authorityView',
    ({ domain, host }) =>
      `${host} can’t reach http://${domain} on port 80, though this runner can; open the firewall for everyone, since the authority asks from several places`,
  ],
  [
    /Type: +unauthorized|Invalid response from http/i,
    'authorityView',
    ({ domain, host }) =>
      `${host} got an answer that is not this server’s from http://${domain}; does the name point somewhere else in other parts of the world, or is a proxy in front?`,
  ],
  [
    /CERTIFICATE_VERIFY_FAILED|certificate verify failed/,
    'trust',
    ({ host }) =>
      `the server does not trust ${host}, whose certificate is from a private authority; give that as \`ca\``,
  ],
  [
    /NameResolutionError|Name or service not known|Temporary failure in name resolution|No address associated/,
    'authority',
    ({ host }) =>
      `the server can’t resolve ${host}; is \`acme-server\` right, and does DNS work on the server (\`getent hosts ${host.replace(/:\d+$/, '')}\`)?`,
  ],
  [
    /Connection refused|Connection reset|Network is unreachable|No route to host|ConnectTimeout|Read timed out|timed out|Max retries exceeded|RemoteDisconnected|Service Unavailable|Bad Gateway|serverInternal|<Response \[5\d\d\]>/i,
    'authority',
    ({ host }) =>
      `${host} does not answer the server, or is down; see its status page, and run again in an hour`,
  ],
  [
    /<Response \[404\]>|Expecting value|JSONDecodeError/,
    'authority',
    ({ host }) =>
      `${host} answers, but not as an ACME server does; is \`acme-server\` the URL of its directory?`,
  ],
  [/No space left on device/, 'diskFull', () => 'the server’s disk is full; free some space and run again'],
]
