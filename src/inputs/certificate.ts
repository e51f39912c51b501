import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { OwnCertificate } from '../desired.ts'
import type { Reader } from './reader.ts'

/** Reads `certificate` and `certificate-key`, and checks for whatever nginx or clients would reject. `now` is in milliseconds since 1970. */
export function readCertificate(reader: Reader, domain: string, now: number): OwnCertificate | undefined {
  const chain = pem(reader.raw('certificate'))
  const key = pem(reader.raw('certificate-key'))
  if (chain === '' && key === '') return undefined
  for (const line of key.split('\n')) if (line !== '' && !line.startsWith('-----')) reader.secret(line)
  if (chain === '') reader.mistake('certificate')('is missing, but `certificate-key` is given')
  if (key === '') reader.mistake('certificate-key')('is missing, but `certificate` is given')
  if (chain === '' || key === '') return undefined

  const certificates = readChain(chain, reader.mistake('certificate'))
  const privateKey = readKey(key, reader.mistake('certificate-key'))
  const [leaf] = certificates
  if (leaf) {
    checkLeaf(leaf, domain, now, reader.mistake('certificate'))
    checkOrder(certificates, reader.mistake('certificate'))
    if (privateKey && !leaf.checkPrivateKey(privateKey)) {
      reader.mistake('certificate-key')(
        'does not belong to `certificate`, whose first certificate has another key',
      )
    }
  }
  return { chain, key }
}

/** The blocks, without what an editor for secrets or a terminal may have added. */
function pem(text: string): string {
  const lines = text
    .replaceAll('\uFEFF', '')
    .replaceAll('\\n', '\n')
    .split(/\r\n?|\n/)
    .map(line => line.trim())
    .filter(line => line !== '')
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

function readChain(text: string, mistake: (message: string) => void): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) mistake('holds no PEM certificate')
  if (text.includes('PRIVATE KEY-----')) mistake('holds a private key; that belongs in `certificate-key`')
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch {
    mistake('holds a certificate that is damaged; paste the whole file again')
    return []
  }
}

function readKey(text: string, mistake: (message: string) => void): KeyObject | undefined {
  if (text.includes('ENCRYPTED')) {
    mistake('is encrypted, so nginx could not start unattended; give it without a passphrase')
    return undefined
  }
  try {
    const key = createPrivateKey(text)
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (bits !== undefined && bits < 2048)
      mistake(`has only ${bits} bits; clients refuse RSA keys below 2048`)
    return key
  } catch {
    mistake(
      'is not a PEM private key, or is damaged; it must begin with a line like `-----BEGIN PRIVATE KEY-----`',
    )
    return undefined
  }
}

function checkLeaf(
  leaf: X509Certificate,
  domain: string,
  now: number,
  mistake: (message: string) => void,
): void {
  if (leaf.ca) mistake('begins with the certificate of an authority; the server’s own must come first')
  else if (domain !== '' && !leaf.checkHost(domain)) {
    mistake(`does not cover ${domain}; it is for ${leaf.subjectAltName ?? 'no name at all'}`)
  }
  if (leaf.validFromDate.getTime() > now) mistake(`is not valid before ${leaf.validFromDate.toISOString()}`)
  if (leaf.validToDate.getTime() < now) mistake(`expired on ${leaf.validToDate.toISOString()}`)
}

/** Each certificate must be signed by the next one: clients don't sort, and most don't fetch what is missing. */
function checkOrder(certificates: readonly X509Certificate[], mistake: (message: string) => void): void {
  for (const [index, certificate] of certificates.entries()) {
    const issuer = certificates[index + 1]
    if (issuer && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))) {
      mistake(
        `is in the wrong order: number ${index + 2} of the chain did not sign number ${index + 1}; the server’s own comes first, then each one’s issuer`,
      )
      return
    }
  }
}
