// biome-ignore lint/suspicious/noExplicitAny: what a browser tells has a form of its own for each event
export type Event = any

/** Commands to a browser and events from it, in JSON: the DevTools protocol and WebDriver BiDi differ only in how they tell an error. */
export class Wire {
  readonly #write: (message: string) => void
  readonly #waiting = new Map<number, (answer: Event) => void>()
  readonly #heard = new Map<string, ((params: Event) => void)[]>()
  #id = 0

  constructor(write: (message: string) => void) {
    this.#write = write
  }

  /** Takes a message from the browser. */
  hear(message: string): void {
    const { id, method, params, sessionId, ...answer } = JSON.parse(message)
    for (const listener of this.#heard.get(eventKey(method, sessionId)) ?? []) listener(params)
    this.#waiting.get(id)?.(answer)
    this.#waiting.delete(id)
  }

  /** Whoever still waits is told that the browser is gone. */
  end(): void {
    for (const answer of this.#waiting.values()) answer({ error: 'the browser has ended' })
  }

  /** Hears of an event, of one session where the browser tells them apart. */
  on(method: string, listener: (params: Event) => void, sessionId?: string): void {
    const key = eventKey(method, sessionId)
    this.#heard.set(key, [...(this.#heard.get(key) ?? []), listener])
  }

  /** Rejects with what the browser says of a command that failed. */
  send<T = Event>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error, message = error?.message ?? error }) =>
        error === undefined ? resolve(result) : reject(new Error(`${method}: ${message}`)),
      )
      this.#write(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }))
    })
  }
}

function eventKey(method: string, sessionId = ''): string {
  return `${sessionId} ${method}`
}

/** The middle of an element, scrolled into view: an expression for the page, whose value is `[x, y]` in CSS pixels. */
export function middleOf(selector: string): string {
  return `(() => { const element = document.querySelector(${JSON.stringify(selector)}); element.scrollIntoView({ block: 'center' })
    const { x, y, width, height } = element.getBoundingClientRect(); return [x + width / 2, y + height / 2].map(Math.round) })()`
}
