import type { Desired, Mode } from '../desired.ts'
import { readDns } from './dns.ts'
import type { Reader } from './reader.ts'

const servers: Record<string, string> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
}

/** Reads what the certificate authority needs to know. */
export function readAcme(reader: Reader, mode: Mode): Desired['acme'] {
  const given = reader.text('acme-server') || 'letsencrypt'
  const server = reader.checked(
    'acme-server',
    servers[given] ?? given,
    value => /^https:\/\/[\w.:[\]-]+(\/[\w./~%?=&-]*)?$/.test(value),
    '`letsencrypt`, `letsencrypt-staging` or an https:// URL',
  )
  const email = reader.checked(
    'email',
    reader.text('email'),
    value => /^[\w.!#%&*+/=?^{|}~][\w.!#%&*+/=?^{|}~-]*@[A-Za-z0-9.-]+$/.test(value),
    'an e-mail address',
  )
  const ca = reader.text('ca').replaceAll('\r', '')
  if (ca !== '' && !/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(ca)) {
    reader.mistake('ca')('holds no PEM certificate')
  }
  return {
    server,
    email: email || undefined,
    ca: ca === '' ? undefined : `${ca}\n`,
    eab: readEab(reader),
    dns: readDns(reader, mode),
  }
}

/** External account binding, RFC 8555, section 7.3.4: the key is in base64url. */
function readEab(reader: Reader): Desired['acme']['eab'] {
  const text = reader.text('acme-eab')
  if (text === '') return undefined
  reader.secret(text)
  const [, kid = '', hmac = ''] = /^([^\s:]+):([\w-]+)=*$/.exec(text) ?? []
  if (hmac === '') {
    reader.mistake('acme-eab')('is not kid:hmac, the two values that your certificate authority gave you')
    return undefined
  }
  reader.secret(hmac)
  return { kid, hmac }
}
