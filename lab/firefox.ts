import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { pipeline } from 'node:stream'
import type { Browser } from './browser.ts'
import { client } from './engine.ts'
import * as images from './images.ts'
import { type Machine, start } from './machine.ts'
import { until } from './process.ts'
import { middleOf, Wire } from './wire.ts'

/** Debian’s Firefox, without a screen, spoken to by WebDriver BiDi. */
export interface Firefox {
  /** A browser that nobody has used yet: it knows no password, and shares nothing with others. */
  fresh(): Promise<Firefoxed>
  remove(): Promise<void>
}

type Firefoxed = Pick<Browser, 'credentials' | 'asked' | 'errors' | 'ask' | 'open' | 'click' | 'close'>

/** Starts one that trusts a PEM bundle of authorities. */
export async function createFirefox(trust: string): Promise<Firefox> {
  const machine = await start({
    name: `firefox-${process.pid}-${count++}`,
    ours: true,
    kind: 'browser',
    image: await images.firefox(),
    flags: ['--init', '--shm-size', '512m'],
  })
  const way = await forward(machine)
  const { port } = way.address() as AddressInfo
  try {
    const authorities = trust.split(/(?=-----BEGIN CERTIFICATE)/)
    const files = authorities.map((_, index) => `/etc/firefox/ca-${index}.pem`)
    for (const [index, file] of files.entries()) await machine.write(file, authorities[index] ?? '')
    const policies = JSON.stringify({ policies: { Certificates: { Install: files } } })
    await machine.write('/etc/firefox/policies/policies.json', policies)
    await machine.sh(
      `mkdir /tmp/profile; HOME=/tmp setsid firefox-esr --headless --no-remote --profile /tmp/profile --remote-debugging-port ${port} about:blank </dev/null >/tmp/firefox.log 2>&1 &`,
    )
    const { wire, close } = await until('Firefox listens', 60, () =>
      connect(`ws://127.0.0.1:${port}/session`).catch(() => undefined),
    )
    await wire.send('session.new', { capabilities: {} })
    const events = ['network.authRequired', 'log.entryAdded', 'browsingContext.load']
    await wire.send('session.subscribe', { events })
    await wire.send('network.addIntercept', { phases: ['authRequired'] })
    return {
      fresh: () => open(wire),
      async remove() {
        close()
        way.close()
        await machine.remove()
      },
    }
  } catch (error) {
    way.close()
    await machine.remove()
    throw error
  }
}
let count = 0

/** A port of this machine’s loopback that leads to the same one of the other’s: Firefox answers nobody who asks for another. */
async function forward(machine: Machine): Promise<Server> {
  const [command, ...args] = await client(['exec', '--interactive', machine.container, 'socat', '-'])
  const server = createServer(socket => {
    const { port } = server.address() as AddressInfo
    const there = spawn(command, [...args, `TCP4:127.0.0.1:${port}`], { stdio: ['pipe', 'pipe', 'ignore'] })
    pipeline(socket, there.stdin, () => {})
    pipeline(there.stdout, socket, () => {})
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

async function open(wire: Wire): Promise<Firefoxed> {
  const { userContext } = await wire.send('browser.createUserContext')
  const { context } = await wire.send('browsingContext.create', { type: 'tab', userContext })
  const browser: Firefoxed = {
    credentials: undefined,
    asked: 0,
    errors: [],
    async ask<T>(expression: string) {
      const answer = await wire.send('script.evaluate', {
        expression: `Promise.resolve(${expression}).then(value => JSON.stringify(value))`,
        target: { context },
        awaitPromise: true,
        userActivation: false,
      })
      if (answer.type !== 'success')
        throw new Error(`${expression}: ${JSON.stringify(answer.exceptionDetails).slice(0, 1000)}`)
      const { value } = answer.result
      return (value === undefined ? undefined : JSON.parse(value)) as T
    },
    open: url => wire.send('browsingContext.navigate', { context, url, wait: 'complete' }),
    async click(selector) {
      const [x, y] = await browser.ask<[number, number]>(middleOf(selector))
      const actions = [
        { type: 'pointerMove', x, y },
        { type: 'pointerDown', button: 0 },
        { type: 'pointerUp', button: 0 },
      ]
      await wire.send('input.performActions', {
        context,
        actions: [{ type: 'pointer', id: 'mouse', actions }],
      })
    },
    close: async () => void (await wire.send('browser.removeUserContext', { userContext })),
  }
  wire.on('network.authRequired', event => {
    if (event.context !== context) return
    browser.asked++
    const answer = browser.credentials
      ? {
          action: 'provideCredentials',
          credentials: {
            type: 'password',
            username: browser.credentials.name,
            password: browser.credentials.password,
          },
        }
      : { action: 'cancel' }
    wire.send('network.continueWithAuth', { request: event.request.request, ...answer }).catch(() => {})
  })
  wire.on('log.entryAdded', event => {
    if (event.source.context === context && event.level === 'error') browser.errors.push(event.text)
  })
  return browser
}

/** WebDriver BiDi over a WebSocket. */
function connect(url: string): Promise<{ wire: Wire; close: () => void }> {
  const socket = new WebSocket(url)
  const wire = new Wire(message => socket.send(message))
  socket.addEventListener('message', ({ data }) => wire.hear(data))
  socket.addEventListener('close', () => wire.end())
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve({ wire, close: () => socket.close() }))
    socket.addEventListener('error', () => reject(new Error(`${url} does not answer`)))
  })
}
