import type { PeerCertificate } from 'node:tls'
import { Failure, type Topic } from '../failure.ts'
import { Transient } from './retry.ts'

/** Errors of a machine that may reach others only through a proxy. */
const noWay = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']

/** Why the registry can’t be asked over HTTPS, and what to do. `env` is the runner’s environment. */
export function connectionFailure(
  domain: string,
  { code, message, cert }: NodeJS.ErrnoException & { cert?: PeerCertificate },
  env: Record<string, string | undefined> = {},
): Failure {
  const [topic, sentence] = explain(domain, code, message, cert)
  if (!noWay.includes(code ?? '') || !isProxied(domain, env)) return new Failure(topic, sentence)
  return new Failure(
    'proxy',
    `${sentence} This runner has a proxy (HTTPS_PROXY), and Berth does not go through it: let the runner reach ${domain} directly, or use one that can`,
  )
}

/** Whether a program that obeys the environment would use a proxy. */
function isProxied(domain: string, env: Record<string, string | undefined>): boolean {
  if (!(env.HTTPS_PROXY || env.https_proxy)) return false
  const names = (env.NO_PROXY ?? env.no_proxy ?? '').split(',').map(each => each.trim().replace(/^\*?\./, ''))
  return !names.some(each => each !== '' && (each === '*' || `.${domain}`.endsWith(`.${each}`)))
}

/** The meaning of a status that only a proxy such as Cloudflare’s sends; `undefined` for any other. */
export function proxyFailure(domain: string, status: number): Failure | undefined {
  const start = `the proxy in front of ${domain}`
  switch (status) {
    case 521:
    case 522:
    case 523:
      return new Transient(
        'proxy',
        `${start} does not reach the server (${status}); does the server’s firewall let the proxy in on port 443?`,
      )
    case 524:
      return new Transient(
        'proxy',
        `${start} waited too long for the server (524); push with \`push-through: ssh\`, or point the name straight at the server`,
      )
    case 525:
    case 526:
      return new Failure(
        'proxy',
        `${start} does not accept the server’s certificate (${status}); is it one that the proxy trusts, and not expired?`,
      )
    default:
      return undefined
  }
}

function explain(
  name: string,
  code: string | undefined,
  message: string,
  cert: PeerCertificate | undefined,
): [Topic, string] {
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['dns', `the name ${name} does not resolve; add its DNS record`]
    case 'ECONNREFUSED':
      return ['endpoint', `nothing listens on port 443 at ${name}; does the name point to this server?`]
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return ['endpoint', `${name} does not answer on port 443; does the server’s firewall let HTTPS in?`]
    case 'EMSGSIZE':
      return [
        'endpoint',
        `${name} sends an answer that never ends; does the name point to this server, and is it a registry that answers there?`,
      ]
    case 'ECONNRESET':
      return [
        'endpoint',
        `${name} closes connections to port 443 without an answer; is a proxy or firewall in between?`,
      ]
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return ['endpoint', `${name} does not speak HTTPS on port 443; does the name point to this server?`]
    case 'CERT_NOT_YET_VALID':
      return [
        'servedCertificate',
        `the certificate that ${name} shows is not valid yet; are the clocks of the server and the runner right?`,
      ]
    case 'CERT_HAS_EXPIRED':
      return [
        'servedCertificate',
        `the certificate that ${name} shows has expired; run mode \`up\` or \`renew\``,
      ]
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return [
        'servedCertificate',
        `the certificate that ${name} shows is for other names${cert?.subjectaltname ? ` (${alternatives(cert.subjectaltname)})` : ''}; does the name point to this server?`,
      ]
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return [
        'trust',
        `the certificate that ${name} shows is not from an authority that this runner trusts; give a private one as \`ca\``,
      ]
    default:
      // OpenSSL's alert has no code of its own here.
      return /unrecognized name/.test(message)
        ? [
            'endpoint',
            `the server that ${name} points to does not know this name on port 443; does the name point to the right one, and is the registry set up there?`,
          ]
        : ['endpoint', `${name} can’t be reached over HTTPS: ${message}; try \`curl -v https://${name}/v2/\``]
  }
}

/** The names in a certificate, given as `DNS:a.example, DNS:b.example`, for a message. */
function alternatives(names: string): string {
  const all = names.replaceAll('DNS:', '').split(', ')
  return all.length > 3 ? `${all.slice(0, 3).join(', ')}, …` : all.join(', ')
}
