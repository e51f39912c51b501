import type { PeerCertificate } from 'node:tls'
import { Failure, type Topic } from '../failure.ts'

/** Why the registry can’t be asked over HTTPS, and what to do. */
export function connectionFailure(
  domain: string,
  { code, message, cert }: NodeJS.ErrnoException & { cert?: PeerCertificate },
): Failure {
  const [topic, sentence] = explain(domain, code, message, cert)
  return new Failure(topic, sentence)
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
        `${name} answers without end; does the name point to this server, and is it a registry that answers there?`,
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
        `the certificate that ${name} shows is not valid yet; are the clocks of server and runner right?`,
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
        : ['endpoint', `${name} can’t be asked over HTTPS: ${message}; try \`curl -v https://${name}/v2/\``]
  }
}

/** The names of a certificate: `DNS:a.example, DNS:b.example` as a few words. */
function alternatives(names: string): string {
  const all = names.replaceAll('DNS:', '').split(', ')
  return all.length > 3 ? `${all.slice(0, 3).join(', ')}, …` : all.join(', ')
}
