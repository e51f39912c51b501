/**
 * Whether a password was clearly made by a machine, with 128 random bits or more, as `openssl rand -base64 24` does. A machine’s
 * password that is taken for a person’s only makes logins slower. A person’s password that is taken for a machine’s could be
 * guessed from a stolen file. So all of these must hold:
 *
 * - it has at least three kinds of characters, or is hexadecimal or base32 throughout, and is long enough for 128 bits;
 * - no four characters appear twice in the same order, and there are as many different characters as chance would give;
 * - it contains neither words nor dates nor runs of neighbouring keys, and is not a text in base64 or hexadecimal;
 * - it contains no UUID, of whose digits at most 122 bits are random, and often far fewer.
 */
export function isMachineMade(password: string): boolean {
  return bits(password) >= 128 && isVaried(password) && !isReadable(password) && !isCoded(password)
}

/**
 * The number of random bits, if each character was chosen at random from all characters of its kinds. Words count for nothing, nor
 * do numbers between punctuation.
 */
function bits(password: string): number {
  if (/^([0-9a-f]+|[0-9A-F]+)$/.test(password)) return password.length * 4
  const text = password.replace(/=+$/, '')
  const parts = text.split(/[-_. ,:;@]+/)
  const random = parts.length === 1 ? text : parts.filter(part => !isPlainPart(part)).join('')
  const { length } = random.replace(/[A-Z]?[a-z]+/g, run => (isWord(run) ? '' : run))
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
  if (date.test(password)) return true
  const letters = pairsOf(spelled(password)).filter(pair => /^[a-z]{2}$/.test(pair))
  const words = letters.filter(pair => frequent.has(pair)).length
  // If there are few pairs, many may be frequent by chance.
  return words > letters.length * 0.42 + 1.5 || isList(password)
}

/** A year, as by chance in one of thousands of passwords, or day and month. */
const date = /(?<!\d)(?:(?:19|20)\d\d|\d{1,2}[-./]\d{1,2}[-./]\d{2})(?!\d)/

/** Whether letters may be a word. Of six by chance, every twentieth are. */
function isWord(letters: string): boolean {
  const pairs = pairsOf(letters.toLowerCase())
  return letters.length >= 6 && pairs.filter(pair => frequent.has(pair)).length >= pairs.length / 2
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i

/** Whether it has a UUID in it, or is something readable in base64 or hexadecimal. */
function isCoded(password: string): boolean {
  if (uuid.test(password)) return true
  const texts = [
    ...(/^[\w+/-]+=*$/.test(password) ? [Buffer.from(password, 'base64')] : []),
    ...(/^[0-9a-f]+$/i.test(password) ? [Buffer.from(password, 'hex')] : []),
  ]
  return texts.some(text => /^[\x20-\x7e\s]*$/.test(text.toString('latin1')))
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
