import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { type Acme, acme, type GitHub, github, password } from '../../../lab/index.ts'
import { succeeded } from '../registry.ts'
import { watch } from '../watch.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

const here = scene()

/** One of each kind, and none of them is masked by anybody but Berth. */
const canaries = {
  passphrase: password(),
  sudo: password(),
  hmac: randomBytes(32).toString('base64url'),
  token: `ghs_${randomBytes(18).toString('hex')}`,
  storage: randomBytes(20).toString('hex'),
  header: randomBytes(20).toString('hex'),
}
let authority: Acme
let hub: GitHub
/** As a careful user has it: a key with a passphrase, and sudo that asks. */
let access: Record<string, string>
/** Brought by the user. */
let own: Record<string, string>

beforeAll(async () => {
  const { runner, server } = { ...here, runner: here.world.runner }
  authority = await acme({
    name: `canary-${randomBytes(2).toString('hex')}`,
    eab: { 'kid-1': canaries.hmac },
  })
  hub = await github(canaries.token)
  const [key = '', pub = ''] = (
    await runner.sh(
      'd=$(mktemp -d); read -r phrase; ssh-keygen -q -t ed25519 -f $d/key -N "$phrase" && cat $d/key && echo public && cat $d/key.pub; rm -r $d',
      { input: `${canaries.passphrase}\n` },
    )
  ).split('public\n')
  await server.sh(
    `read -r password; useradd --create-home --shell /bin/bash deploy && echo "deploy:$password" | chpasswd
     install -d -m 700 -o deploy /home/deploy/.ssh && echo '${pub}' >/home/deploy/.ssh/authorized_keys
     echo 'deploy ALL=(ALL) ALL' >/etc/sudoers.d/deploy && chmod 440 /etc/sudoers.d/deploy`,
    { input: `${canaries.sudo}\n` },
  )
  access = {
    'ssh-user': 'deploy',
    'ssh-key': key,
    'ssh-key-passphrase': canaries.passphrase,
    'sudo-password': canaries.sudo,
  }
  const pem = await authority.sh(`cd $(mktemp -d)
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=own -keyout key -out csr 2>/dev/null
    printf 'subjectAltName=DNS:${here.domain}\\nextendedKeyUsage=serverAuth\\n' >ext
    openssl x509 -req -in csr -CA /var/lib/acme/ca.pem -CAkey /var/lib/acme/ca.key -days 90 -extfile ext 2>/dev/null
    cat key; rm -r $PWD`)
  const at = pem.indexOf('-----BEGIN PRIVATE')
  own = { certificate: pem.slice(0, at), 'certificate-key': `${pem.slice(at)}\n` }
  const body = (text: string) => text.split('\n').filter(line => line !== '' && !line.startsWith('---'))
  here.secrets.push(...Object.values(canaries), ...body(key).slice(2), ...body(own['certificate-key'] ?? ''))
})
afterAll(async () => {
  hub?.close()
  await authority?.remove()
})

test('canary secrets of every kind, through every mode and every kind of failure: none is seen', async () => {
  const { server, world } = here
  const ca = here.world.acme.trust + authority.trust
  const logins = Object.entries(here.passwords).map(each => Buffer.from(each.join(':')).toString('base64'))
  const texts = [...here.secrets, ...Object.values(here.passwords), ...logins]
  const watches = await Promise.all([world.runner, server].map(machine => watch(machine, texts)))

  const config = `notifications:\n  endpoints:\n    - name: x\n      url: https://127.0.0.1:9/\n      headers: { Authorization: [Bearer ${canaries.header}] }\n`
  const eab = { 'acme-server': authority.directory, 'acme-eab': `kid-1:${canaries.hmac}` }
  const pull = {
    env: { GITHUB_API_URL: hub.api },
    event: { name: 'pull_request', ref: 'refs/pull/7/merge', payload: { number: 7 } },
  }
  const all = { ...access, ca, 'registry-config': config, 'github-token': canaries.token }
  // A change of everything; what it would be, on GitHub; all that there is to renew; a push; another certificate.
  succeeded(await here.step({ ...all, ...eab, image: `${here.app} => team/canary:1` }))
  succeeded(await here.step({ ...all, mode: 'plan' }, pull))
  succeeded(await here.step({ ...all, ...eab, mode: 'renew', users: '' }, { env: pull.env }))
  succeeded(await here.step({ ...all, mode: 'push', image: `${here.app} => team/canary:2` }))
  succeeded(await here.step({ ...all, ...own }))
  // What goes wrong has much to say.
  const s3 = `storage:\n  filesystem: null\n  s3: { secretkey: ${canaries.storage}, accesskey: x, bucket: y, region: nowhere }\n`
  const failures = [
    await here.step({ ...all, ...own, 'registry-config': s3 }),
    await here.step({ ...access, 'registry-image': 'registry:9.9.9' }),
    await here.step({ ...access, 'sudo-password': `${canaries.sudo}x` }),
    await here.step({ ...access, 'ssh-key-passphrase': `${canaries.passphrase}x` }),
    await here.step({ ...access, 'acme-eab': canaries.hmac }),
    await here.step({ ...access, users: `ci:${here.passwords.alice}`, mode: 'push', image: here.app }),
    await here.step({ ...all, image: 'no-such-image' }),
  ]
  expect(failures.map(run => run.code)).toEqual(failures.map(() => 1))
  succeeded(await here.step({ ...all, mode: 'down' }))
  succeeded(await here.step(access))

  const [onRunner = [], onServer = []] = await Promise.all(watches.map(end => end()))
  expect(onServer).toEqual([])
  // GitHub gives the action its inputs in the environment; from there they go no further.
  expect(onRunner.length).toBeGreaterThan(0)
  expect(onRunner.filter(seen => !/^environ node dist\/(post\/)?index\.js$/.test(seen))).toEqual([])
  const written = JSON.stringify([hub.comments, hub.issues])
  for (const text of texts) expect(written).not.toContain(JSON.stringify(text).slice(1, -1))
})
