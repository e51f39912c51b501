import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { until } from '../../../lab/index.ts'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

/** Images are on a disk of 700 MB. */
const here = scene({ disk: ['/opt/berth/data', '700m'] })
const run = (script: string) => here.server.sh(script)

beforeAll(async () => {
  await here.world.runner.write(`/etc/docker/certs.d/${here.domain}/ca.crt`, here.world.acme.trust)
})

/** An image of so many bytes on the runner, each time another one. */
async function build(bytes: number): Promise<string> {
  const name = `${here.app}:${bytes}`
  await here.world.runner.sh(
    `d=$(mktemp -d) && cd $d && head -c ${bytes} /dev/urandom >layer && printf 'FROM scratch\\nCOPY layer /\\n' >Dockerfile && docker build -q -t ${name} . && rm -r $d`,
    { user: 'runner' },
  )
  return name
}

/** The digest of a tag, as the registry itself tells it. */
const digestOf = (tag: string) =>
  run(
    `curl -sfI --unix-socket /opt/berth/registry.sock -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' http://registry/v2/${tag.replace(':', '/manifests/')} | tr -d '\\r' | sed -n 's/^docker-content-digest: //Ip'`,
  )

test('nginx reloaded again and again during a push of 300 MB: it completes at the first try', async () => {
  const image = await build(300_000_000)
  let reloads = 0
  const step = here.step({ mode: 'push', image: `${image} => team/large:1` })
  await until('the layer is on its way', 60, () => uploading('team/large'))
  while (await uploading('team/large')) {
    await run('systemctl reload nginx')
    reloads++
  }
  expect(succeeded(await step).log).not.toMatch(/Retrying|try 2 of/)
  console.log(`${reloads} reloads while 300 MB were pushed`)
  expect(reloads).toBeGreaterThan(3)
  expect(await here.pulls('team/large:1')).toBe(true)
  await run('rm -rf /opt/berth/data/docker/registry/v2/repositories/team/large')
})

const uploading = async (repository: string) =>
  (
    await here.server.run(
      `find /opt/berth/data/docker/registry/v2/repositories/${repository}/_uploads -name data -size +1000k 2>/dev/null | grep -q .`,
    )
  ).code === 0

describe('the registry is killed, and a tag that exists moves or does not', () => {
  const v2 = '/opt/berth/data/docker/registry/v2'
  /** What has just come to be on the disk when it is killed. */
  const phases: [phase: string, seen: string][] = [
    ['the upload has begun', `find ${v2}/repositories/team/moving/_uploads -name startedat | grep -q .`],
    [
      'half of the layer is there',
      `find ${v2}/repositories/team/moving/_uploads -name data -size +10000k | grep -q .`,
    ],
    [
      'the layer is whole',
      `find ${v2}/repositories/team/moving/_layers -newer /run/mark -name link | grep -q .`,
    ],
    [
      'the manifest is there',
      `find ${v2}/repositories/team/moving/_manifests/revisions -newer /run/mark -name link | grep -q .`,
    ],
    [
      'the tag has moved',
      `find ${v2}/repositories/team/moving/_manifests/tags -newer /run/mark -name link | grep -q .`,
    ],
  ]

  beforeAll(async () => {
    succeeded(await here.step({ mode: 'push', image: `${here.app} => team/moving:1` }))
  })

  test.each(phases)('when %s', async (_, seen) => {
    const before = await digestOf('team/moving:1')
    const image = await build(20_000_000)
    await run('touch /run/mark')
    const killed = run(
      `pid=$(docker inspect -f '{{.State.Pid}}' $(docker ps -q)); i=0
      until { ${seen}; } 2>/dev/null; do i=$((i + 1)); [ $i -lt 20000 ] || exit 1; done; kill -9 $pid`,
    )
    const step = await here.step({ mode: 'push', image: `${image} => team/moving:1` })
    await killed
    await until('the registry is back', 30, () => here.pulls(`team/app@${here.digest}`))
    const after = await digestOf('team/moving:1')
    expect(await here.pulls('team/moving:1')).toBe(true)
    expect(await here.pulls(`team/moving@${before}`)).toBe(true)
    // The client tries again by itself.
    expect(succeeded(step).outputs.digest).toBe(after)
    expect(after).not.toBe(before)
  })
})

describe('disk full', () => {
  const fill = (folder: string) =>
    run(`cd ${folder} && dd if=/dev/zero of=ballast bs=64k 2>/dev/null || [ -e ballast ]`)
  const empty = (folder: string) => run(`rm ${folder}/ballast`)
  const guard = (verb: string) =>
    run(`systemctl ${verb} 'berth-guard-${here.domain}'; rm -f /run/berth-guard-*/full`)

  test.each<[string, (image: string) => Record<string, string>]>([
    ['a layer', image => ({ image: `${image} => team/app:2` })],
    ['a manifest', () => ({ image: `${here.app} => team/app:2` })],
  ])('at %s: the old tag resolves, and the message says how much room there is', async (_, inputs) => {
    const image = await build(5_000_000)
    // Where the guard did not come in time.
    await guard('stop')
    await fill('/opt/berth/data')
    const push = await here.step({ ...inputs(image), mode: 'push' })
    expect(push.errors.join()).toMatch(
      /the server’s disk is full, .*\. Delete what is not needed on the server/,
    )
    expect(await digestOf('team/app:2')).toBe('')
    expect(await digestOf('team/app:1')).toBe(here.digest)
    expect(await here.pulls('team/app:1')).toBe(true)
    // A run that has SSH starts the guard again, and looks.
    const up = await here.step(inputs(image))
    await empty('/opt/berth/data')
    expect(up.errors.join()).toMatch(
      /the server’s disk is full, .*; 0 of 700M are free on \/opt\/berth\/data\. Delete/,
    )
    await until(
      'uploads are admitted',
      20,
      async () => (await here.server.run('test -e /run/berth-guard-*/full')).code !== 0,
    )
    succeeded(await here.step(inputs(image)))
    expect(await here.pulls('team/app:2')).toBe(true)
    await run('rm -r /opt/berth/data/docker/registry/v2/repositories/team/app/_manifests/tags/2')
  })
})
