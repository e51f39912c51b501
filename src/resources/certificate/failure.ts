import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
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
  const host = new URL(acme.server).host
  const says = (pattern: RegExp) => pattern.test(output)
  const shown = /^nginx was reloaded, but port 443 still shows another certificate.*$/m.exec(output)?.[0]
  if (shown !== undefined) return new Failure('port', shown)
  if (
    says(
      /rateLimited|too many (certificates|new orders|failed|registrations|currently pending)|There were too many requests|<Response \[429\]>/i,
    )
  ) {
    const until = /retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?)/i.exec(output)?.[1]
    return new Failure(
      'authority',
      `${host} has issued too many certificates, or seen too many attempts, for ${domain}, and accepts the next one ${until ? `after ${until}` : 'in a few hours, at the latest after a week'}; run again then, or try with \`acme-server: letsencrypt-staging\` until it works`,
    )
  }
  if (says(/^certbot did not finish/m)) {
    return new Failure(
      'authority',
      `certbot did not finish within 15 minutes on the server and was stopped; see what its hooks in /etc/letsencrypt/renewal-hooks${acme.dns?.name === 'hook' ? ' or your script' : ''} wait for, and run again`,
    )
  }
  if (says(/Another instance of Certbot is already running/)) {
    return new Failure(
      'authority',
      'another certbot has been running on the server for 5 minutes; look at it with `pgrep -a certbot`, end it if it hangs, and run again',
    )
  }
  if (says(/the runner did not give the word/)) {
    return new Failure(
      'port80',
      `this runner did not say within 30 s whether it sees http://${domain}, so nothing was ordered; run again`,
    )
  }
  if (says(/externalAccountRequired|external account binding|eab-kid/i)) {
    return new Failure(
      'authority',
      acme.eab
        ? `${host} refuses \`acme-eab\`; get a new kid and hmac from it, since many can be used only once`
        : `${host} requires an account that is bound to one of yours; give \`acme-eab\` as kid:hmac`,
    )
  }
  if (says(/:caa\b|CAA record/i)) {
    return new Failure(
      'authority',
      `a CAA record forbids ${host} to issue certificates for ${domain}; add one that allows it, or choose another \`acme-server\``,
    )
  }
  if (says(/rejectedIdentifier|Policy forbids|forbidden by policy/i)) {
    return new Failure(
      'authority',
      `${host} issues no certificate for ${domain} because of its policy; use another name or another \`acme-server\``,
    )
  }
  if (says(/invalidContact|invalid email|contact email|unsupportedContact/i)) {
    return new Failure(
      'authority',
      `${host} does not accept ${acme.email ?? 'an account without an address'}; give another \`email\``,
    )
  }
  if (says(/badNonce|invalid anti-replay nonce/i)) {
    return new Failure(
      'authority',
      `${host} keeps rejecting nonces; the problem is at its end, so run again later`,
    )
  }
  if (acme.dns && says(/Type: +(dns|unauthorized)|TXT record/i)) {
    return new Failure(
      'authorityView',
      `${host} did not see the record of ${domain} that the domain’s name servers showed this server; the record may take longer elsewhere, so run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`,
    )
  }
  if (says(/NXDOMAIN|SERVFAIL|no valid A records|problem: DNS|Type: +dns/i)) {
    return new Failure(
      'authorityView',
      `${host} can’t resolve ${domain}, though this runner can; a new record takes some time to be seen everywhere, so wait and run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`,
    )
  }
  if (says(/Type: +connection|Timeout during connect|Fetching http|Error getting validation data/i)) {
    return new Failure(
      'authorityView',
      `${host} can’t reach http://${domain} on port 80, though this runner can; open the firewall for everyone, since the authority asks from several places`,
    )
  }
  if (says(/Type: +unauthorized|Invalid response from http/i)) {
    return new Failure(
      'authorityView',
      `${host} got an answer that is not this server’s from http://${domain}; does the name point somewhere else in other parts of the world, or is a proxy in front?`,
    )
  }
  if (says(/CERTIFICATE_VERIFY_FAILED|certificate verify failed/)) {
    return new Failure(
      'trust',
      `the server does not trust ${host}, whose certificate is from a private authority; give that as \`ca\``,
    )
  }
  if (
    says(
      /NameResolutionError|Name or service not known|Temporary failure in name resolution|No address associated/,
    )
  ) {
    return new Failure(
      'authority',
      `the server can’t resolve ${host}; is \`acme-server\` right, and does DNS work on the server (\`getent hosts ${host.replace(/:\d+$/, '')}\`)?`,
    )
  }
  if (
    says(
      /Connection refused|Connection reset|Network is unreachable|No route to host|ConnectTimeout|Read timed out|timed out|Max retries exceeded|RemoteDisconnected|Service Unavailable|Bad Gateway|serverInternal|<Response \[5\d\d\]>/i,
    )
  ) {
    return new Failure(
      'authority',
      `${host} does not answer the server, or is down; see its status page, and run again in an hour`,
    )
  }
  if (says(/<Response \[404\]>|Expecting value|JSONDecodeError/)) {
    return new Failure(
      'authority',
      `${host} answers, but not as an ACME server does; is \`acme-server\` the URL of its directory?`,
    )
  }
  if (says(/No space left on device/))
    return new Failure('diskFull', 'the server’s disk is full; free some space and run again')
  return undefined
}
