import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createRunner,
  type Runner,
  runStep,
  type StepOptions,
  type StepRun,
  useContainerdStore,
} from '../../lab/index.ts'
import { client, skipped } from './clients.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(300_000)

let here: Registry
let domain: string
let runner: Runner
const user = { user: 'runner' }
const home = '/home/runner/.docker'

beforeAll(async () => {
  ;[here, runner] = await Promise.all([registry(), createRunner()])
  domain = here.server.domain
  await Promise.all([here.step().then(succeeded), useContainerdStore(runner)])
  await runner.sh(
    `mkdir -p ~/app && cd ~/app && date +%s%N >version && printf 'FROM scratch\\nCOPY version /\\n' >Dockerfile`,
    user,
  )
})
afterAll(() => Promise.all([here?.server.remove(), runner?.remove()]))

/** The step without its post step, so that what comes between can be tried. */
const login = (inputs: Record<string, string> = {}, options: StepOptions = {}) =>
  runStep(
    runner,
    {
      ...{ domain, users: here.inputs.users ?? '', ca: here.inputs.ca ?? '' },
      ...{ mode: 'push', login: 'true' },
      ...inputs,
    },
    { post: false, ...options },
  )

const config = (folder = home) => runner.run(`cat ${folder}/config.json`, user).then(({ stdout }) => stdout)
const own = () => Buffer.from(`ci:${passwords.ci}`).toString('base64')

async function leavesNothing(run: StepRun, folder = home) {
  const post = await run.runPost()
  expect(post.code).toBe(0)
  expect(await config(folder)).not.toContain(domain)
  expect(await runner.sh(`find /home/runner/work/${run.job.id} -path '*_temp/berth-*'`)).toBe('')
  expect(await runner.sh(`find /etc/docker/certs.d -name 'berth-*'`)).toBe('')
}

describe('after mode push with `login: true` and nothing to push', () => {
  let run: StepRun
  beforeAll(async () => {
    await runner.write(`/etc/docker/certs.d/${domain}/lab.crt`, here.inputs.ca ?? '')
    run = succeeded(await login())
  })
  const as = (script: string) => runner.sh(`cd ~/app && ${script}`, user)

  test('says so', () => {
    expect(run.log).toContain(`logged in to ${domain} as ci until the post step`)
    expect(run.log.trim().split('\n').at(-1)).toMatch(/, logged in as ci, /)
    expect(run.summary).toContain('logged in as <code>ci</code> until this job ends')
    expect(run.raw.replaceAll(/^::add-mask::.*$/gm, '')).not.toMatch(new RegExp(`${passwords.ci}|${own()}`))
  })

  test('docker push and pull', () =>
    as(
      `docker build -q -t ${domain}/in/docker . && docker push -q ${domain}/in/docker && docker pull -q ${domain}/in/docker`,
    ))

  test('docker buildx build --push of several platforms, with attestations and a cache in the registry', async () => {
    await as(
      `docker buildx build -q --platform linux/amd64,linux/arm64 --provenance=mode=max --push -t ${domain}/in/multi --cache-to type=registry,ref=${domain}/in/cache,mode=max . &&
       docker buildx build -q --platform linux/amd64,linux/arm64 --push -t ${domain}/in/multi:again --cache-from type=registry,ref=${domain}/in/cache .`,
    )
    const index = JSON.parse(await as(`skopeo inspect --raw docker://${domain}/in/multi`))
    expect(
      index.manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture),
    ).toEqual(expect.arrayContaining(['amd64', 'arm64']))
  })

  skipped('buildkitd')('the same from a builder in a container, as docs/pushing.md has it', async () => {
    for (const name of ['buildkitd', 'buildctl']) await client(runner, name)
    const docs = readFileSync(join(import.meta.dirname, '../../docs/pushing.md'), 'utf8')
    const [, words = ''] = /^## From buildx itself.*?^- run: \|\n(.*?)^ {2}env:/ms.exec(docs) ?? []
    // Where the machine itself is a container, one in it has no network of its own to reach the lab's name server by.
    const here = '--driver docker-container --driver-opt image=buildkit,network=host'
    await as(
      `set -e; mkdir -p root/usr/bin root/tmp; cp /usr/local/bin/build* $(command -v runc || echo /usr/sbin/runc) root/usr/bin
       for each in $(ldd root/usr/bin/runc | grep -o '/[^ ]*'); do install -D $each root$each; done
       tar -C root -c . | docker import --change 'ENTRYPOINT ["buildkitd"]' --change 'ENV PATH=/usr/bin' - buildkit
       export CA="$(cat /etc/docker/certs.d/${domain}/lab.crt)"
       ${words.replaceAll('registry.example.com', domain).replace('--driver docker-container', here)}
       docker buildx build --platform linux/amd64,linux/arm64 --push -t ${domain}/in/contained --cache-to type=registry,ref=${domain}/in/contained:cache,mode=max . &&
       docker buildx build --platform linux/amd64 --push -t ${domain}/in/contained:again --cache-from type=registry,ref=${domain}/in/contained:cache .
       docker buildx rm`,
    )
    expect(await as(`skopeo list-tags docker://${domain}/in/contained`)).toMatch(/again.*cache.*latest/s)
  })

  test('skopeo, podman and buildah, which read the same file', () =>
    as(
      `set -e; export STORAGE_DRIVER=vfs
       skopeo copy -q docker://${domain}/in/docker docker://${domain}/in/skopeo
       sudo --preserve-env=STORAGE_DRIVER podman --root /var/lib/docker/p --runroot /run/p pull -q --authfile ~/.docker/config.json ${domain}/in/skopeo
       buildah --root /tmp/b --runroot /tmp/br pull -q ${domain}/in/skopeo && buildah --root /tmp/b --runroot /tmp/br push -q ${domain}/in/skopeo ${domain}/in/buildah`,
    ))

  skipped('crane')('crane', async () => {
    await client(runner, 'crane')
    await as(
      `export SSL_CERT_FILE=/etc/docker/certs.d/${domain}/lab.crt; crane digest ${domain}/in/docker && crane copy ${domain}/in/docker ${domain}/in/crane`,
    )
  })

  skipped('oras')('oras', async () => {
    await client(runner, 'oras')
    await as(
      `oras push --ca-file /etc/docker/certs.d/${domain}/lab.crt ${domain}/in/oras:1 version:text/plain`,
    )
  })

  skipped('helm')('helm', async () => {
    await client(runner, 'helm')
    const ca = `--ca-file /etc/docker/certs.d/${domain}/lab.crt`
    await as(
      `helm create chart >/dev/null && helm package chart && helm push chart-0.1.0.tgz oci://${domain}/in ${ca} && helm pull oci://${domain}/in/chart --version 0.1.0 ${ca}`,
    )
  })

  skipped('cosign')('cosign, which signs and attests with a key', async () => {
    await client(runner, 'cosign')
    const said = await as(
      `set -e; export SSL_CERT_FILE=/etc/docker/certs.d/${domain}/lab.crt COSIGN_PASSWORD=secret
       image=${domain}/in/docker@$(skopeo inspect --format '{{.Digest}}' docker://${domain}/in/docker)
       cosign generate-key-pair
       cosign sign --yes --key cosign.key --use-signing-config=false --tlog-upload=false $image
       echo '{"ours": true}' >predicate.json
       cosign attest --yes --key cosign.key --use-signing-config=false --tlog-upload=false --type custom --predicate predicate.json $image
       cosign verify --key cosign.pub --insecure-ignore-tlog=true $image
       cosign verify-attestation --key cosign.pub --insecure-ignore-tlog=true --type custom $image
       skopeo list-tags docker://${domain}/in/docker`,
    )
    // Where the page and the rules of \`keep\` look for them.
    expect(said).toMatch(/"sha256-[0-9a-f]{64}(\.sig)?"/)
  })

  test('the post step logs out, and leaves no file where none was', async () => {
    await leavesNothing(run)
    expect((await runner.run(`docker push -q ${domain}/in/docker`, user)).code).not.toBe(0)
    expect((await runner.run(`test -e ${home}/config.json`)).code).toBe(1)
  })
})

test('with an image, it is pushed as well; in mode up too', async () => {
  await runner.sh('cd ~/app && docker build -q -t app .', user)
  const run = succeeded(await here.step({ login: 'true' }, { post: false }))
  expect(run.log).toContain('logged in as ci')
  const job = `sudo -u runner docker push ${domain}/nothing 2>&1 || :`
  expect(await here.world.runner.sh(job)).toMatch(/does not exist/)
  await run.runPost()
  const both = succeeded(await login({ image: 'app => in/image:1' }))
  expect(both.outputs.images).toContain(`${domain}/in/image@sha256:`)
  await leavesNothing(both)
})

describe('what the job has already', () => {
  const other = { 'example.com': { auth: 'dXNlcjpwYXNz' } }

  test('a login of another user comes back, and those of other registries stay', async () => {
    const alice = Buffer.from(`alice:${passwords.alice}`).toString('base64')
    const before = JSON.stringify({ auths: { ...other, [domain]: { auth: alice } }, detachKeys: 'ctrl-x' })
    await runner.write(`${home}/config.json`, before)
    await runner.sh(`chown -R runner: ${home}`)
    const run = succeeded(await login())
    expect(JSON.parse(await config()).auths).toEqual({ ...other, [domain]: { auth: own() } })
    await run.runPost()
    expect(JSON.parse(await config())).toEqual(JSON.parse(before))
    await runner.sh(`rm -r ${home}`)
  })

  test('a DOCKER_CONFIG of its own, which the post step knows even if it is another one then', async () => {
    const folder = '/home/runner/config-of-its-own'
    await runner.sh(`mkdir -p ${folder}`, user)
    const run = succeeded(await login({}, { env: { DOCKER_CONFIG: folder } }))
    expect(await config(folder)).toContain(own())
    expect(await config()).toBe('')
    await leavesNothing(run, folder)
  })

  test('a credential helper keeps ours as long, and has its own again', async () => {
    await runner.sh(
      'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends pass gnupg golang-docker-credential-helpers >/dev/null',
    )
    await runner.sh(
      `set -e; gpg --batch --quiet --passphrase '' --quick-generate-key berth default default never; pass init berth >/dev/null
       mkdir -p ${home} && echo '{"credsStore":"pass"}' >${home}/config.json
       printf %s '${passwords.alice}' | docker login -u alice --password-stdin ${domain}`,
      user,
    )
    const list = () => runner.sh('docker-credential-pass list', user)
    expect(JSON.parse(await list())).toEqual({ [domain]: 'alice' })
    const run = succeeded(await login())
    expect(JSON.parse(await list())).toEqual({ [domain]: 'ci' })
    expect(await config()).not.toContain(own())
    await run.runPost()
    expect(JSON.parse(await list())).toEqual({ [domain]: 'alice' })
    const kept = await runner.sh(`echo ${domain} | docker-credential-pass get`, user)
    expect(JSON.parse(kept).Secret).toBe(passwords.alice)
    // Docker uses such a helper unasked where it finds one.
    await runner.sh(`rm -r ${home} /usr/bin/docker-credential-*`)
  })

  test('a credential helper that is broken is named', async () => {
    await runner.sh(`mkdir -p ${home} && echo '{"credsStore":"none-there"}' >${home}/config.json`, user)
    const run = await login()
    expect(run.errors.join()).toMatch(/credential helper does not accept the password; correct `credsStore`/)
    expect((await run.runPost()).code).toBe(0)
    await runner.sh(`rm -r ${home}`)
  })
})

test('a step that fails later, and a job that is cancelled, log out all the same', async () => {
  await runner.sh(
    `cd ~/app && head -c 30000000 /dev/urandom >big && printf 'FROM scratch\\nCOPY big /\\n' | docker build -q -t big -f - .`,
    user,
  )
  const image = 'app => in/fixed:1'
  await leavesNothing(succeeded(await login({ image })))
  const failed = await login({ image: image.replace('app', 'big'), immutable: 'true' })
  expect(failed.code).toBe(1)
  expect(await config()).toContain(own())
  await leavesNothing(failed)
  const cancelled = await login({ image: 'big => in/big:1' }, { cancel: /\[group\]Push/ })
  expect(cancelled.code).not.toBe(0)
  expect(await config()).toContain(own())
  await leavesNothing(cancelled)
})

test('rootless Docker has the same login, and trusts the authority in a folder of its own', async () => {
  await runner.sh(
    `apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends rootlesskit slirp4netns uidmap >/dev/null
     install -d -o runner -m 700 /run/user/$(id -u runner)`,
  )
  // On the machine's own network: /dev/net/tun, which another would need, is not in every container.
  const socket = await runner.sh(
    `export XDG_RUNTIME_DIR=/run/user/$(id -u) PATH=$PATH:/usr/sbin:/sbin
     export DOCKERD_ROOTLESS_ROOTLESSKIT_NET=host DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER=none DOCKERD_ROOTLESS_ROOTLESSKIT_DISABLE_HOST_LOOPBACK=false
     setsid sh /usr/share/docker.io/contrib/dockerd-rootless.sh --storage-driver vfs --iptables=false --ip6tables=false --bridge none >/tmp/rootless.log 2>&1 </dev/null &
     for i in $(seq 300); do docker -H unix://$XDG_RUNTIME_DIR/docker.sock info 2>&1 | grep -q rootless && echo $XDG_RUNTIME_DIR/docker.sock && exit 0; sleep 0.1; done; tail -5 /tmp/rootless.log; exit 1`,
    user,
  )
  const env = { DOCKER_HOST: `unix://${socket}` }
  const run = succeeded(await login({}, { env }))
  const own = 'find /home/runner/.config/docker/certs.d -name "berth-*"'
  expect(await runner.sh(own)).not.toBe('')
  const docker = `docker -H ${env.DOCKER_HOST}`
  await runner.sh(
    `docker save app | ${docker} load -q && ${docker} tag app ${domain}/in/rootless && ${docker} push -q ${domain}/in/rootless && ${docker} pull -q ${domain}/in/rootless`,
    user,
  )
  await leavesNothing(run)
  expect(await runner.sh(own)).toBe('')
})

test('two registries in one job, and the same one twice: the first to come is the last to leave', async () => {
  const first = succeeded(await login())
  const second = succeeded(await login({ 'push-user': 'alice' }))
  const auth = async () => JSON.parse(await config()).auths[domain].auth
  expect(Buffer.from(await auth(), 'base64').toString()).toMatch(/^alice:/)
  await second.runPost()
  expect(await auth()).toBe(own())
  await leavesNothing(first)
})

test('what docker/metadata-action puts out is `tags` as it is, and told again when all is there', async () => {
  const tags = [
    `${domain}/meta/app:1.2`,
    `${domain}/meta/app:latest`,
    `${domain}/meta/mirror:1.2`,
    'ghcr.io/octocat/app:1.2',
  ]
  const inputs = { image: 'app', tags: tags.join('\n'), login: 'false' }
  const run = succeeded(await login(inputs))
  expect(run.log).toContain('ghcr.io/octocat/app:1.2 is on another registry')
  const listed = (repository: string) =>
    here.server
      .sh(`curl -sf --unix-socket /opt/berth/registry.sock http://registry/v2/${repository}/tags/list`)
      .then(text => JSON.stringify(JSON.parse(text).tags.sort()))
  expect(await listed('meta/app')).toBe('["1.2","latest"]')
  expect(await listed('meta/mirror')).toBe('["1.2"]')
  const again = succeeded(await login(inputs))
  expect(again.log.trim().split('\n').at(-1)).toMatch(/2 images, all of them there already/)
  // Images that were built under the names that they are to have.
  await runner.sh(`for each in ${domain}/meta/built:1 ${domain}/meta/built:2; do docker tag app $each; done`)
  const built = succeeded(
    await login({ image: `${domain}/meta/built:1\n${domain}/meta/built:2`, login: 'false' }),
  )
  expect(await listed('meta/built')).toBe('["1","2"]')
  await Promise.all([run, again, built].map(each => each.runPost()))
})
