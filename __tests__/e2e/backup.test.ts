import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createRunner, createServer, key, type Runner, type Server } from '../../lab/index.ts'
import { commands } from './page.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(300_000)

// The drill of docs/storage.md, with the commands that stand there.
const page = (heading: string) => commands('storage.md', heading, here.server.domain)

let here: Registry
let fresh: Server
/** Whose owner has an SSH key for the servers, and Docker. */
let laptop: Runner
let references: string[]
let certificate: string
let orders: number

beforeAll(async () => {
  here = await registry()
  laptop = await createRunner()
  await laptop.write('/root/.ssh/id_ed25519', (await key()).private, '600')
  await laptop.write('/root/.ssh/known_hosts', here.server.knownHosts)
  await laptop.write(`/etc/docker/certs.d/${here.server.domain}/ca.crt`, here.world.acme.trust)
  const build = ['one', 'two'].map(
    name =>
      `mkdir -p ~/${name} && cd ~/${name} && date +%s%N >own && printf 'FROM scratch\\nCOPY own /\\n' >Dockerfile && docker build -q -t drill-${name} . && cd`,
  )
  await here.world.runner.sh(build.join(' && '), { user: 'runner' })
  const run = succeeded(await here.step({ image: 'drill-one => team/one\ndrill-two' }))
  references = (run.outputs.images ?? '').split('\n')
  expect(references).toHaveLength(2)
  certificate = await shown()
})

afterAll(() => Promise.all([here?.server.remove(), fresh?.remove(), laptop?.remove()]))

function shown(): Promise<string> {
  const { domain } = here.server
  return laptop.sh(
    `openssl s_client -connect ${domain}:443 -servername ${domain} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`,
  )
}

async function pull(): Promise<void> {
  const { domain } = here.server
  await laptop.sh('docker image prune -af')
  for (const user of ['ci', 'alice'] as const) {
    await laptop.sh(`docker login -u ${user} --password-stdin ${domain}`, { input: passwords[user] })
    for (const reference of references) await laptop.sh(`docker pull -q ${reference}`)
    await laptop.sh(`docker logout ${domain}`)
  }
  const there = await laptop.sh(`docker images --digests --format '{{.Repository}}@{{.Digest}}'`)
  expect(there.split('\n').sort()).toEqual(references.toSorted())
}

test('a backup is made while the registry goes on', async () => {
  const [backup = ''] = page('Backup')
  await laptop.sh(`cd && ${backup}`)
  const files = await laptop.sh('tar -tf ~/berth-backup.tar')
  expect(files).toMatch(/^opt\/berth\/data\/docker\/registry\/v2\/blobs\/sha256\/.*\/data$/m)
  expect(files).toContain(`etc/letsencrypt/live/${here.server.domain}/privkey.pem`)
  expect(files).not.toContain('_uploads')
  await pull()
})

test('it is restored on a fresh server, under the same name', async () => {
  const { domain } = here.server
  await here.server.remove()
  fresh = await createServer({ ready: false, aliases: [domain] })
  const knownHosts = fresh.knownHosts.replaceAll(fresh.domain, domain)
  await laptop.write('/root/.ssh/known_hosts', knownHosts)
  orders = await here.world.acme.validations(domain)
  const [unpack = '', scan = ''] = page('Restore drill')
  await laptop.sh(`cd && ${unpack}`)
  const [keyscan = ''] = scan.trim().split('\n')
  await laptop.sh(`cd && ${keyscan.trim()}`)
  here.inputs['ssh-known-hosts'] = await laptop.read('/root/known_hosts')

  const run = succeeded(await here.step())
  expect(run.outputs.plan).toContain('start registry')
  expect(run.outputs.plan).not.toMatch(/order|users/)
})

test('every image pulls by the same digest, as every user', () => pull())

test('the certificate is the one from before, and none was ordered', async () => {
  expect(await shown()).toBe(certificate)
  expect(await here.world.acme.validations(here.server.domain)).toBe(orders)
})

test('then there is nothing left to do, and pushing works', async () => {
  const run = succeeded(await here.step({ image: 'drill-one => team/one\ndrill-two' }))
  expect(run.outputs.changed).toBe('false')
  expect(run.outputs.images?.split('\n')).toEqual(references)
})

test('mode clean deletes there too, and what it keeps stays', async () => {
  const [kept = '', gone = ''] = references
  const store = '/opt/berth/data/docker/registry/v2'
  const blobs = () => fresh.sh(`ls ${store}/blobs/sha256/* | grep -c ^[0-9a-f]`)
  const before = await blobs()
  await fresh.sh(`find ${store} -type f -exec touch -d '9 days ago' {} +`)
  const repository = gone.replace(/^[^/]*\//, '').replace(/@.*$/, '')
  succeeded(await here.step({ mode: 'clean', keep: `${repository}: { empty: true }` }))
  expect(Number(await blobs())).toBeLessThan(Number(before))
  references = [kept]
  expect(succeeded(await here.step()).outputs.changed).toBe('false')
  await pull()
})
