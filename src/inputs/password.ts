/**
 * Whether a password was clearly made by a machine, with 128 random bits or more, as `openssl rand -base64 24` does. A machine’s
 * password that is taken for a person’s only makes logins slower. A person’s password that is taken for a machine’s could be
 * guessed from a stolen file. So all of these must hold:
 *
 * - it has at least three kinds of characters, or is hexadecimal or base32 throughout, and is long enough for 128 bits;
 * - no four characters appear twice in the same order, and there are as many different characters as chance would give;
 * - it contains neither words nor runs of neighbouring keys.
 */
export function isMachineMade(password: string): boolean {
  return bits(password) >= 128 && isVaried(password) && !isReadable(password)
}

/**
 * The number of random bits, if each character was chosen at random from all characters of its kinds. Words and numbers between
 * punctuation count for nothing.
 */
function bits(password: string): number {
  const parts = password.replace(/=+$/, '').split(/[-_. ,:;@]+/)
  const length =
    parts.length === 1
      ? password.replace(/=+$/, '').length
      : parts.filter(part => !isPlainPart(part)).join('').length
  if (/^[0-9a-f]+$/.test(password) || /^[0-9A-F]+$/.test(password)) return length * 4
  if (/^[A-Z2-7]+=*$/.test(password) && /[2-7]/.test(password)) return length * 5
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/]
  const sizes = [26, 26, 10, 2]
  const found = kinds.map(kind => kind.test(password))
  const alphabet = sizes.reduce((sum, size, index) => sum + (found[index] ? size : 0), 0)
  return found.filter(Boolean).length < 3 ? 0 : length * Math.log2(alphabet)
}

/** By chance, the same four characters appear twice in only one of thousands of passwords. */
function isVaried(password: string): boolean {
  const lower = password.toLowerCase()
  const pieces = Array.from(lower.slice(3), (_, index) => lower.slice(index, index + 4))
  const hexadecimal = /^[0-9a-f]+$/.test(lower)
  return (
    (hexadecimal || new Set(pieces).size === pieces.length) &&
    !/(.{5,}).*\1/.test(lower) &&
    new Set(password).size >= (hexadecimal ? 10 : Math.min(15, password.length * 0.5))
  )
}

/** The most frequent pairs of letters in European languages: two thirds of all pairs in a text. */
const frequent = new Set(
  (
    'th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld ur ' +
    'io ne me ch ei ie ge un be ll ss oo ee ro ri co ma el la lo li no ta so mo do pa po wo rd us ow sh ck ic il us om di ' +
    'ca em mi na ni ol os qu am ad bi gh ho ir ke ly ns nc oc pe pl pr rs rt sc sp su tr ut wa we wh wi yo '
  )
    .trim()
    .split(/\s+/),
)

/** Neighbours on a keyboard, in the alphabet, or in counting, in either direction. */
const rows = (
  'qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm abcdefghijklmnopqrstuvwxyz 01234567890 ' +
  '1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm'
).split(' ')

function isReadable(password: string): boolean {
  const hexadecimal = /^[0-9a-f]+$/i.test(password)
  const pairs = pairsOf(password.toLowerCase())
  // Among sixteen digits neighbours are frequent.
  if (pairs.filter(isNeighbours).length > pairs.length * (hexadecimal ? 0.45 : 0.38)) return true
  if (hexadecimal) return false
  const letters = pairsOf(spelled(password)).filter(pair => /^[a-z]{2}$/.test(pair))
  const words = letters.filter(pair => frequent.has(pair)).length
  // If there are few pairs, many may be frequent by chance.
  return words > letters.length * 0.42 + 1.5 || isList(password)
}

function pairsOf(text: string): string[] {
  return Array.from(text.slice(1), (_, index) => text.slice(index, index + 2))
}

/** In lower case, with letters in place of the digits and signs that people write for them. */
function spelled(password: string): string {
  const letters: Record<string, string> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's' }
  return password.toLowerCase().replace(/[013457@$]/g, sign => letters[sign] ?? sign)
}

/** Whether it is words and numbers with punctuation in between. */
function isList(password: string): boolean {
  const parts = password.split(/[^a-zA-Z0-9]+/).filter(part => part !== '')
  const plain = parts.filter(part => part.length > 1 && isPlainPart(part))
  return plain.length >= 3 && plain.length > parts.length / 2
}

function isNeighbours(pair: string): boolean {
  const [first, second] = pair
  if (first === second) return true
  return rows.some(row => row.includes(pair) || row.includes(`${second}${first}`))
}

function isPlainPart(part: string): boolean {
  return /^(?:[a-z]*|[A-Z]*|[A-Z][a-z]*|\d*)$/.test(part)
}
