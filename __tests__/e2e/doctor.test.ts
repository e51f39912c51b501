import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { copy, createRunner, type Runner } from '../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(300_000)

const checkout = join(import.meta.dirname, '../..')
const other = `other-${Math.random().toString(36).slice(2, 8)}.berth.test`

let here: Registry
/** Has Node and a checkout, and nothing else of the project’s. */
let laptop: Runner

beforeAll(async () => {
  here = await registry({ aliases: [other] })
  laptop = await createRunner()
  await Promise.all(['script', 'src'].map(folder => copy(laptop, join(checkout, folder), `/berth/${folder}`)))
  await laptop.write('/berth/ca.pem', here.world.acme.trust)
  succeeded(await here.step())
})

afterAll(() => Promise.all([here?.server.remove(), laptop?.remove()]))

async function doctor(args: string, input = '') {
  const { code, stdout, stderr } = await laptop.run(`/berth/script/doctor ${args}`, { input })
  return { code, said: stdout.trim(), stderr }
}

const wrong = ({ said }: { said: string }) => said.split('\n').filter(line => !line.startsWith('ok '))

test('a registry that is well', async () => {
  const { domain, address } = here.server
  const found = await doctor(`${domain} --ca /berth/ca.pem --login`, `ci:${passwords.ci}\n`)
  const [v4, v6] = [address.v4, address.v6].map(each => [
    `ok     port 80 at ${each}: redirects to HTTPS`,
    `ok     port 443 at ${each}: HTTPS, with a certificate that is trusted here`,
    expect.stringMatching(/^ok {5}certificate: valid for 89 days more, until 20/),
    'ok     registry: asks for a password',
    'ok     login as ci: works',
  ])
  expect(found.said.split('\n')).toEqual([
    `ok     DNS: ${domain} is ${address.v4} and ${address.v6}`,
    ...(v4 ?? []),
    ...(v6 ?? []),
  ])
  expect(found.code).toBe(0)
  expect(found.said + found.stderr).not.toContain(passwords.ci)
})

test('a password that is not the one', async () => {
  const found = await doctor(`${here.server.domain} --ca /berth/ca.pem --login`, 'ci:another\n')
  expect(found.code).toBe(1)
  expect(wrong(found)[0]).toMatch(/^WRONG {2}login as ci: refused; is this the password in the secret/)
})

test('a private authority that is not given', async () => {
  const found = await doctor(here.server.domain)
  expect(found.code).toBe(1)
  expect(wrong(found)[0]).toMatch(/port 443 at .* not from an authority that this runner trusts; give/)
})

test('a name that points to the server and is not its registry’s', async () => {
  const found = await doctor(`${other} --ca /berth/ca.pem`)
  expect(found.code).toBe(1)
  expect(wrong(found).join('\n')).toMatch(/port 80 at .* not Berth’s redirect to HTTPS/)
  expect(wrong(found).join('\n')).toMatch(/port 443 at .* does not know this name on port 443/)
})

test('a name that does not exist', async () => {
  const found = await doctor('nowhere.berth.test')
  expect(found.code).toBe(1)
  expect(wrong(found)).toEqual([expect.stringMatching(/^WRONG {2}DNS: /)])
})

test('a registry that is down behind its nginx', async () => {
  await here.server.sh('docker stop $(docker ps -q)')
  const found = await doctor(`${here.server.domain} --ca /berth/ca.pem --login`, `ci:${passwords.ci}\n`)
  expect(wrong(found)[0]).toMatch(/login as ci: answers 502: nginx is up but the registry is not/)
  expect(found.code).toBe(1)
})

test('a server whose nginx is stopped', async () => {
  await here.server.sh('systemctl stop nginx')
  const found = await doctor(`${here.server.domain} --ca /berth/ca.pem`)
  expect(found.code).toBe(1)
  expect(wrong(found).slice(0, 2)).toEqual([
    expect.stringMatching(/port 80 at .*: refuses connections; start nginx/),
    expect.stringMatching(/port 443 at .*: nothing listens on port 443/),
  ])
})

test('help', async () => {
  expect((await doctor('--help')).said).toContain('script/doctor DOMAIN')
  expect((await doctor('')).code).toBe(2)
})
