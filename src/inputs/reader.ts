import { Failure, type Topic } from '../failure.ts'

/** The topic of mistakes in an input, where it is not `input`. */
const topicOf: Readonly<Record<string, Topic>> = {
  'ssh-key': 'key',
  'ssh-key-passphrase': 'key',
  'ssh-known-hosts': 'hostKey',
  users: 'users',
  access: 'users',
  auth: 'users',
  'push-user': 'users',
  certificate: 'ownCertificate',
  'certificate-key': 'ownCertificate',
  keep: 'keep',
  grace: 'keep',
  undo: 'keep',
  'acme-dns': 'dnsRecord',
  'acme-dns-credentials': 'dnsRecord',
  's3-bucket': 'bucket',
  's3-region': 'bucket',
  's3-endpoint': 'bucket',
  's3-access-key': 'bucket',
  's3-secret-key': 'bucket',
  's3-redirect': 'bucket',
  image: 'imageName',
  tags: 'imageName',
}

/** Reads single inputs and collects every mistake, so that all are reported at once. */
export class Reader {
  readonly #get: (name: string) => string
  /** Masks a text in the log from now on. */
  readonly secret: (text: string) => void
  /** Each begins with the input’s name. */
  readonly mistakes: Failure[] = []
  /** What is allowed but perhaps not meant. */
  readonly warnings: Failure[] = []
  /** What is right and good to know. */
  readonly notes: string[] = []

  /** `get` gives an input as it was written, `''` if absent. */
  constructor(get: (name: string) => string, secret: (text: string) => void) {
    this.#get = get
    this.secret = secret
  }

  raw(name: string): string {
    return this.#get(name)
  }

  text(name: string): string {
    return this.#get(name).trim()
  }

  /** `topic` is given if it is not that of other mistakes in this input. */
  mistake(name: string, topic?: Topic): (sentence: string) => void {
    return sentence => this.mistakes.push(about(name, sentence, topic))
  }

  warning(name: string): (sentence: string) => void {
    return sentence => this.warnings.push(about(name, sentence))
  }

  note(name: string): (sentence: string) => void {
    return sentence => this.notes.push(`${name}: ${sentence}`)
  }

  failed(name: string): boolean {
    return this.mistakes.some(({ message }) => message.startsWith(`${name}: `))
  }

  /** Checks the form of an input, unless it is empty. The message shows a wrong value, so never check a secret with it. */
  checked(name: string, value: string, good: (value: string) => boolean, form: string): string {
    if (value !== '' && !good(value)) this.mistake(name)(`${JSON.stringify(value)} is not ${form}`)
    return value
  }

  choice<Choice extends string>(name: string, choices: readonly [Choice, ...Choice[]]): Choice {
    const isChoice = (value: string): value is Choice => choices.some(choice => choice === value)
    const value = this.checked(
      name,
      this.text(name),
      isChoice,
      `one of ${choices.map(each => `\`${each}\``).join(', ')}`,
    )
    return isChoice(value) ? value : choices[0]
  }

  flag(name: string): boolean {
    return this.choice(name, ['false', 'true']) === 'true'
  }

  integer(name: string, min: number, max: number): number {
    const good = (value: string) => /^\d{1,5}$/.test(value) && Number(value) >= min && Number(value) <= max
    return Number(this.checked(name, this.text(name), good, `a whole number from ${min} to ${max}`))
  }
}

function about(name: string, sentence: string, topic: Topic = topicOf[name] ?? 'input'): Failure {
  return new Failure(topic, `${name}: ${sentence}`)
}
