import type { Inputs } from '../../src/inputs/inputs.ts'
import type { Context } from '../../src/modes/context.ts'
import type { Server } from '../../src/server/server.ts'
import { selfSigned } from '../pem.ts'
import { recorded } from '../recorded.ts'

const own = selfSigned(recorded('trixie', 'ready').desired.domain)

/** What a mode needs, with a server that answers the facts script as one has that was recorded, and the apply script with `applied`. */
export function scene(
  {
    state = 'ready',
    applied = '',
    seen = text => text,
  }: { state?: 'ready' | 'converged'; applied?: string; seen?: (output: string) => string },
  changes: Partial<Inputs> = {},
) {
  const { desired, output } = recorded('trixie', state)
  const events: string[] = []
  const cancelled = new AbortController()
  const server = {
    async run(script: string, onLine: (line: string) => void = () => {}) {
      const applies = script.includes('\nlock ')
      events.push(applies ? 'apply' : 'look')
      const text = applies ? applied : seen(output)
      for (const line of text.split('\n')) onLine(line)
      return text
    },
    async close() {
      events.push('close')
    },
  } as unknown as Server
  const inputs: Inputs = {
    mode: 'plan',
    // Of one’s own: no authority is asked, nor DNS. Whatever is on this machine’s port 443, it is not this registry.
    desired: { ...desired, certificate: { chain: own.cert, key: own.key } },
    targets: [],
    images: [],
    immutable: false,
    pushUser: desired.users?.[0],
    login: false,
    throughSsh: false,
    githubToken: undefined,
    keep: undefined,
    grace: 86_400,
    undo: false,
    warnings: [],
    notes: [],
    ...changes,
  }
  const context: Context = {
    // Where not even root can write.
    folder: '/dev/null/berth-0badcafe',
    beside: () => context.listener,
    servers: [server],
    cancelled: cancelled.signal,
    group: (title, work) => {
      events.push(`group ${title}`)
      return work()
    },
    leaves: file => events.push(`leaves ${file}`),
    github: undefined,
    listener: {
      planned: steps => events.push(`planned ${steps.length > 0}`),
      done: ({ resource }) => events.push(`done ${resource}`),
      said: text => events.push(`said ${text}`),
      warned: ({ topic, message }) => events.push(`warned ${topic}: ${message}`),
      debug: () => {},
    },
  }
  return { inputs, context, events, cancelled }
}
