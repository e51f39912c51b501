import { type ChildProcess, spawn } from 'node:child_process'
import { client } from './engine.ts'
import * as images from './images.ts'
import { type Machine, start } from './machine.ts'
import { until } from './process.ts'
import { type Event, middleOf, Wire } from './wire.ts'

/** Debian’s Chromium, without a screen. It is spoken to through a pipe: no port is open. */
export interface Chromium {
  /** A browser that nobody has used yet: it knows no password, and shares nothing with others. */
  fresh(): Promise<Browser>
  remove(): Promise<void>
}

export interface Browser {
  /** What the browser is asked for a name and a password answers with this; `undefined` cancels. */
  credentials: { name: string; password: string } | undefined
  /** How often it was asked. */
  asked: number
  /** Errors of the page: what its console says, and what it threw. */
  errors: string[]
  /** Every request that the page has made, as `METHOD URL`. */
  requests: string[]
  send<T = Record<string, unknown>>(method: string, params?: object): Promise<T>
  /** The value of an expression in the page, awaited if it is a promise. */
  ask<T>(expression: string): Promise<T>
  open(url: string): Promise<void>
  /** Presses the mouse’s button where an element is, as only a person can. */
  click(selector: string): Promise<void>
  /** A PNG of what is on the screen. */
  picture(): Promise<Buffer>
  close(): Promise<void>
}

/** Starts one that trusts a PEM bundle of authorities. */
export async function createChromium(trust: string): Promise<Chromium> {
  const machine = await start({
    name: `browser-${process.pid}-${count++}`,
    ours: true,
    kind: 'browser',
    image: await images.browser(),
    flags: ['--init', '--shm-size', '512m'],
  })
  try {
    return await launch(machine, trust)
  } catch (error) {
    await machine.remove()
    throw error
  }
}
let count = 0

async function launch(machine: Machine, trust: string): Promise<Chromium> {
  await machine.sh(
    `mkdir -p ~/.pki/nssdb && certutil -N -d sql:$HOME/.pki/nssdb --empty-password && cd /tmp &&
     csplit -s -z -f ca- - '/BEGIN CERTIFICATE/' '{*}' && for f in ca-*; do certutil -A -d sql:$HOME/.pki/nssdb -t C,, -n $f -i $f; done`,
    { input: trust.trim() },
  )
  // What it loads while an address is still being tried is lost: for Chromium the network has changed then.
  await until('its addresses are settled', 10, async () => {
    const tentative = await machine.run(`awk '$5 ~ /^[4-7c-f]/' /proc/net/if_inet6 | grep -q .`)
    return tentative.code !== 0
  })
  const script = `exec chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --lang=en-GB \
    --window-size=1280,800 --remote-debugging-pipe about:blank 3<&0 4>&1 >/dev/null 2>&1`
  const [command, ...args] = await client(['exec', '--interactive', machine.container, 'sh', '-c', script])
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const wire = listen(child)
  return {
    fresh: () => open(wire),
    async remove() {
      child.kill()
      await machine.remove()
    },
  }
}

async function open(wire: Wire): Promise<Browser> {
  const { browserContextId } = await wire.send<{ browserContextId: string }>('Target.createBrowserContext')
  const { targetId } = await wire.send<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
    browserContextId,
  })
  const { sessionId } = await wire.send<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  })
  const send = <T>(method: string, params: object = {}) => wire.send<T>(method, params, sessionId)
  const on = (method: string, listener: (params: Event) => void) => wire.on(method, listener, sessionId)
  const browser: Browser = {
    credentials: undefined,
    asked: 0,
    errors: [],
    requests: [],
    send,
    async ask<T>(expression: string) {
      const answer = await send<{ result: { value: T }; exceptionDetails?: object }>('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })
      if (answer.exceptionDetails)
        throw new Error(`${expression}: ${JSON.stringify(answer.exceptionDetails).slice(0, 1000)}`)
      return answer.result.value
    },
    async open(url) {
      const loaded = new Promise(resolve => on('Page.loadEventFired', resolve))
      const { errorText } = await send<{ errorText?: string }>('Page.navigate', { url })
      // Another machine of the lab has come or gone.
      if (errorText === 'net::ERR_NETWORK_CHANGED') return browser.open(url)
      if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
      await loaded
    },
    async click(selector) {
      const [x, y] = await browser.ask<[number, number]>(middleOf(selector))
      for (const type of ['mousePressed', 'mouseReleased'])
        await send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 })
    },
    async picture() {
      const { data } = await send<{ data: string }>('Page.captureScreenshot', { format: 'png' })
      return Buffer.from(data, 'base64')
    },
    close: async () => void (await wire.send('Target.disposeBrowserContext', { browserContextId })),
  }
  on('Fetch.requestPaused', ({ requestId }) => send('Fetch.continueRequest', { requestId }).catch(() => {}))
  on('Fetch.authRequired', ({ requestId }) => {
    browser.asked++
    const authChallengeResponse = browser.credentials
      ? {
          response: 'ProvideCredentials',
          username: browser.credentials.name,
          password: browser.credentials.password,
        }
      : { response: 'CancelAuth' }
    send('Fetch.continueWithAuth', { requestId, authChallengeResponse }).catch(() => {})
  })
  on('Network.requestWillBeSent', ({ request }) => browser.requests.push(`${request.method} ${request.url}`))
  on('Runtime.exceptionThrown', ({ exceptionDetails }) =>
    browser.errors.push(exceptionDetails.exception?.description ?? exceptionDetails.text),
  )
  on('Log.entryAdded', ({ entry }) => {
    if (entry.level === 'error') browser.errors.push(`${entry.text} ${entry.url ?? ''}`)
  })
  for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await send(`${domain}.enable`)
  await send('Fetch.enable', { handleAuthRequests: true })
  return browser
}

/** The DevTools protocol through a pipe: each message ends with a NUL. */
function listen(child: ChildProcess): Wire {
  const wire = new Wire(message => child.stdin?.write(`${message}\0`))
  let rest = ''
  child.stdin?.on('error', () => {})
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (rest + chunk).split('\0')
    rest = messages.pop() ?? ''
    for (const message of messages) wire.hear(message)
  })
  child.on('close', () => wire.end())
  return wire
}
