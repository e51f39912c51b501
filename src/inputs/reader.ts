/** Reads single inputs and collects every mistake, so that all are reported at once. */
export class Reader {
  readonly #get: (name: string) => string
  /** Masks a text in the log from now on. */
  readonly secret: (text: string) => void
  /** A line each, beginning with the input’s name. */
  readonly problems: string[] = []
  /** What is allowed and perhaps not meant, a line each. */
  readonly warnings: string[] = []

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

  problem(name: string): (message: string) => void {
    return message => this.problems.push(`${name}: ${message}`)
  }

  warning(name: string): (message: string) => void {
    return message => this.warnings.push(`${name}: ${message}`)
  }

  failed(name: string): boolean {
    return this.problems.some(each => each.startsWith(`${name}: `))
  }

  /** An input that must look a certain way if it is there. A wrong one is shown, so never read a secret with it. */
  checked(name: string, value: string, good: (value: string) => boolean, form: string): string {
    if (value !== '' && !good(value)) this.problem(name)(`${JSON.stringify(value)} is not ${form}`)
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
