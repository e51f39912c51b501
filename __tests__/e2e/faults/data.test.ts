import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

const here = scene()
const run = (script: string) => here.server.sh(script)
const strangers = () => run('find -L /opt/berth/data ! -user 65532 | wc -l')
const push = () => here.step({ image: `${here.app} => team/app:1` })

test('images put back from a backup, as root’s, in a folder that is the registry’s: made its own', async () => {
  await run('chown -R root:root /opt/berth/data/*')
  expect(succeeded(await push()).outputs.plan).toContain('its images belong to another account')
  expect(await strangers()).toBe('0')
})

test('`data` is a link to root’s files on another disk: made the registry’s, and only `purge` takes them', async () => {
  await run(`docker stop $(docker ps -q) && mkdir -m 711 /srv/disk && cp -a /opt/berth/data /srv/disk/images && chown -R root:root /srv/disk/images
    rm -r /opt/berth/data && ln -s /srv/disk/images /opt/berth/data && chown -h 65532:65532 /opt/berth/data`)
  succeeded(await push())
  expect(await strangers()).toBe('0')
  expect(await run('readlink /opt/berth/data')).toBe('/srv/disk/images')
  succeeded(await here.step({ mode: 'down' }))
  expect(await run('find /srv/disk/images -type f | wc -l')).not.toBe('0')
  succeeded(await here.step())
})

test('`data` is a link to where another user could put something else: refused', async () => {
  await run('chown nobody /srv/disk')
  const step = await push()
  await run('chown root /srv/disk')
  expect(step.errors.join()).toMatch(/the user 65534 owns \/srv\/disk and could become root through it/)
})

describe('a file system without owners', () => {
  const disk = '/srv/stick'
  /** Mounts a folder below itself: nobody can give its files away, as on a FAT or NTFS disk. */
  const mount = (options: string) =>
    run(
      `mkdir -p /root/stick ${disk} && chown 65532:65532 /root/stick && bindfs ${options} /root/stick ${disk}`,
    )

  beforeAll(() =>
    run(`[ -e /dev/fuse ] || mknod /dev/fuse c 10 229
      apt-get -q update && apt-get -q install -y --no-install-recommends bindfs`),
  )
  beforeEach(async () => {
    await run('docker stop $(docker ps -q); mv /opt/berth/data /root/images')
  })
  afterEach(async () => {
    await run(
      `docker stop $(docker ps -q); umount ${disk}; rm -rf /opt/berth/data && mv /root/images /opt/berth/data`,
    )
    succeeded(await here.step())
  })

  test.each(['--chown-deny', '--chown-ignore'])(
    'that knows no owners (%s): said, with what helps',
    async how => {
      await mount(`${how} --force-user=root --force-group=root`)
      await run(`ln -s ${disk} /opt/berth/data`)
      const step = await here.step()
      expect(step.errors.join()).toMatch(
        /the images in \/srv\/stick can’t be given to the registry: their file system, fuse\S*, knows no owners; keep them on one that does, .* mount this one with `uid=65532,gid=65532,umask=077`/,
      )
    },
  )

  test('that says all is the registry’s: serves', async () => {
    await mount('--chown-deny --force-user=65532 --force-group=65532 --perms=0700')
    await run(`ln -s ${disk} /opt/berth/data`)
    succeeded(await push())
    expect(await run(`find ${disk}/docker -type f | wc -l`)).not.toBe('0')
  })
})

/** Docker with these settings beside those that the lab’s need. */
async function engine(settings: Record<string, unknown>): Promise<void> {
  const file = '/etc/docker/daemon.json'
  await run(`[ -e /root/daemon.json ] || cp ${file} /root/`)
  const before = JSON.parse(await here.server.read('/root/daemon.json'))
  await here.server.write(file, JSON.stringify({ ...before, ...settings }))
  await run('systemctl reset-failed docker; systemctl restart docker')
}

test('userns-remap: the registry runs, and its images are its own', async () => {
  await engine({ 'userns-remap': 'default' })
  expect(await run('docker info --format "{{.SecurityOptions}}"')).toContain('userns')
  succeeded(await push())
  expect(await strangers()).toBe('0')
  await engine({})
  succeeded(await push())
})

test('iptables: false', async () => {
  await engine({ iptables: false })
  succeeded(await push())
  expect(succeeded(await here.step()).outputs.plan).toBe('[]')
  await engine({})
})

test('Docker’s addresses used up: said in its words, and what needs none goes on', async () => {
  await engine({ bip: '10.99.0.1/30' })
  await run('docker run -d --name filler --entrypoint sleep registry:3.1.2 6000')
  succeeded(await push())
  const step = await here.step({ 'registry-config': 'notifications: { endpoints: [] }' })
  await run('docker rm -f filler')
  await engine({})
  expect(step.errors.join()).toMatch(
    /the registry serves as before; the new one said:.*no available IPv4 addresses on this network's address pools/s,
  )
  expect(step.errors.join()).not.toContain('No such container')
})
