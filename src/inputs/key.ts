/**
 * Repairs a private key, so that OpenSSH can read it: CRLF, a byte order mark, a missing final newline, a literal `\n`,
 * indentation, and line breaks that became spaces. OpenSSH reports them all as `error in libcrypto`.
 *
 * Throws an Error that says what the text is, if it isn't a private key.
 */
export function repairKey(text: string): string {
  const plain = text
    .replaceAll('\uFEFF', '')
    .replaceAll('\\r', '')
    .replaceAll('\\n', '\n')
    .replaceAll('\r', '\n')
    .trim()
  if (plain.startsWith('PuTTY-User-Key-File')) {
    throw new Error('is a PuTTY key; convert it with `puttygen key.ppk -O private-openssh -o key`')
  }
  if (
    /^(ssh-|ecdsa-|sk-)\S+ AAAA/.test(plain) ||
    plain.startsWith('-----BEGIN PUBLIC') ||
    plain.startsWith('---- BEGIN SSH2')
  ) {
    throw new Error('is a public key; the private one is in the file of the same name without `.pub`')
  }
  const armour = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----([\s\S]*?)-----END \1-----/.exec(plain)
  if (!armour) {
    throw new Error(
      plain.includes('PRIVATE KEY-----')
        ? 'is truncated: it must go from its BEGIN line to its END line'
        : 'is not a private key: it must begin with a line like `-----BEGIN OPENSSH PRIVATE KEY-----`',
    )
  }
  const [, kind, inside = ''] = armour
  const lines = inside.split('\n').map(line => line.trim())
  const headers = lines.filter(line => line.includes(':'))
  const body = lines
    .filter(line => !line.includes(':'))
    .join('')
    .replace(/\s/g, '')
  if (kind === 'OPENSSH PRIVATE KEY' && !whole(Buffer.from(body, 'base64'))) {
    throw new Error(
      'is damaged: its content ends too early or is not an OpenSSH key; paste the whole file again',
    )
  }
  return [
    `-----BEGIN ${kind}-----`,
    ...(headers.length > 0 ? [...headers, ''] : []),
    ...(body.match(kind === 'OPENSSH PRIVATE KEY' ? /.{1,70}/g : /.{1,64}/g) ?? []),
    `-----END ${kind}-----`,
    '',
  ].join('\n')
}

/** Whether a repaired key can be read only with a passphrase. */
export function isEncrypted(key: string): boolean {
  if (/ENCRYPTED/.test(key)) return true
  if (!key.startsWith('-----BEGIN OPENSSH')) return false
  return string(Buffer.from(key.replace(/-----.*-----/g, ''), 'base64'), magic.length).text !== 'none'
}

/** Whether a repaired key is in OpenSSH's own format, complete, and without a passphrase. */
export function isPlain(key: string): boolean {
  return key.startsWith('-----BEGIN OPENSSH') && !isEncrypted(key)
}

const magic = 'openssh-key-v1\0'

// cipher, kdf and its options, the number of keys, then the public and the private part: PROTOCOL.key of OpenSSH.
function whole(blob: Buffer): boolean {
  if (blob.subarray(0, magic.length).toString('latin1') !== magic) return false
  try {
    let at = magic.length
    for (let field = 0; field < 3; field++) at = string(blob, at).end
    at += 4
    for (let part = 0; part < 2; part++) at = string(blob, at).end
    return true
  } catch {
    return false
  }
}

function string(blob: Buffer, at: number): { text: string; end: number } {
  const start = at + 4
  const end = start + blob.readUInt32BE(at)
  if (end > blob.length) throw new RangeError('truncated')
  return { text: blob.toString('latin1', start, end), end }
}
