import { Failure } from '../failure.ts'
import { Transient } from '../registry/retry.ts'

/** The server has no room for what is pushed. */
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

/** What a push was about, for the words of its failure. */
export interface Attempt {
  domain: string
  repository: string
  user: string | undefined
  /** Who pushed: Docker or skopeo. */
  client: string
}

/** What a client or the registry said, as an error whose message is a sentence with the next action. */
export function pushFailure(words: string, { domain, repository, user, client }: Attempt): Failure {
  const there = `${domain}/${repository}`
  const quoted = words.replace(/\s+/g, ' ').slice(0, 300)
  if (/no space left|"?Err"?:\s*28\b/i.test(words))
    return new DiskFull(`the server’s disk is full, ${there} can’t be pushed`)
  if (/\b413\b|entity too large/i.test(words)) {
    return new TooLarge(
      `a proxy in front of ${domain} refuses an upload of this size for ${there} (413); raise its limit (\`client_max_body_size 0\` in nginx), or point the name straight at the server`,
    )
  }
  if (/denied|unauthorized|authentication required|no basic auth|forbidden|\b40[13]\b/i.test(words)) {
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

function isTransient(words: string): boolean {
  return /\b(5\d\d|429)\b|too ?many ?requests|connection (reset|refused)|broken pipe|\bEOF\b|time(d )?out|deadline exceeded|closed network|blob upload (unknown|invalid)|unknown blob|service unavailable|bad gateway|hang up|ECONNRESET|ECONNREFUSED|ETIMEDOUT|EPIPE/i.test(
    words,
  )
}
