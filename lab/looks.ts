import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Content } from './content.ts'
import { createChromium, createServer, key, password, removeMachine, runStep, until, world } from './index.ts'
import { shop } from './shop.ts'

// Pictures of the page of a real registry, in both colour schemes: script/picture page writes them into docs/.
const [folder = '.'] = process.argv.slice(2)
const { acme, runner } = await world()
await removeMachine('registry')
const server = await createServer({ name: 'registry' })
const alice = { name: 'alice', password: password() }
const { code, log } = await runStep(runner, {
  domain: server.domain,
  email: 'ops@example.com',
  'ssh-key': (await key()).private,
  'ssh-known-hosts': server.knownHosts,
  'acme-server': acme.directory,
  ca: acme.trust,
  users: `${alice.name}:${alice.password}`,
  page: 'true',
})
if (code !== 0) throw new Error(log)
const content = new Content(server, acme.trust, alice)
await shop(content)
content.close()

const pictures = [
  { file: 'page', hash: '#/shop/orders', width: 1180, height: 660, shows: 'signed' },
  { file: 'page-image', hash: '#/shop/orders:2.8.0', width: 1180, height: 1235, shows: 'release.yml' },
  { file: 'page-phone', hash: '#/shop/orders', width: 390, height: 780, shows: 'signed' },
]
const chromium = await createChromium(acme.trust)
const browser = await chromium.fresh()
browser.credentials = alice
try {
  await browser.open(`https://${server.domain}/page/`)
  for (const { file, hash, width, height, shows } of pictures) {
    const size = { width, height, deviceScaleFactor: width < 600 ? 2 : 1.5, mobile: false }
    await browser.send('Emulation.setDeviceMetricsOverride', size)
    for (const scheme of file === 'page-phone' ? ['light'] : ['light', 'dark']) {
      const features = [{ name: 'prefers-color-scheme', value: scheme }]
      await browser.send('Emulation.setEmulatedMedia', { features })
      await browser.ask(`location.hash = '#/none/such'`)
      const text = () => browser.ask<string>('document.body.innerText')
      await until('the last picture has gone', 20, async () =>
        (await text()).includes('Something went wrong'),
      )
      await browser.ask(`location.hash = ${JSON.stringify(hash)}`)
      await until(`${file} shows ${shows}`, 20, async () => (await text()).includes(shows))
      await until('every row is there', 20, () =>
        browser.ask<boolean>(
          "![...document.querySelectorAll('.tags .what')].some(each => !each.textContent)",
        ),
      )
      if (await browser.ask("!!document.querySelector('.tags .what .soft')"))
        throw new Error(`${file} lacks a row; run again`)
      writeFileSync(
        join(folder, scheme === 'light' ? `${file}.png` : `${file}-dark.png`),
        await browser.picture(),
      )
    }
  }
} finally {
  await chromium.remove()
  await server.remove()
}
