import type { AcmeDns } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import { withoutDomain } from '../../format.ts'

/**
 * Why a record in DNS could not be set, from the output of rehearsal.py and of certbot’s plugin; `undefined` if there was no
 * rehearsal, or it went well. The patterns match certbot’s plugins 2.0 to 4.0 and their libraries.
 */
export function rehearsalFailure(domain: string, dns: AcmeDns, output: string): Failure | undefined {
  const [, what, details = ''] = /^ ?rehearsal: (\S+) ?(.*)$/m.exec(output) ?? []
  if (what === undefined) return undefined
  const sentence = sentences[what]?.(domain, dns, details, output)
  return new Failure('dnsRecord', `nothing was ordered: ${sentence ?? providerSentence(domain, dns, output)}`)
}

type Sentence = (domain: string, dns: AcmeDns, details: string, output: string) => string

const sentences: Readonly<Record<string, Sentence>> = {
  zone: domain =>
    `DNS knows no zone that ${domain} is in; register the domain, or have its parent delegate it to its name servers`,
  resolver: (domain, _, details) =>
    `DNS on the server has no answer for ${details.replace(/ (.*)/, ' ($1)')}; check the name servers of ${domain} with \`dig +trace\`, and the server’s own resolver`,
  cname: (domain, { name }, target) =>
    name === 'hook'
      ? `${record(domain)} is a CNAME to ${target}, and the record did not appear there; let your script set it under that name`
      : `${record(domain)} is a CNAME to ${target}, which certbot’s plugin for ${name} does not follow; remove the CNAME, or use \`acme-dns: hook\` with a script that sets the record there`,
  unseen: (domain, dns, details) => {
    const [seconds, ...servers] = details.split(' ')
    return `${setter(dns)} set a record, and ${servers.join(' and ')} did not show it within ${seconds} s; is the zone of ${domain} served by these name servers, and not only by others?`
  },
  broken: (domain, _, error) =>
    `the rehearsal broke off with “${error.slice(0, 200)}”; see on the server what the name servers of ${domain} answer (\`dig TXT ${record(domain)} @NAMESERVER\`), and run again`,
  hook: (domain, _, code, output) =>
    `your script ended with ${code} when it should have set ${record(domain)}${lastWords(output)}; run it by hand on the server, as \`/etc/letsencrypt/berth/dns/…\` would be`,
}

const record = (domain: string) => `_acme-challenge.${domain}`

const setter = ({ name }: AcmeDns) => (name === 'hook' ? 'your script' : `certbot’s plugin for ${name}`)

/** The last line that a hook printed, as certbot shows it. */
function lastWords(output: string): string {
  const said = /ran with error output:\n((?: .*\n?)+)/.exec(output)?.[1]?.trim().split('\n').at(-1)?.trim()
  return said === undefined ? '' : ` (“${said.slice(0, 200)}”)`
}

/** What a provider, or certbot’s plugin for it, said. */
function providerSentence(domain: string, { name, credentials }: AcmeDns, output: string): string {
  const plugin = `certbot’s plugin for ${name}`
  const words = withoutDomain(output, domain)
  if (credentials === undefined && noCredential.test(words))
    return `${plugin} needs a credential; give \`acme-dns-credentials\` (is the secret that it comes from set?)`
  const known = providerWords.find(([pattern]) => pattern.test(words))
  if (known) return known[1](domain, name, plugin)
  const said = output
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !boilerplate.test(line))
    .at(-1)
  return `${plugin} failed${said === undefined ? '' : ` with “${said.slice(0, 300)}”`}; see its documentation for what \`acme-dns-credentials\` must contain, and which rights it needs`
}

const boilerplate =
  /^(rehearsal:|Ask for help|Saving debug log|See the logfile|Account registered|Requesting a certificate|Encountered exception during recovery)/

const noCredential =
  /Missing command line flag or config entry|NoCredentials|Unable to locate credentials|credentials were not found|configure credentials/i

/** The first match counts: an unreachable provider also leads to “no zone”, and “connection refused” says nothing about a credential. */
const providerWords: readonly [RegExp, (domain: string, name: string, plugin: string) => string][] = [
  [
    /Missing propert|Error parsing credentials|unsafe permissions|Unable to load|not valid JSON|MalformedError|Unable to parse config file|Expecting value: line 1/i,
    (_, _name, plugin) =>
      `\`acme-dns-credentials\` is not what ${plugin} takes; give a credentials file as its documentation describes`,
  ],
  [
    /\b429\b|Too Many Requests|throttl|rate.?limit|rate exceeded/i,
    (_, name) => `${name} accepts no more requests for now; run again in a few minutes`,
  ],
  [
    /timed out|Timeout|Connection refused|Name or service not known|NameResolution|Max retries|No route to host|Network is unreachable|EndpointConnectionError|Could not connect|connection failed/i,
    (_, name) =>
      `the server can’t reach ${name === 'rfc2136' ? 'the name server that `acme-dns-credentials` names' : `the API of ${name}`}; may it connect there, and does DNS work on the server?`,
  ],
  [
    /\b40[13]\b|9109|\b6003\b|\b10000\b|Invalid access token|Invalid request headers|Authentication error|unauthori[sz]ed|forbidden|InvalidClientTokenId|SignatureDoesNotMatch|AccessDenied|NoCredentials|invalid_grant|(Unable to|Could not) authenticate|Invalid token|permission|peer didn.t (know|like)|NOTAUTH|BADKEY|BADSIG|BADTIME|REFUSED/i,
    (domain, name) =>
      `${name} refuses \`acme-dns-credentials\`, or it may not write ${record(domain)}; give it that right, or a new one`,
  ],
  [
    /Unable to (determine|find) (the )?(zone|base domain|managed zone|a Route53 hosted zone|DNS zone)|No domain found|Could not find suitable domain|hosted zone for|Domain not found|does not (exist|manage)/i,
    (domain, name) =>
      `${name} has no zone for ${domain}, or \`acme-dns-credentials\` may not see it; give the credential the right to that zone, or use that of the account which has it`,
  ],
  [
    /unrecognized arguments|requested .* plugin does not appear to be installed/i,
    (_, name, plugin) =>
      `${plugin} is missing, or not one that Berth knows how to call; use another, or \`acme-dns: hook\` instead of ${name}`,
  ],
]
