import { Failure } from '../failure.ts'
import { literal, withoutDomain } from '../format.ts'
import { proxyFailure } from '../registry/failure.ts'
import { Transient } from '../registry/retry.ts'

/** The server has no space for the upload. */
export class DiskFull extends Failure {
  constructor(sentence: string) {
    super('diskFull', sentence)
  }
}

/** Something between here and the registry limits the size of an upload. */
export class TooLarge extends Failure {
  constructor(sentence: string) {
    super('proxy', sentence)
  }
}

/** A push, for the message about its failure. */
export interface Attempt {
  domain: string
  repository: string
  user: string | undefined
  /** Who pushed: Docker or skopeo. */
  client: string
}

/** Turns what a client or the registry said into a failure with the next action. */
export function pushFailure(said: string, { domain, repository, user, client }: Attempt): Failure {
  const there = `${domain}/${repository}`
  const quoted = said.replace(/\s+/g, ' ').slice(0, 300)
  // A proxy's whole page may be in it.
  const words = withoutNames(said.slice(0, 10_000), domain, repository)
  // skopeo unpacks an archive before it sends anything.
  if (/no space left/i.test(words) && /initializing source|untar|\/var\/tmp\/|TMPDIR/i.test(words))
    return new Failure(
      'diskFull',
      `this runner’s disk is full, so the archive for ${there} can’t be unpacked; delete what the job no longer needs, or set TMPDIR to a larger disk (${quoted})`,
    )
  if (/no space left|"?Err"?:\s*28\b/i.test(words))
    return new DiskFull(`the server’s disk is full, so ${there} can’t be pushed`)
  const status = statusIn(words)
  if (status === 413 || /entity too large/i.test(words)) {
    return new TooLarge(
      `a proxy in front of ${domain} refuses an upload of this size for ${there} (413); raise its limit (\`client_max_body_size 0\` in nginx), push with \`push-through: ssh\`, or point the name straight at the server`,
    )
  }
  const ownProxy = ownProxyFailure(words, quoted, domain, client)
  if (ownProxy) return ownProxy
  const proxied = status === undefined ? undefined : proxyFailure(domain, status)
  if (proxied) return proxied
  if (
    status === 401 ||
    status === 403 ||
    /denied|unauthorized|authentication required|no basic auth|forbidden/i.test(words)
  ) {
    return new Failure(
      'pushRights',
      `\`${user ?? 'anonymous'}\` may not push to ${there}; allow it in \`access\`, or choose another \`push-user\` (${quoted})`,
    )
  }
  if (/x509|certificate/i.test(words)) {
    return new Failure(
      'trust',
      `this runner’s ${client} does not trust the certificate that ${domain} shows; does the name point to this server from the runner? A private authority is given as \`ca\` (${quoted})`,
    )
  }
  if (/no such host|server misbehaving/i.test(words))
    return new Failure(
      'dns',
      `this runner’s ${client} can’t resolve ${domain}; look at its DNS settings (${quoted})`,
    )
  if (isTransient(words)) return new Transient('push', `${there} could not be pushed: ${quoted}`)
  return new Failure('push', `${client} can’t push ${there}: ${quoted}`)
}

/**
 * What was said, without the names in it: a word in that of `team/certificate-service` or of a tag says nothing about what went
 * wrong. A repository may be called as any word, so it counts as a name only where one stands.
 */
function withoutNames(said: string, domain: string, repository: string): string {
  const name = `${literal(repository)}(?![\\w-]|\\.\\w)`
  const before = repository.includes('/')
    ? '(?<![\\w.-])'
    : '(?<=/v2/|DOMAIN/|127\\.0\\.0\\.1:\\d+/|\\bName:)'
  return withoutDomain(said, domain)
    .replace(/\b((?:oci|oci-archive|docker-archive):)[^\s"]*[^\s":]/g, '$1SOURCE')
    .replace(new RegExp(before + name, 'g'), 'REPOSITORY')
    .replace(/(?<=REPOSITORY:|\/manifests\/)[\w.-]*\w/g, 'TAG')
    .replace(/\bmanifest [\w.-]*\w(?= to DOMAIN)/g, 'manifest TAG')
}

/** Words of a client that goes through the runner’s own proxy, in vain. The proxy’s answer to CONNECT is all that Go tells of it. */
function ownProxyFailure(words: string, quoted: string, domain: string, client: string): Failure | undefined {
  const refused =
    /"https?:\/\/[^"\s]+": (Forbidden|Proxy Authentication Required|Bad Gateway|Service Unavailable|Gateway Time-?out)\s*$/im
  if (!/proxyconnect/i.test(words) && !refused.test(words)) return undefined
  return new Failure(
    'proxy',
    `this runner’s ${client} goes to ${domain} through a proxy that does not reach it; add ${domain} to its \`no-proxy\`, for Docker in /etc/docker/daemon.json or its unit’s environment (${quoted})`,
  )
}

/** The same for what `docker login` said. */
export function loginFailure(said: string, { domain, user }: { domain: string; user: string }): Failure {
  const quoted = said.replace(/\s+/g, ' ').slice(0, 300)
  const words = withoutDomain(said, domain)
  const start = `this runner’s Docker can’t be logged in to ${domain} as \`${user}\``
  const ownProxy = ownProxyFailure(words, quoted, domain, 'Docker')
  if (ownProxy) return ownProxy
  if (/saving credentials|credential/i.test(words))
    return new Failure(
      'runnerLogin',
      `${start}, because its credential helper does not accept the password; correct \`credsStore\` in its config.json, or give the job a DOCKER_CONFIG of its own (${quoted})`,
    )
  if (/x509|certificate/i.test(words))
    return new Failure(
      'trust',
      `${start}, because it does not trust the certificate; give a private authority as \`ca\`, and check where DOCKER_HOST points (${quoted})`,
    )
  if (/not found|No such file/i.test(words) && /docker/.test(words) && !/https?:/.test(words))
    return new Failure('runnerProgram', `this runner has no Docker to log in; install it, or omit \`login\``)
  if (isTransient(words)) return new Transient('runnerLogin', `${start}: ${quoted}`)
  return new Failure(
    'runnerLogin',
    `${start}; does a step with \`docker login ${domain}\` work there? (${quoted})`,
  )
}

/** The status of an answer, as clients and Berth itself tell it. Any other number may be a tag. */
function statusIn(words: string): number | undefined {
  const told =
    /(?:^|\bstatus(?: ?code)?:? (?:from registry )?|\bHTTP(?:\/[\d.]+)? |answered with )([1-5]\d\d)\b/i.exec(
      words,
    )?.[1]
  return told === undefined ? undefined : Number(told)
}

function isTransient(words: string): boolean {
  const status = statusIn(words) ?? 0
  if (status === 429 || status >= 500) return true
  return /too ?many ?requests|connection (reset|refused)|broken pipe|\bEOF\b|time(d )?out|deadline exceeded|closed network|blob upload (unknown|invalid)|unknown blob|service unavailable|bad gateway|hang up|ECONNRESET|ECONNREFUSED|ETIMEDOUT|EPIPE/i.test(
    words,
  )
}
