import type { Mode, User } from '../desired.ts'
import { isMachineMade } from './password.ts'
import type { Reader } from './reader.ts'

/** bcrypt reads no further: two passwords that differ only beyond it would be the same. */
const maxBytes = 72

/** Reads `auth` and `users`; `null` for an open registry. `needed` says whether the mode needs users. */
export function readUsers(reader: Reader, needed: boolean, domain: string): User[] | null {
  if (reader.choice('auth', ['htpasswd', 'none']) === 'none') {
    reader.warning('auth')(
      `\`none\` makes an open registry: whoever reaches ${domain} may pull, push and delete images, and \`users\` counts for nothing`,
    )
    return null
  }
  const users = parseUsers(
    reader.raw('users'),
    reader.mistake('users'),
    reader.secret,
    reader.warning('users'),
  )
  if (users.length === 0 && needed && !reader.failed('users')) {
    reader.mistake('users')(
      'is empty, so nobody could log in; is the secret that it comes from set, and may this workflow read it (a pull request from a fork or Dependabot may not)? Give one name:password a line, or `auth: none` for an open registry',
    )
  }
  return users
}

/** Reads `push-user`: who logs in to push; by default the first of `users`. */
export function readPushUser(reader: Reader, users: User[] | null): User | undefined {
  const name = reader.text('push-user')
  if (name === '') return users?.[0]
  const user = users?.find(each => each.name === name)
  if (users && !user) reader.mistake('push-user')(`${JSON.stringify(name)} is not one of \`users\``)
  return user
}

/** Reads `login`: whether this job’s Docker stays logged in. */
export function readLogin(reader: Reader, mode: Mode, users: User[] | null): boolean {
  const login = reader.flag('login')
  if (login && users === null && mode !== 'down')
    reader.mistake('login')('needs one of `users`, but `auth: none` has none; omit one of them')
  return login
}

/**
 * Reads `users`: one `name:password` a line. Calls `mistake` for every wrong line, and names it only by its number, because
 * the line may be nothing but a password. Calls `secret` with each password before anything else, and `warning` for
 * passwords that a person may have made up.
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
    // A single character is refused below. Masking it would blank it wherever it appears in the log.
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
    const what = weak.length > 1 ? 'passwords' : 'password'
    const they =
      weak.length > 1 ? 'do not look machine-made, so they get' : 'does not look machine-made, so it gets'
    warning(
      `the ${what} in line ${weak.join(', ')} ${they} a slower hash, and each request of that user takes longer; make one with \`openssl rand -base64 24\``,
    )
  }
  return users
}

function nameMistake(name: string): string | undefined {
  if (name === '') return 'the name is empty'
  if (name.startsWith('#')) return 'a name can’t begin with #, which starts a comment in htpasswd'
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
