import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { Content } from './content.ts'
import { createServer, key, removeMachine, runStep, world } from './index.ts'

// A run of mode clean on a registry with a past: script/picture makes a picture of the summary that this writes into a file.
const [file = 'summary.md'] = process.argv.slice(2)
const { acme, runner } = await world()
await removeMachine('images')
const server = await createServer({ name: 'images' })
const ci = { name: 'ci', password: randomBytes(24).toString('base64') }
const step = async (more: Record<string, string>) => {
  const run = await runStep(runner, {
    domain: server.domain,
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    'acme-server': acme.directory,
    ca: acme.trust,
    ...more,
  })
  console.log(run.log)
  if (run.code !== 0) throw new Error('the step failed; its log is above')
  return run
}
await step({ email: 'ops@example.com', users: `${ci.name}:${ci.password}` })

const content = new Content(server, acme.trust, ci)
const oci = 'application/vnd.oci.image'
const day = 24 * 60 * 60
const base = randomBytes(9_400_000)

/** An image of a base that all share and a layer of its own, in megabytes. */
async function push(repository: string, tag: string, megabytes: number) {
  const blob = (bytes: Buffer | string, kind: string) => content.blob(repository, bytes, `${oci}.${kind}`)
  return content.manifest(repository, tag, {
    mediaType: `${oci}.manifest.v1+json`,
    config: await blob(`{"architecture":"amd64","os":"linux","author":"${tag}"}`, 'config.v1+json'),
    layers: [
      await blob(base, 'layer.v1.tar+gzip'),
      await blob(randomBytes(megabytes * 1e6), 'layer.v1.tar+gzip'),
    ],
  })
}

const pushed: [repository: string, tag: string, megabytes: number, days: number][] = [
  ['team/my-app', 'v1.3.0', 21, 212],
  ['team/my-app', 'main-8c1f0de', 22, 97],
  ['team/my-app', 'v1.4.0', 22, 64],
  ['team/my-app', 'main-41b7a90', 22, 48],
  ['team/my-app', 'main-f0e93c2', 23, 33],
  ['team/my-app', 'main-2d5e7b1', 23, 12],
  ['team/my-app', 'v1.4.1', 23, 9],
  ['team/my-app', 'latest', 23, 3],
  ['team/worker', 'main-c3d1a55', 7, 76],
  ['team/worker', 'v0.9.2', 7, 40],
  ['team/worker', 'main-9be4f17', 8, 4],
  ['cache/my-app', 'main', 61, 34],
  ['cache/my-app', 'pull-118', 58, 31],
  ['cache/my-app', 'pull-121', 60, 2],
]
for (const [repository, tag, megabytes, days] of pushed) {
  await push(repository, tag, megabytes)
  await content.age(repository, tag, days * day)
}
content.close()
// Long enough ago that no push counts on it, but for the tags, which have their times.
await server.sh(
  `cd /opt/berth/data/docker/registry/v2 && find . -type f -exec touch -a -d '60 days ago' {} + && find . -type f ! -path '*/tags/*' -exec touch -d '60 days ago' {} +`,
)
const run = await step({
  mode: 'clean',
  keep: "team/**: { tags: [latest, 'v*'], last: 3, days: 30 }\ncache/**: { last: 1, days: 7 }",
})
writeFileSync(file, run.summary)
await server.remove()
