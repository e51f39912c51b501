import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Content } from '../../lab/content.ts'
import {
  type Browser,
  type Chromium,
  createChromium,
  createFirefox,
  type Firefox,
  password,
  until,
} from '../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

// The page to look at, in Debian’s Chromium, and the main things in its Firefox.

jest.setTimeout(300_000)

const dave = password()
const carol = password()
const settings = {
  page: 'true',
  users: `ci:${passwords.ci}\nalice:${passwords.alice}\nbob:${passwords.bob}\ncarol:${carol}\ndave:${dave}`,
  access: `
ci: push
bob: pull
alice:
  pull: [team/*, tools/lint]
dave:
  pull: tools/none
`,
}
const tried = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`

let here: Registry
let chromium: Chromium
let browser: Browser
let domain: string
let content: Content

beforeAll(async () => {
  here = await registry()
  domain = here.server.domain
  succeeded(await here.step(settings))
  content = new Content(here.server, here.world.acme.trust, { name: 'ci', password: passwords.ci })
  await fill()
  chromium = await createChromium(here.world.acme.trust)
})

afterAll(async () => {
  content?.close()
  await chromium?.remove()
  await here?.server.remove()
})

async function fill(): Promise<void> {
  const amd64 = { os: 'linux', architecture: 'amd64' }
  const arm64 = { os: 'linux', architecture: 'arm64' }
  const images = await Promise.all(
    [amd64, arm64].map(async platform => ({
      ...(await content.image('team/app', undefined, {
        platform,
        labels: { 'org.opencontainers.image.licenses': `MIT for ${platform.architecture}` },
        layers: [
          ['COPY app /app # buildkit', 12_000_000],
          [`RUN make ${platform.architecture}`, 3_000_000],
        ],
      })),
      platform,
    })),
  )
  const [first] = images
  if (!first) return
  const proof = await content.attestation('team/app', first, 'https://ci.example.com/run/1')
  const index = { mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [...images, proof] }
  const whole = await content.manifest('team/app', '1.1', index)
  await content.signature('team/app', whole, 'https://example.com/release.yml', 'https://issuer.example.com')
  const old = await content.image('team/app', '1.0')
  await content.bundle('team/app', old, 'https://example.com/bundled.yml', 'https://issuer.example.com')
  await content.age('team/app', '1.0', 3 * 86_400)
  await content.image('secret/app', '1')
  await content.image('tools/lint', '1')
  await content.image('alone', 'x')
  await content.image('team/hostile', 'x', {
    platform: { os: tried, architecture: tried },
    labels: {
      [tried]: tried,
      'javascript:window.pwned=1': 'javascript:window.pwned=1',
      'a\u202eb': '\u202eesrever',
      __proto__x: '{{constructor}}',
      long: 'x'.repeat(100_000),
      strange: { toString: 1 },
      'org.opencontainers.image.url': 'javascript:window.pwned=1',
    },
    annotations: { [tried]: tried, '"><svg onload=window.pwned=1>': "'-window.pwned=1-'" },
    layers: [[`${tried} # buildkit`, 1]],
  })
  const hostile = await content.image('team/hostile', 'signed')
  await content.signature('team/hostile', hostile, `https://x/${tried.replaceAll(' ', '')}`, tried)
  await content.image('many/tags', 'first')
  await content.copies(
    'many/tags',
    'first',
    Array.from({ length: 4999 }, (_, index) => `build-${4999 - index}`),
  )
}

/** Opens an address as a user, in a browser that nobody has used. */
async function visit(hash = '', user = 'ci', password: string | undefined = passwords.ci): Promise<void> {
  await browser?.close()
  browser = await chromium.fresh()
  browser.credentials = { name: user, password }
  await browser.open(`https://${domain}/${hash === '' ? '' : `page/${hash}`}`)
  await settled()
}

const settled = () =>
  until('the page is there', 20, () =>
    look(() =>
      browser.ask<boolean>(
        "!document.querySelector('main[aria-busy]') && !!document.querySelector('main h1')",
      ),
    ),
  )
/** What the browser answers; `undefined` while it replaces one page by another, when there is nothing to ask. */
const look = <T>(ask: () => Promise<T>): Promise<T | undefined> =>
  ask().catch(error => {
    if (!/navigated|context/i.test(String(error))) throw error
    return undefined
  })
const innerText = "document.body?.innerText ?? ''"
const text = async () => (await look(() => browser.ask<string>(innerText))) ?? ''
const shows = (words: string) =>
  until(`the page shows “${words}”`, 20, async () => (await text()).includes(words)).catch(async error => {
    throw new Error(`${error.message}, but:\n${await text()}`)
  })
const follow = async (name: string) => {
  await browser.ask(
    `[...document.querySelectorAll('a, button')].find(each => each.textContent === ${JSON.stringify(name)}).click()`,
  )
  await settled()
}
const names = () =>
  browser.ask<string[]>("[...document.querySelectorAll('main .card .name')].map(each => each.textContent)")
const type = (words: string) =>
  browser.ask(
    `(() => { const input = document.querySelector('input'); input.value = ${JSON.stringify(words)}; input.dispatchEvent(new Event('input')) })()`,
  )
/** What is no fault of the page: a registry that has no list of referrers says so by 404. */
const faults = () => browser.errors.filter(each => !/404.*\/referrers\//.test(each))

function curl(args: string) {
  return here.world.consumer.sh(`curl -sk --path-as-is -m 20 ${args}`.replaceAll('DOMAIN', domain))
}

describe('clients that are no browsers notice nothing', () => {
  const status = (args: string) => curl(`-o /dev/null -w '%{http_code} %{redirect_url}' ${args}`)

  test('`/` redirects who asks for HTML only', async () => {
    expect(await status(`-H 'Accept: text/html,*/*' https://DOMAIN/`)).toBe(`302 https://${domain}/page/`)
    expect(await status('https://DOMAIN/')).toBe('401')
    expect(await status(`-u ci:${passwords.ci} https://DOMAIN/`)).toBe('200')
  })

  test('`/v2/` is as it was, for a browser too', async () => {
    for (const accept of ['*/*', 'text/html']) {
      const answer = await curl(`-i -H 'Accept: ${accept}' https://DOMAIN/v2/`)
      expect(answer).toMatch(/^HTTP\/2 401/)
      expect(answer).toMatch(/www-authenticate: Basic realm="Registry"/i)
      expect(answer).toContain('"code":"UNAUTHORIZED"')
      expect(answer).not.toMatch(/content-security-policy/i)
    }
  })

  test('Docker logs in, pushes and pulls, and skopeo reads an image', async () => {
    const { consumer } = here.world
    await consumer.write(`/etc/docker/certs.d/${domain}/ca.crt`, here.world.acme.trust)
    const image = `${domain}/alone:docker`
    const pushed = await consumer.sh(
      `set -e; export DOCKER_CONFIG=$(mktemp -d); cd $DOCKER_CONFIG
       docker login -u ci --password-stdin ${domain} >&2
       date >file; printf 'FROM scratch\\nCOPY file /\\n' | docker build -q -t ${image} -f - . >&2
       docker push -q ${image} >&2; docker rmi ${image} >&2; docker pull -q ${image}; docker rmi ${image} >&2; rm -r $DOCKER_CONFIG`,
      { input: passwords.ci },
    )
    expect(pushed).toBe(image)
    const inspect = `skopeo inspect --raw --cert-dir /etc/docker/certs.d/${domain} --creds bob:${passwords.bob} docker://${domain}/team/app:1.1`
    expect(await consumer.sh(inspect)).toContain('attestation-manifest')
    await consumer.sh(`rm -r /etc/docker/certs.d/${domain}`)
  })
})

describe('the door', () => {
  const status = (path: string, name?: string, password?: string) =>
    curl(`-o /dev/null -w '%{http_code}' ${name ? `-u '${name}:${password}'` : ''} 'https://DOMAIN${path}'`)

  test.each([
    '/page/',
    '/page/page.js',
    '/page/page.css',
    '/page/user',
    '/page/repositories',
    '/page/tags/team/app',
    '/page/none',
  ])('%s asks for a password', async path => {
    expect(await status(path)).toBe('401')
    expect(await status(path, 'ci', 'wrong')).toBe('401')
  })

  test.each([
    ['/page/tags/team/app', '200'],
    ['/page/tags/tools/lint', '200'],
    ['/page/tags/secret/app', '403'],
    ['/page/tags/alone', '403'],
    ['/page/tags/team/../secret/app', '403'],
    ['/page/tags/team/%2e%2e/secret/app', '403'],
    ['/page/tags/team%2f..%2fsecret/app', '403'],
    ['/page/tags//secret/app', '403'],
    ['/page//tags/secret/app', '403'],
    ['/page/./tags/secret/app', '403'],
    ['//page/tags/secret/app', '403'],
    ['/page/../page/tags/secret/app', '403'],
    ['/page/tags/secret/app?/page/tags/team/app', '403'],
    ['/page/tags/secret/app%00', '400'],
    ['/page/%74ags/secret/app', '403'],
    ['/PAGE/tags/secret/app', '403'],
    ['/v2/../page/tags/secret/app', '403'],
    ['/v2/team/app/../../../page/tags/secret/app', '403'],
    ['/page/../htpasswd', '403'],
    ['/page/../../htpasswd', '400'],
    ['/page/..%2fhtpasswd', '403'],
    ['/page/index.html', '403'],
    ['/page/catalog.pl', '403'],
  ])('alice asks for %s: %s', async (path, expected) => {
    expect(await status(path, 'alice', passwords.alice)).toBe(expected)
  })

  test('nobody chooses what to see by a header of his own', async () => {
    const list = await curl(
      `-u alice:${passwords.alice} -H 'X-Berth-Sees: **' -H 'x-berth-sees: secret/app' https://DOMAIN/page/repositories`,
    )
    expect(
      JSON.parse(list)
        .repositories.map(([name]: [string]) => name)
        .sort(),
    ).toEqual(['team/app', 'team/hostile', 'tools/lint'])
  })

  test('what is not a question is refused', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      for (const path of ['', 'page.js', 'user', 'repositories', 'tags/team/app'])
        expect(
          await curl(
            `-o /dev/null -w '%{http_code}' -u alice:${passwords.alice} -X ${method} https://DOMAIN/page/${path}`,
          ),
        ).toBe('403')
  })

  test('guesses at the page count like all others', async () => {
    const codes = await curl(
      `--parallel --parallel-max 30 -o /dev/null -w '%{http_code}\\n' -u bob:wrong 'https://DOMAIN/page/user?[1-60]'`,
    )
    expect(codes.split('\n').filter(code => code === '429').length).toBeGreaterThan(20)
    // Whoever has logged in before from there is not held up.
    expect(await status('/page/user', 'alice', passwords.alice)).toBe('200')
  })

  test('the service is nobody but the registry’s account, and has no network', async () => {
    const pid = await here.server.sh(`systemctl show -p MainPID --value berth-page-${domain}`)
    const state = await here.server.sh(`cat /proc/${pid}/status`)
    expect(state).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m)
    expect(state).toMatch(/^Gid:\t65532\t65532\t65532\t65532$/m)
    expect(state).toMatch(/^Groups:\t65532 $/m)
    expect(state).toMatch(/^CapEff:\t0+$/m)
    expect(await here.server.sh(`nsenter -n -t ${pid} ip -brief link`)).not.toMatch(/^(?!lo)/m)
  })
})

describe('in the browser', () => {
  test('log in by the browser itself, look around, open, copy', async () => {
    await visit()
    expect(browser.asked).toBe(1)
    expect(await browser.ask('location.pathname')).toBe('/page/')
    expect(await names()).toEqual(['alone', 'tags', 'app', 'app', 'hostile', 'lint'])
    expect(await browser.ask("document.getElementById('user').textContent")).toBe('ci')
    expect(await text()).toMatch(/many\n+tags\n*\s*5,000 tags/)

    await type('TEAM app')
    expect(await names()).toEqual(['app'])
    await type('nothing like it')
    await shows('Nothing matches')
    await type('')

    await browser.ask(`document.querySelector('a[href="#/team/app"]').click()`)
    await settled()
    await shows('linux/arm64')
    expect(
      await browser.ask("[...document.querySelectorAll('.tags .name a')].map(each => each.textContent)"),
    ).toEqual(['1.1', '1.0'])
    await shows('signed')
    expect(await text()).toMatch(/3 days ago/)
    expect(await text()).not.toMatch(/sha256-|unknown/)
    expect(await text()).toMatch(/2 more tags for signatures/)

    await follow('1.1')
    await shows('Signatures and attestations')
    const shown = await text()
    for (const words of [
      `docker pull ${domain}/team/app:1.1`,
      `podman pull ${domain}/team/app:1.1`,
      '15.0 MB',
      '2 platforms',
      'COPY app /app',
      'RUN make amd64',
      'MIT for amd64',
      'https://ci.example.com/run/1',
      'https://example.com/release.yml',
      'https://issuer.example.com',
      'SBOM (SPDX)',
    ])
      expect(shown).toContain(words)
    expect(shown).not.toContain('RUN make arm64')
    await browser.click('details:nth-of-type(2) summary')
    await shows('RUN make arm64')
    await shows('MIT for arm64')

    await browser.click('.commands button')
    await shows('Copied')
    const digest = await browser.ask<string>("document.querySelector('.platforms .digest').title")
    await browser.ask(`location.hash = '#/team/app@${digest}'`)
    await shows(`docker pull ${domain}/team/app@${digest}`)
    expect(await text()).not.toContain('podman pull')
    await browser.ask("location.hash = '#/'")
    await shows('Without a group')
    await browser.click('input')
    await browser.send('Input.dispatchKeyEvent', { type: 'keyDown', key: 'v', commands: ['paste'] })
    expect(await browser.ask("document.querySelector('input').value")).toBe(
      `docker pull ${domain}/team/app:1.1`,
    )
    expect(browser.asked).toBe(1)
    expect(faults()).toEqual([])
  })

  test('by the keyboard alone', async () => {
    await visit('#/team/app')
    const press = async (key: string, code = key, windowsVirtualKeyCode = key === 'Tab' ? 9 : 13) => {
      const event = { key, code, windowsVirtualKeyCode, ...(key === 'Enter' && { text: '\r' }) }
      await browser.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event })
      await browser.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
      return browser.ask<string>('document.activeElement.textContent || document.activeElement.ariaLabel')
    }
    const order = []
    for (let each = 0; each < 7; each++) order.push((await press('Tab')).trim())
    expect(order).toEqual(['Skip to content', domain, 'Log out', 'Repositories', 'Search tags', '1.1', '1.0'])
    await press('Enter')
    await shows('team/app:1.0')
    await settled()
    await shows('https://example.com/bundled.yml')
    // Who can't see is told where they are.
    expect(await browser.ask('document.activeElement.textContent')).toBe('team/app:1.0')
    expect(await browser.ask('document.title')).toBe('team/app:1.0')
    await browser.ask('history.back()')
    await shows('2 tags')
  })

  test('log out: the browser has forgotten the password, and nothing was kept', async () => {
    await visit('#/team/app')
    const kept = `(async () => [localStorage.length, sessionStorage.length, document.cookie,
      (await indexedDB.databases()).length, (await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length])()`
    expect(await browser.ask(kept)).toEqual([0, 0, '', 0, 0, 0])
    const begin = browser.asked
    await follow('Log out')
    await shows('You are logged out')
    // No dialog to log in comes up.
    expect(browser.asked).toBe(begin)
    expect(await text()).not.toContain('ci')
    const before = browser.asked
    browser.credentials = undefined
    expect(await browser.ask("fetch('/v2/_catalog').then(answer => answer.status)")).toBe(401)
    expect(browser.asked).toBe(before + 1)
    browser.credentials = { name: 'alice', password: passwords.alice }
    await follow('Log in again')
    await until('alice is logged in', 20, async () => (await text()).includes('alice'))
  })

  test('a wrong password shows nothing of the registry', async () => {
    await browser.close()
    browser = await chromium.fresh()
    await browser.open(`https://${domain}/page/`).catch(() => undefined)
    expect(await text()).toMatch(/^This registry asks for a name and a password/)
  })
})

test('in Firefox: log in, search, open, copy, hostile labels, log out', async () => {
  const firefox: Firefox = await createFirefox(here.world.acme.trust)
  try {
    const other = await firefox.fresh()
    const text = async () => (await look(() => other.ask<string>(innerText))) ?? ''
    const shows = (words: string) =>
      until(`Firefox shows “${words}”`, 20, async () => (await text()).includes(words)).catch(async error => {
        throw new Error(`${error.message}, but:\n${await text()}`)
      })
    other.credentials = { name: 'ci', password: passwords.ci }
    await other.open(`https://${domain}/`)
    await shows('Without a group')
    expect(other.asked).toBe(1)
    await other.ask(
      "(() => { const input = document.querySelector('input'); input.value = 'TEAM app'; input.dispatchEvent(new Event('input')) })()",
    )
    await shows('app')
    expect(await text()).not.toContain('hostile')
    await other.click('main .card a.name')
    await shows('linux/arm64')
    await other.click('.tags .name a')
    await shows('RUN make amd64')
    await shows('https://example.com/release.yml')
    await other.click('.commands button')
    await shows('Copied')
    await other.ask("location.hash = '#/team/hostile:x'")
    await shows('javascript:window.pwned=1')
    expect(await other.ask('window.pwned')).toBeUndefined()
    const markup = "document.querySelectorAll('main img, main script, main svg, [onerror], [onload]').length"
    expect(await other.ask(markup)).toBe(0)
    await other.click('#logout')
    await shows('You are logged out')
    other.credentials = undefined
    expect(await other.ask("fetch('/v2/_catalog').then(answer => answer.status)")).toBe(401)
    expect(other.asked).toBe(2)
    expect(other.errors).toEqual([])
  } finally {
    await firefox.remove()
  }
})

describe('few rights', () => {
  test('who may not list everything sees what the patterns name', async () => {
    await visit('', 'alice', passwords.alice)
    expect(await names()).toEqual(['app', 'hostile', 'lint'])
    expect(await text()).toContain('of those that you may see: team/*, tools/lint')
    expect(browser.requests.some(each => each.includes('_catalog'))).toBe(false)
    expect(faults()).toEqual([])
    await browser.ask("location.hash = '#/secret/app'")
    await shows('alice may not pull secret/app')
    await browser.ask("location.hash = '#/secret/app:1'")
    await shows('alice may not pull secret/app')
  })

  test.each([
    [
      'a pattern that nothing fits',
      'dave',
      () => dave,
      'Nothing is there yet of what you may see: tools/none',
    ],
    ['no rule', 'carol', () => carol, 'You may not see any repository'],
  ])('%s', async (_, name, password, words) => {
    await visit('', name, password())
    expect(await text()).toContain(words)
    expect(faults()).toEqual([])
  })
})

describe('hostile text', () => {
  test.each(['x', 'signed'])('team/hostile:%s is shown and does nothing', async tag => {
    await visit('#/team/hostile')
    await shows('sig')
    await browser.ask(`location.hash = '#/team/hostile:${tag}'`)
    await shows(tag === 'x' ? 'javascript:window.pwned=1' : 'Signatures and attestations')
    expect(await text()).toContain('<script>window.pwned=1</script>')
    if (tag === 'x') expect(await text()).toContain('{"toString":1}')
    expect(await browser.ask('window.pwned')).toBeUndefined()
    const markup = await browser.ask<number>(
      "document.querySelectorAll('main img, main script, main svg, main iframe, main object, [onerror], [onload], a[href^=javascript]').length",
    )
    expect(markup).toBe(0)
    expect(await browser.ask('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(faults()).toEqual([])
  })

  test('what would get past that is stopped by the browser', async () => {
    await visit()
    const blob = await content.blob('team/hostile', 'window.pwned = 1', 'text/javascript')
    const tries = `(async () => {
      const blocked = []
      addEventListener('securitypolicyviolation', event => blocked.push(event.effectiveDirective))
      const attempt = work => { try { work() } catch (error) { blocked.push(error.name) } }
      attempt(() => { document.body.innerHTML = '<b>x</b>' })
      attempt(() => eval('1'))
      const add = (name, values) => { const element = document.createElement(name); Object.assign(element, values); document.body.append(element) }
      attempt(() => add('script', { textContent: 'window.pwned = 1' }))
      attempt(() => add('script', { src: '/v2/team/hostile/blobs/${blob.digest}' }))
      attempt(() => add('img', { src: '/page/page.css' }))
      attempt(() => add('iframe', { src: '/page/' }))
      attempt(() => fetch('https://example.com/').catch(() => {}))
      attempt(() => document.body.setAttribute('onclick', 'window.pwned = 1'))
      await new Promise(resolve => setTimeout(resolve, 300))
      return blocked
    })()`
    const blocked = await browser.ask<string[]>(tries)
    expect(
      blocked.filter(each => each === 'TypeError' || each === 'EvalError').length,
    ).toBeGreaterThanOrEqual(4)
    expect(blocked).toEqual(expect.arrayContaining(['img-src', 'connect-src', 'frame-src']))
    expect(await browser.ask('window.pwned')).toBeUndefined()
  })
})

describe('5,000 tags', () => {
  const asked = (what: RegExp) => browser.requests.filter(each => what.test(each)).length

  test('the first paint is there within a second, and only what is on the screen is asked for', async () => {
    // The best of a few, for the machine may have other work.
    const painted: number[] = []
    while (painted.length < 5 && Math.min(...painted) >= 1000) {
      await visit()
      const begin = Date.now()
      browser.requests.length = 0
      await browser.ask("location.hash = '#/many/tags'")
      await until('the newest tag is shown', 20, async () => (await text()).includes('build-4999'))
      painted.push(Date.now() - begin)
    }
    console.log(`5,000 tags: painted after ${painted.join(', ')} ms`)
    expect(Math.min(...painted)).toBeLessThan(1000)
    await shows('linux/amd64')
    await until('nothing is asked any more', 10, async () => {
      const before = browser.requests.length
      await new Promise(resolve => setTimeout(resolve, 300))
      return before === browser.requests.length
    })
    expect(asked(/\/page\/tags\/many\/tags$/)).toBe(1)
    expect(asked(/\/tags\/list/)).toBe(0)
    const rows = Math.ceil(800 / 50)
    expect(asked(/\/manifests\//)).toBeGreaterThan(5)
    expect(asked(/\/manifests\//)).toBeLessThanOrEqual(rows)
  })

  test('the rest comes as it is scrolled, and a search finds what was never on the screen', async () => {
    const rows = () => browser.ask<number>("document.querySelectorAll('.tags > li').length")
    expect(await rows()).toBe(100)
    await browser.ask('scrollTo(0, document.body.scrollHeight)')
    await until('there are more', 10, async () => (await rows()) > 100)
    await type('build-12')
    // build-12, build-120 … 129, build-1200 … 1299
    await until('it is found', 10, async () => (await text()).includes('build-1299'))
    expect(await browser.ask("document.getElementById('status').textContent")).toBe('111 found')
  })
})

describe('looks', () => {
  const scheme = (value: string) =>
    browser.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] })
  const axe = axeCore()
  const places = ['#/', '#/team/app', '#/team/app:1.1', '#/team/hostile:x', '#/secret/none']

  test('light and dark, by what the system says', async () => {
    await visit()
    const colours = []
    for (const value of ['light', 'dark']) {
      await scheme(value)
      colours.push(await browser.ask('getComputedStyle(document.body).backgroundColor'))
    }
    expect(colours).toEqual(['rgb(246, 247, 249)', 'rgb(16, 20, 27)'])
  })

  test.each(places)('%s fits on a phone', async place => {
    await browser.send('Emulation.setDeviceMetricsOverride', {
      ...{ width: 360, height: 740, deviceScaleFactor: 1, mobile: true },
    })
    await browser.ask(`location.hash = ${JSON.stringify(place)}`)
    await settled()
    expect(await browser.ask('document.documentElement.scrollWidth')).toBe(360)
  })

  const testAxe = axe === undefined ? test.skip : test
  testAxe.each(places.flatMap(place => ['light', 'dark'].map(value => [place, value] as const)))(
    'axe has nothing to say of %s in %s',
    async (place, value) => {
      await browser.send('Emulation.clearDeviceMetricsOverride')
      await visit(place)
      await scheme(value)
      await until('nothing is loading', 10, () =>
        browser.ask<boolean>("!document.querySelector('main[aria-busy]')"),
      )
      // It makes functions out of text, which the page's own policy would not let it.
      await browser.send('Page.setBypassCSP', { enabled: true })
      await browser.send('Page.reload')
      await until('it is there again', 20, () =>
        browser
          .ask<boolean>("!!document.querySelector('main h1') && !document.querySelector('main[aria-busy]')")
          .catch(() => false),
      )
      await browser.send('Runtime.evaluate', { expression: axe })
      const findings = await browser.ask<string[]>(
        "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 200)).join(' ')))",
      )
      expect(findings).toEqual([])
    },
  )
})

/** From npm, for this once: it is no dependency. `undefined` where npm can’t fetch it. */
function axeCore(): string | undefined {
  const folder = join(import.meta.dirname, '../../.lab/axe')
  const file = join(folder, 'node_modules/axe-core/axe.min.js')
  if (!existsSync(file))
    spawnSync(
      'npm',
      ['install', '--silent', '--no-audit', '--no-fund', '--prefix', folder, 'axe-core@4.11.0'],
      {
        timeout: 60_000,
      },
    )
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

describe('in plan and drift', () => {
  let plan: (more?: Record<string, string>) => Promise<string[]>
  beforeEach(() => {
    plan = async (more = {}) => {
      const run = succeeded(await here.step({ ...settings, mode: 'plan', ...more }))
      return (JSON.parse(run.outputs.plan ?? '[]') as { action: string; summary: string }[]).map(
        ({ action, summary }) => `${action} ${summary}`,
      )
    }
  })

  test('a second run has nothing to do; what somebody changed is put right', async () => {
    expect(await plan()).toEqual([])
    await here.server.sh(
      `cd /opt/berth && echo evil >>page/page.js && chmod 666 page/page.css && systemctl stop berth-page-${domain} && rm -f run/page.sock`,
    )
    expect(await plan()).toEqual([
      'update /opt/berth/page/page.css',
      'update /opt/berth/page/page.js',
      `update start berth-page-${domain}.service`,
    ])
    succeeded(await here.step(settings))
    expect(await plan()).toEqual([])
    expect(await curl(`-u ci:${passwords.ci} https://DOMAIN/page/page.js`)).not.toContain('evil')
    expect(await curl(`-u ci:${passwords.ci} https://DOMAIN/page/repositories`)).toContain('team/app')
  })

  test('it is there again after a reboot', async () => {
    await here.server.reboot()
    await until('the service answers', 60, async () =>
      (await curl(`-u ci:${passwords.ci} https://DOMAIN/page/repositories`).catch(() => '')).includes(
        'team/app',
      ),
    )
  })

  test('with images where the service can’t look, the page asks the registry alone', async () => {
    const elsewhere = { 'registry-config': 'storage: {filesystem: {rootdirectory: /var/lib/registry/.}}' }
    succeeded(await here.step({ ...settings, ...elsewhere }))
    expect(await plan(elsewhere)).toEqual([])
    await visit('', 'bob', passwords.bob)
    expect(await names()).toEqual(['alone', 'tags', 'app', 'app', 'hostile', 'lint'])
    await browser.ask("location.hash = '#/team/app'")
    await shows('linux/arm64')
    expect(
      await browser.ask("[...document.querySelectorAll('.tags .name a')].map(each => each.textContent)"),
    ).toEqual(['1.1', '1.0'])
    await visit('', 'alice', passwords.alice)
    expect(await names()).toEqual(['app', 'hostile', 'lint'])
    await browser.ask("location.hash = '#/secret/app'")
    await shows('alice may not pull secret/app')
    succeeded(await here.step(settings))
  })

  test('`page: false` takes it away', async () => {
    const off = { ...settings, page: 'false' }
    expect(await plan(off)).toEqual([
      `update berth-${domain}.conf`,
      `delete berth-page-${domain}.service`,
      'delete /opt/berth/catalog.pl',
      'delete /opt/berth/page',
    ])
    succeeded(await here.step(off))
    expect(await plan(off)).toEqual([])
    expect(
      await here.server.sh(
        `ls -d /opt/berth/page /opt/berth/catalog.pl /opt/berth/run/page.sock /etc/systemd/system/berth-page-* /etc/systemd/system/*/berth-page-* 2>/dev/null | cat`,
      ),
    ).toBe('')
    const status = (args: string) => curl(`-o /dev/null -w '%{http_code}' ${args}`)
    expect(await status(`-u ci:${passwords.ci} https://DOMAIN/page/`)).toBe('403')
    expect(await status(`-H 'Accept: text/html' https://DOMAIN/`)).toBe('401')
    expect(await status(`-u ci:${passwords.ci} https://DOMAIN/v2/`)).toBe('200')
  })
})
