import { count, megabytes } from '../format.ts'
import type { PushMessage } from '../runner/docker.ts'

/** Milliseconds between two lines of the log. */
const pause = 5000

/** Turns the thousands of messages of a push into an occasional line: layers done, bytes, rate. */
export class PushProgress {
  readonly #say: (line: string) => void
  readonly #now: () => number
  readonly #layers = new Map<string, { current: number; total: number; state: 'open' | 'sent' | 'there' }>()
  readonly #started: number
  #said: number

  /** `now` tells milliseconds. */
  constructor(say: (line: string) => void, now: () => number = () => performance.now()) {
    this.#say = say
    this.#now = now
    this.#started = this.#said = now()
  }

  hear({ id, status = '', progressDetail }: PushMessage): void {
    const retrying = /^Retrying in 1 second/.test(status)
    if (retrying) this.#say(`Docker is retrying layer ${id}`)
    // The tag is sent as an id too, with the digest as its status.
    if (id !== undefined && !/digest: sha256:/.test(status)) {
      const layer = this.#layers.get(id) ?? { current: 0, total: 0, state: 'open' }
      if (progressDetail?.current) {
        layer.current = progressDetail.current
        layer.total = Math.max(progressDetail.total ?? 0, layer.current)
      }
      if (/^Pushed/.test(status))
        Object.assign(layer, { state: 'sent', current: Math.max(layer.current, layer.total) })
      if (/already exists|^Mounted from/i.test(status)) layer.state = 'there'
      this.#layers.set(id, layer)
    }
    const now = this.#now()
    if (now - this.#said >= pause) {
      this.#said = now
      this.#say(this.#line())
    }
  }

  /** What was done, in a few words. */
  summary(): string {
    const layers = [...this.#layers.values()]
    const there = layers.filter(({ state }) => state === 'there').length
    const seconds = (this.#now() - this.#started) / 1000
    const known = [
      ...(layers.length > 0 ? [`${count(layers.length, 'layer')} (${there} there already)`] : []),
      ...(this.#bytes() > 0 ? [this.#sent()] : []),
    ]
    return `${known.join(', ')} in ${seconds.toFixed(1)} s`
  }

  #line(): string {
    const layers = [...this.#layers.values()]
    const done = layers.filter(({ state }) => state !== 'open').length
    const total = layers.reduce((sum, layer) => sum + (layer.state === 'there' ? 0 : layer.total), 0)
    const rate = this.#bytes() / ((this.#now() - this.#started) / 1000)
    return `${done} of ${layers.length} layers, ${this.#sent()} of ${megabytes(total)}, ${megabytes(rate)}/s`
  }

  #bytes(): number {
    return [...this.#layers.values()].reduce((sum, { current }) => sum + current, 0)
  }

  #sent(): string {
    return megabytes(this.#bytes())
  }
}
