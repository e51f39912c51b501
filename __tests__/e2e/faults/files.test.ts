import { expect, jest, test } from '@jest/globals'
import { until } from '../../../lab/index.ts'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

/** Berth’s own folder is a disk of 60 MB. */
const here = scene({ disk: ['/opt/berth', '60m'] })
const run = (script: string) => here.server.sh(script)
const htpasswd = '/opt/berth/htpasswd'

const status = (name: 'ci' | 'alice') =>
  run(
    `curl -sk -o /dev/null -w '%{http_code}' -u ${name}:${here.passwords[name]} https://${here.server.domain}/v2/`,
  )

test.each<[string, string]>([
  ['a line without a colon', `sed -i '1i no colon' ${htpasswd}`],
  ['a hash that is none', `sed -i 's/^alice:.*/alice:{SHA}nonsense/' ${htpasswd}`],
  ['nonsense', `head -c 3000 /dev/urandom >${htpasswd}`],
  ['empty', `: >${htpasswd}`],
  ['CRLF', `sed -i 's/$/\\r/' ${htpasswd}`],
  ['gone', `rm ${htpasswd}`],
])('htpasswd damaged (%s): the next run lets everybody in again', async (_, damage) => {
  await run(damage)
  // nginx has seen it.
  await status('alice')
  succeeded(await here.step())
  expect([await status('ci'), await status('alice')]).toEqual(['200', '200'])
  expect(await run(`stat -c '%a %U:%G' ${htpasswd}`)).toBe('640 root:www-data')
})

test('config.yml deleted before a reboot, so that Docker mounts a folder in its place: the next run repairs', async () => {
  const config = await run('echo /opt/berth/generations/*/config.yml')
  await run(`rm ${config} && systemctl restart docker`)
  await until(
    'Docker has made a folder',
    20,
    async () => (await here.server.run(`test -d ${config}`)).code === 0,
  )
  succeeded(await here.step())
  expect(await run('stat -c %F /opt/berth/generations/*/config.yml')).toBe('regular file')
})

test('disk full at htpasswd: says how much room there is, and the old passwords let in', async () => {
  const before = await run(`cat ${htpasswd}`)
  await run('cd /opt/berth && dd if=/dev/zero of=ballast bs=64k 2>/dev/null || [ -e ballast ]')
  const step = await here.step({
    users: `${here.inputs.users}\nbob:${'a-password-of-some-length-0123456789'}`,
  })
  expect(await run(`cat ${htpasswd}`)).toBe(before)
  expect(await status('ci')).toBe('200')
  await run('rm /opt/berth/ballast')
  expect(step.errors.join()).toMatch(/the server’s disk is full: 0 of 60M are free on \/opt\/berth/)
})

test('disk full at the new generation’s files: the old registry serves', async () => {
  await run('cd /opt/berth && dd if=/dev/zero of=ballast bs=64k 2>/dev/null || [ -e ballast ]')
  const step = await here.step({ 'registry-config': 'log: { level: warn }' })
  await run('rm /opt/berth/ballast')
  await until('the registry serves', 10, async () => (await status('ci')) === '200')
  expect(step.errors.join()).toMatch(/the server’s disk is full: 0 of 60M are free on \/opt\/berth/)
})
