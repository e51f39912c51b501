import { hkdfSync } from 'node:crypto'
import type { User } from '../desired.ts'
import { isMachineMade } from './password.ts'

/** bcrypt reads no further: two passwords that differ only beyond it would be the same. */
const maxBytes = 72

/**
 * Reads `users`: one `name:password` a line. `mistake` hears of every line that can't be taken, by number only, for
 * what is wrong with a line may be that it is a password. `secret` hears of each password before anything else does,
 * `warning` of passwords that can be guessed.
 */
export function parseUsers(
  text: string,
  mistake: (message: string) => void,
  secret: (text: string) => void,
  warning: (message: string) => void,
): User[] {
  const users: User[] = []
  const lineOf = new Map<string, number>()
  for (const [index, raw] of text.split('\n').entries()) {
    const number = index + 1
    const line = raw.replace(/\r$/, '')
    if (line.trim() === '') continue
    secret(line)
    const colon = line.indexOf(':')
    if (colon < 0) {
      mistake(`line ${number} has no colon; write name:password`)
      continue
    }
    const name = line.slice(0, colon).trimStart()
    const password = line.slice(colon + 1)
    // A single character is refused below; masking it would blank every word of the log that has it.
    if ([...password].length > 1) secret(password)
    secret(Buffer.from(`${name}:${password}`).toString('base64'))

    const wrong = nameMistake(name) ?? passwordMistake(password)
    const earlier = lineOf.get(name)
    if (wrong) mistake(`line ${number}: ${wrong}`)
    else if (earlier) mistake(`line ${number} has the same name as line ${earlier}`)
    else {
      lineOf.set(name, number)
      users.push({ name, password, strong: isMachineMade(password) })
    }
  }
  const weak = users.filter(({ strong }) => !strong).map(({ name }) => lineOf.get(name))
  if (weak.length > 0) {
    warning(
      `the password${weak.length > 1 ? 's' : ''} in line ${weak.join(', ')} could be guessed, and the stronger hash that this needs makes each request of that user slower; \`openssl rand -base64 24\` makes a good one`,
    )
  }
  return users
}

/**
 * A key that nobody has who has not got the SSH key: 32 bytes, the same in every run with that key. The server knows
 * only the public half.
 */
export function sealKey(privateKey: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', privateKey, '', 'berth: seals of users', 32))
}

function nameMistake(name: string): string | undefined {
  if (name === '') return 'the name is empty'
  if (name.startsWith('#')) return 'a name can’t begin with #, for htpasswd takes such a line as a comment'
  if (!/^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$/.test(name)) {
    return 'a name is made of letters, digits and . _ @ + - and begins with a letter, a digit or _'
  }
  return undefined
}

function passwordMistake(password: string): string | undefined {
  if (password === '') return 'the password is empty'
  if (password.includes('\0')) return 'the password has a NUL byte'
  if ([...password].length === 1) return 'the password is a single character'
  if (Buffer.byteLength(password) > maxBytes) {
    return `the password is longer than ${maxBytes} bytes, and bcrypt would ignore the rest`
  }
  return undefined
}
