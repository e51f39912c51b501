import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { copy, createRunner, type Runner, runStep, useContainerdStore } from '../../lab/index.ts'
import { client, skipped } from './clients.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(120_000)

let here: Registry
let domain: string
let runner: Runner
const user = { user: 'runner' }
const work = '/home/runner/archives'

beforeAll(async () => {
  ;[here, runner] = await Promise.all([registry(), createRunner()])
  domain = here.server.domain
  await runner.write('/tmp/ca.crt', here.inputs.ca ?? '')
  await Promise.all([
    here.step().then(succeeded),
    useContainerdStore(runner),
    runner.sh(
      'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends umoci zstd >/dev/null',
    ),
  ])
  await runner.sh(
    `set -e; mkdir -p ~/archives && cd ~/archives && date +%s%N >version
     printf 'FROM scratch\\nARG TARGETARCH\\nCOPY version /$TARGETARCH\\n' >Dockerfile
     printf 'target "api" {\\n tags = ["team/api:latest"]\\n}\\ntarget "web" {\\n tags = ["team/web:latest"]\\n args = { A = 1 }\\n labels = { which = "web" }\\n}\\ngroup "default" { targets = ["api", "web"] }\\n' >docker-bake.hcl
     docker build -q -t team/app:1 .`,
    user,
  )
})
afterAll(() => Promise.all([here?.server.remove(), runner?.remove()]))

const push = (image: string, inputs: Record<string, string> = {}) =>
  runStep(runner, {
    ...{ domain, users: `ci:${passwords.ci}`, ca: here.inputs.ca ?? '', mode: 'push', tags: 't', image },
    ...inputs,
  })

/**
 * Makes something in the folder with `script`, and pushes what `image` says; `$` in it is that folder. `digest` prints the digest of
 * each image, one a line.
 */
async function arrives(script: string, image: string, digest = '') {
  const storage =
    'export STORAGE_DRIVER=vfs; B="buildah --root /tmp/b --runroot /tmp/br"; P="sudo podman --root /var/lib/docker/p --runroot /run/p"'
  const expected = await runner.sh(`set -e; cd ${work}; ${storage}; ${script}\n${digest}`, user)
  const run = succeeded(await push(image.replaceAll('$', work)))
  if (digest !== '') {
    const pushed = (run.outputs.images ?? '').split('\n').map(each => each.replace(/.*@/, ''))
    expect(pushed).toEqual(expected.split('\n').slice(-pushed.length))
  }
  return run
}

/** What an index in a folder names first. */
const first = (folder: string) => `jq -r '.manifests[0].digest' ${folder}/index.json`
/** What an index in a folder names by these names, in whichever annotation a version of its tool writes them. */
const named = (folder: string, ...names: string[]) =>
  names
    .map(
      name =>
        `jq -r '[.manifests[] | select(any(.annotations[]?; endswith("${name}")))][0].digest' ${folder}/index.json`,
    )
    .join('\n')
const multi =
  'docker buildx build -q --platform linux/amd64,linux/arm64 --provenance=mode=max --output type=oci,dest=multi.tar,compression=zstd,force-compression=true . >/dev/null; rm -rf multi; mkdir multi; tar -xf multi.tar -C multi'

const rows: [string, string, string, string?][] = [
  ['docker save | gzip', 'docker save team/app:1 | gzip >d.tar.gz', '$/d.tar.gz'],
  ['docker save | zstd', 'docker save team/app:1 | zstd -q -f -o d.tar.zst', '$/d.tar.zst'],
  [
    'podman save',
    '$P pull -q docker-archive:d0.tar >/dev/null; $P save -q -o p.tar team/app:1; sudo chown runner p.tar',
    '$/p.tar',
  ],
  [
    'podman save --format oci-archive',
    '$P save -q --format oci-archive -o po.tar team/app:1; sudo chown runner po.tar',
    '$/po.tar',
  ],
  [
    'podman save --format oci-dir',
    'sudo rm -rf po; $P save -q --format oci-dir -o po team/app:1; sudo chown -R runner po',
    '$/po => podman/dir',
    first('po'),
  ],
  [
    'buildah push docker-archive',
    'c=$($B from scratch); $B copy -q $c version / >/dev/null; $B commit -q $c team/built:2 >/dev/null; rm -f bd.tar; $B push -q team/built:2 docker-archive:bd.tar:team/built:2',
    '$/bd.tar',
  ],
  [
    'buildah push oci-archive',
    'rm -f bo.tar; $B push -q team/built:2 oci-archive:bo.tar:team/built:2',
    '$/bo.tar',
  ],
  ['buildah push oci', 'rm -rf bo; $B push -q team/built:2 oci:bo:2', '$/bo => buildah/dir', first('bo')],
  [
    'a layout of skopeo with two images',
    'rm -rf sk; skopeo copy -q docker-archive:d0.tar oci:sk:one; skopeo copy -q oci:bo:2 oci:sk:two',
    'oci:$/sk:two => skopeo/two\noci:$/sk:one => skopeo/one',
    named('sk', 'two', 'one'),
  ],
  [
    'a layout of umoci',
    'rm -rf um; umoci init --layout um; umoci new --image um:first; umoci insert --image um:first version /version',
    '$/um => umoci/first',
    first('um'),
  ],
  [
    'a layout that tar packed as ./index.json',
    `${multi}; tar -C multi -cf dot.tar .`,
    '$/dot.tar => dot',
    first('multi'),
  ],
  ['the same, compressed', 'tar -C multi -czf dot.tar.gz .', '$/dot.tar.gz => dot/gz', first('multi')],
  ['several platforms of buildx, in zstd, with attestations', multi, '$/multi.tar => multi', first('multi')],
  [
    'buildx with several names',
    'docker buildx build -q -t team/names:1 -t team/names:latest -t other/names:1 --output type=oci,dest=names.tar . >/dev/null; rm -rf names; mkdir names; tar -xf names.tar -C names',
    '$/names.tar => names',
    first('names'),
  ],
  [
    'bake with several targets, an archive each',
    `docker buildx bake --set api.output=type=oci,dest=api.tar --set web.output=type=oci,dest=web.tar >/dev/null 2>&1`,
    '$/api.tar\n$/web.tar',
  ],
  [
    'bake with several targets into one layout',
    `rm -rf bake; docker buildx bake --set '*.output=type=oci,tar=false,dest=bake' >/dev/null 2>&1`,
    'oci:$/bake:team/api:latest => bake/api\noci:$/bake:team/web:latest => bake/web',
    named('bake', 'team/api:latest', 'team/web:latest'),
  ],
  [
    'the same, packed',
    'tar -C bake -cf bake.tar .',
    'oci-archive:$/bake.tar:team/web:latest => packed/web\noci-archive:$/bake.tar:team/api:latest => packed/api',
    named('bake', 'team/web:latest', 'team/api:latest'),
  ],
  [
    'the same, as newer versions of buildx name them: by the tag alone',
    `jq '.manifests |= map(.annotations += { "io.containerd.image.name": .annotations["org.opencontainers.image.ref.name"], "org.opencontainers.image.ref.name": "latest" })' bake/index.json >index && mv index bake/index.json && tar -C bake -cf bake.tar .`,
    'oci:$/bake:team/web:latest => named/web\noci:$/bake:team/api:latest => named/api\noci-archive:$/bake.tar:team/web:latest => named/packed',
    named('bake', 'team/web:latest', 'team/api:latest', 'team/web:latest'),
  ],
  [
    'a docker archive of buildx',
    'docker buildx build -q -t team/x:1 --output type=docker,dest=x.tar . >/dev/null',
    '$/x.tar',
  ],
]

test.each(rows.map(([name, make, image, digest]) => ({ name, make, image, digest })))(
  '$name',
  async ({ name, make, image, digest }) => {
    await runner.sh(`cd ${work}; test -e d0.tar || docker save -o d0.tar team/app:1`, user)
    const run = await arrives(make, image, digest)
    if (name.endsWith('attestations'))
      expect(run.summary).toContain('linux/amd64, linux/arm64, 2 attestations')
  },
)

test('docker save of an image that was pulled for one of its platforms', async () => {
  const trust = `/etc/docker/certs.d/${domain}`
  await runner.sh(`mkdir -p ${trust} && cp /tmp/ca.crt ${trust}/ca.crt`)
  const run = await arrives(
    `${multi}; skopeo copy -q --all --dest-cert-dir ${trust} --dest-creds ci:${passwords.ci} oci:multi docker://${domain}/pulled/whole:t
     echo ${passwords.ci} | docker login -u ci --password-stdin ${domain} >/dev/null 2>&1; docker pull -q ${domain}/pulled/whole:t; docker logout ${domain}; docker save -o pulled.tar ${domain}/pulled/whole:t`,
    '$/pulled.tar => pulled/part',
  )
  expect(run.log).toMatch(/pulled\.tar has no .*linux\/a\w+64.*, which its index names/)
  expect(run.summary).toMatch(/linux\/a\w+64/)
})

skipped('crane')('crane, as a layout and as a tarball', async () => {
  await client(runner, 'crane')
  await arrives(
    `export SSL_CERT_FILE=/tmp/ca.crt; rm -rf cr; crane auth login -u ci -p ${passwords.ci} ${domain}; crane pull --format=oci ${domain}/multi:t cr; crane pull --platform linux/amd64 ${domain}/multi:t cr.tar`,
    '$/cr => crane/layout\n$/cr.tar => crane/tarball',
    first('cr'),
  )
})

skipped('ko')('a layout of ko', async () => {
  await client(runner, 'ko')
  // It has Go compile, and whoever has ko has that.
  const go = execFileSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).trim()
  await copy(runner, go, '/usr/local/go')
  await arrives(
    `export SSL_CERT_FILE=/tmp/ca.crt KO_DEFAULTBASEIMAGE=${domain}/multi:t PATH=$PATH:/usr/local/go/bin
     rm -rf ko; mkdir ko; cd ko; printf 'module example.com/app\\n' >go.mod; printf 'package main\\nfunc main() {}\\n' >main.go
     ko login -u ci -p ${passwords.ci} ${domain}; ko build --push=false --platform all --oci-layout-path=layout . >/dev/null; cd ..`,
    '$/ko/layout => ko',
    first('ko/layout'),
  )
})

skipped('oras')('an artifact without a platform', async () => {
  await client(runner, 'oras')
  const run = await arrives(
    'rm -rf art; oras push --oci-layout art:1 --artifact-type application/vnd.example.thing version:text/plain >/dev/null',
    '$/art => artifact',
    first('art'),
  )
  expect(run.summary).toContain('application/vnd.example.thing')
})

skipped('helm')('a Helm chart', async () => {
  await client(runner, 'helm')
  const run = await arrives(
    `rm -rf chart*; helm create chart >/dev/null; helm package chart >/dev/null; echo ${passwords.ci} | helm registry login --ca-file /tmp/ca.crt -u ci --password-stdin ${domain} 2>/dev/null; helm push --ca-file /tmp/ca.crt chart-0.1.0.tgz oci://${domain}/charts 2>/dev/null; sudo cp ~/.config/helm/registry/config.json /tmp/auth.json; sudo chmod 644 /tmp/auth.json; mkdir -p certs; cp /tmp/ca.crt certs; skopeo copy -q --authfile /tmp/auth.json --src-cert-dir certs docker://${domain}/charts/chart:0.1.0 oci:chart-layout:0.1.0`,
    '$/chart-layout => charts/again',
    first('chart-layout'),
  )
  expect(run.summary).toContain('Helm chart')
})
