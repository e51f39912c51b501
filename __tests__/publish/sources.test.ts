import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Image, Source } from '../../src/desired.ts'
import { InputError } from '../../src/failure.ts'
import { findImages } from '../../src/publish/sources.ts'
import { Skopeo } from '../../src/runner/skopeo.ts'
import { Programs } from '../programs.ts'
import { Engine, json } from '../runner/engine.ts'

const never = new AbortController().signal
const digest = (digit: string) => `sha256:${digit.repeat(64)}`

let programs: Programs
let engine: Engine | undefined
let said: string[]
beforeEach(() => {
  programs = new Programs()
  said = []
  programs.add('skopeo', 'printf "%s\\n" "$*" >"$here/args"')
})
afterEach(async () => {
  await engine?.close()
  engine = undefined
  programs.remove()
})

const find = (...images: Image[]) =>
  findImages(images, new Skopeo(programs.file('skopeo-files'), undefined), never, line => said.push(line))
const archive = (
  path: string,
  more: Partial<Exclude<Source, { kind: 'docker' }>> = {},
  repository?: string,
): Image => ({
  source: { kind: 'path', path, reference: undefined, ...more },
  repository,
  tags: ['v1'],
})

/** A tar archive of files with these texts. */
function tar(name: string, files: Record<string, unknown>): string {
  const folder = programs.file(`${name}.d`)
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))
  }
  execFileSync('tar', ['-cf', programs.file(name), '-C', folder, ...Object.keys(files)])
  return programs.file(name)
}

/** What can’t be pushed, as `TOPIC: MESSAGE` without the folder. */
async function mistakes(...images: Image[]): Promise<string[]> {
  const error: unknown = await find(...images).catch(error => error)
  if (!(error instanceof InputError)) throw error
  return error.mistakes.map(
    ({ topic, message }) => `${topic}: ${message.replaceAll(`${programs.folder}/`, '')}`,
  )
}

const manifest = (
  digit: string,
  name?: string,
  mediaType = 'application/vnd.oci.image.manifest.v1+json',
) => ({
  mediaType,
  digest: digest(digit),
  annotations: {
    ...(name && {
      'org.opencontainers.image.ref.name': name,
      'io.containerd.image.name': `docker.io/library/${name}:1`,
    }),
  },
})

describe('an archive', () => {
  test('of docker save is told by its configuration', async () => {
    const path = tar('a.tar', {
      'manifest.json': [{ Config: `blobs/sha256/${'a'.repeat(64)}`, RepoTags: ['app:1'] }],
    })
    const [local] = await find(archive(path))
    expect(local).toMatchObject({ id: digest('a'), repository: 'app', tags: ['v1'], client: 'skopeo' })
    expect(local?.size).toBe(readFileSync(path).length)
  })

  test('of docker save since version 25 is an OCI layout too, and pushed as what it says itself', async () => {
    const files = {
      'manifest.json': [{ Config: `${'a'.repeat(64)}.json`, RepoTags: ['app:1'] }],
      'index.json': { manifests: [manifest('b', 'app')] },
    }
    expect((await find(archive(tar('a.tar', files))))[0]?.id).toBe(digest('a'))
  })

  describe('of docker save with an index of platforms', () => {
    const blob = (digit: string) => `blobs/sha256/${digit.repeat(64)}`
    const member = (digit: string, architecture: string, annotations = {}) => ({
      ...{ digest: digest(digit), annotations },
      platform: { os: 'linux', architecture },
    })
    const attests = { 'vnd.docker.reference.type': 'attestation-manifest' }
    const files = {
      'manifest.json': [{ Config: blob('a'), RepoTags: ['app:1'] }],
      'index.json': { manifests: [manifest('b', 'app', 'application/vnd.oci.image.index.v1+json')] },
      [blob('b')]: {
        manifests: [member('c', 'amd64'), member('d', 'arm64'), member('e', 'unknown', attests)],
      },
      [blob('c')]: {},
    }

    test('is pushed with all of them, if they are there', async () => {
      const path = tar('a.tar', { ...files, [blob('d')]: {}, [blob('e')]: {} })
      expect((await find(archive(path)))[0]?.id).toBe(digest('b'))
      expect(said).toEqual([])
    })

    // As Docker saves an image that was pulled.
    test('is pushed as what is there, if some are not, and that is said', async () => {
      const path = tar('a.tar', files)
      expect((await find(archive(path)))[0]?.id).toBe(digest('a'))
      expect(said).toEqual([
        `${path} has no linux/arm64, attestation, which its index names, so it is pushed without`,
      ])
    })

    test('whose index is not there either is pushed as what it says itself', async () => {
      const { [blob('b')]: _, ...others } = files
      expect((await find(archive(tar('a.tar', others))))[0]?.id).toBe(digest('a'))
      expect(said).toHaveLength(1)
    })

    test('that is packed as ./index.json and compressed is no different', async () => {
      tar('a.tar', { ...files, [blob('d')]: {}, [blob('e')]: {} })
      const path = programs.file('b.tar.gz')
      execFileSync('tar', ['-czf', path, '-C', programs.file('a.tar.d'), '.'])
      expect((await find(archive(path)))[0]?.id).toBe(digest('b'))
    })
  })

  test('of OCI is told by its manifest or index, and a layout is a folder', async () => {
    const files = { 'index.json': { manifests: [manifest('c', 'app')] } }
    expect((await find(archive(tar('a.tar', files), {}, 'team/app')))[0]).toMatchObject({
      id: digest('c'),
      repository: 'team/app',
    })
    expect((await find(archive(programs.file('a.tar.d'))))[0]).toMatchObject({
      id: digest('c'),
      repository: 'app',
      size: 0,
    })
  })

  test('for a tag that another one has is a mistake, though each says only itself where it goes', async () => {
    const files = (digit: string) => ({ 'index.json': { manifests: [manifest(digit, 'app')] } })
    const [one, other] = [tar('a.tar', files('c')), tar('b.tar', files('d'))]
    expect(await mistakes(archive(one), archive(other))).toEqual([
      'imageName: image: several images would go to app:v1, and only one can have it; give each a place of its own, as source => repository:tag',
    ])
    expect(await find(archive(one), archive(other, {}, 'other'))).toHaveLength(2)
  })

  test('with several images is asked for one of them', async () => {
    const path = tar('a.tar', { 'index.json': { manifests: [manifest('c', 'one'), manifest('d', 'two')] } })
    expect((await find(archive(path, { reference: 'two' })))[0]?.id).toBe(digest('d'))
    expect(await mistakes(archive(path))).toEqual([
      'imageMissing: image: a.tar does not hold exactly one image; it has one, two: write oci-archive:a.tar:one',
    ])
    expect(await mistakes(archive(path, { reference: 'three' }))).toEqual([
      'imageMissing: image: a.tar has no single image three; it has one, two: write oci-archive:a.tar:one',
    ])
  })

  test.each([
    ['a folder', 'b.tar.d', manifest('d', 'two'), 'it has one, two: write oci:PATH:one'],
    [
      'images with the same name',
      'c.tar',
      manifest('d', 'one'),
      'it has none with a name of its own: write each',
    ],
  ])('with several images, as %s, is told what can be written', async (_, file, second, advice) => {
    const path = tar(file.replace(/\.d$/, ''), {
      'index.json': { manifests: [manifest('c', 'one'), second] },
    })
    const place = file.endsWith('.d') ? `${path}.d` : path
    const [mistake] = await mistakes(archive(place))
    expect(mistake?.replaceAll(file, 'PATH')).toContain(`does not hold exactly one image; ${advice}`)
  })

  test('that skopeo wrote as plain files is told how to become one', async () => {
    tar('d.tar', { version: 'Directory Transport Version: 1.1\n', 'manifest.json': {} })
    expect(await mistakes(archive(programs.file('d.tar.d')))).toEqual([
      expect.stringMatching(/no OCI layout; .*`skopeo copy --all dir:(\S+) oci:\1-oci`/),
    ])
  })

  test('is pushed by its kind, and as the image that was asked for', async () => {
    programs.add(
      'skopeo',
      'printf "%s\\n" "$*" >"$here/args"; [ "$1" != --version ] || exit 0; while [ "$1" != --digestfile ]; do shift; done; echo sha256:x >"$2"; echo "Copying blob sha256:0123456789abcdef skipped"',
    )
    const path = tar('a.tar', { 'index.json': { manifests: [manifest('c', 'one'), manifest('d', 'two')] } })
    const [local] = await find(archive(path, { reference: 'two' }, 'app'))
    const heard: unknown[] = []
    expect(
      await local?.push(
        { name: 'r.example.com/app', tag: 'v1' },
        undefined,
        message => heard.push(message),
        never,
      ),
    ).toBe('sha256:x')
    expect(readFileSync(programs.file('args'), 'utf8')).toContain(
      `oci-archive:${path}:two docker://r.example.com/app:v1`,
    )
    expect(heard).toEqual([{ id: '0123456789ab', status: 'Layer already exists' }])
  })
})

// As bake writes several targets into one layout: each with its whole name, and with the tag alone for skopeo.
describe('images in one layout that have the same tag', () => {
  const called = (digit: string, name: string, mediaType = 'application/vnd.oci.image.manifest.v1+json') => ({
    ...{ mediaType, digest: digest(digit), size: 1 },
    annotations: {
      'org.opencontainers.image.ref.name': 'latest',
      'io.containerd.image.name': `docker.io/team/${name}:latest`,
    },
  })
  const index = 'application/vnd.oci.image.index.v1+json'
  const part = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digest('e'), size: 2 }
  const files = {
    'index.json': { manifests: [called('c', 'api'), called('d', 'web', index)] },
    [`blobs/sha256/${'c'.repeat(64)}`]: { manifests: [] },
    [`blobs/sha256/${'d'.repeat(64)}`]: { manifests: [part] },
  }
  /** What skopeo finds in the layout that it is given, and whether all blobs are there. */
  const layouts = () =>
    readFileSync(programs.file('layouts'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).manifests)
  const push = async (image: Image) => {
    const [local] = await find(image)
    await local?.push({ name: 'r.example.com/app', tag: 'v1' }, undefined, () => {}, never)
  }

  beforeEach(() => {
    programs.add(
      'skopeo',
      `[ "$1" != --version ] || exit 0
printf '%s\\n' "$*" >>"$here/args"
while [ "$1" != --digestfile ]; do shift; done
echo sha256:x >"$2"
case "$*" in *--all*) [ ! -e "$here/zstd" ] || { echo 'Manifest list must be converted' >&2; exit 1; } ;; esac
folder=$(printf '%s\\n' "$*" | sed 's/.* oci:\\([^ :]*\\).*/\\1/')
ls "$folder/oci-layout" "$folder/blobs/sha256/${'d'.repeat(64)}" >/dev/null || exit 1
{ cat "$folder/index.json"; echo; } >>"$here/layouts"`,
    )
  })

  test.each(['oci', 'oci-archive'] as const)('each is pushed as itself: %s', async kind => {
    const path = tar('a.tar', files)
    for (const [name, digit] of [
      ['web', 'd'],
      ['api', 'c'],
    ] as const) {
      const source = { kind, path: kind === 'oci' ? `${path}.d` : path, reference: `team/${name}:latest` }
      await push(archive('', source, 'app'))
      expect(layouts().at(-1)).toEqual([{ mediaType: expect.any(String), digest: digest(digit), size: 1 }])
    }
    expect(readFileSync(programs.file('args'), 'utf8')).not.toContain(':latest docker:')
  })

  test.each(['oci', 'oci-archive'] as const)('also one by one, where layers are in zstd: %s', async kind => {
    programs.add('zstd', '')
    const path = tar('a.tar', files)
    const source = { kind, path: kind === 'oci' ? `${path}.d` : path, reference: 'team/web:latest' }
    await push(archive('', source, 'app'))
    expect(
      layouts()
        .at(-1)
        .map(({ digest }: { digest: string }) => digest),
    ).toEqual([digest('d'), digest('e')])
  })

  test('are told apart by their whole names', async () => {
    expect(await mistakes(archive(tar('a.tar', files)))).toEqual([
      'imageMissing: image: a.tar does not hold exactly one image; it has docker.io/team/api:latest, docker.io/team/web:latest: write oci-archive:a.tar:docker.io/team/api:latest',
    ])
  })

  test('one that has only its whole name is found too', async () => {
    const { annotations, ...entry } = called('c', 'api')
    const { 'org.opencontainers.image.ref.name': _, ...whole } = annotations
    const path = tar('a.tar', {
      ...files,
      'index.json': { manifests: [called('d', 'web'), { ...entry, annotations: whole }] },
    })
    await push(archive('', { kind: 'oci-archive', path, reference: 'team/api:latest' }, 'app'))
    expect(layouts().at(-1)).toMatchObject([{ digest: digest('c') }])
  })
})

describe('what can’t be pushed is named, all at once, each under its topic', () => {
  test('archives', async () => {
    const noName = tar('b.tar', { 'index.json': { manifests: [manifest('c')] } })
    expect(
      await mistakes(
        archive('/nowhere.tar'),
        archive(tar('a.tar', { x: 'x' })),
        archive(noName),
        archive(noName, {}, 'Team/App'),
      ),
    ).toEqual([
      'imageMissing: image: there is no /nowhere.tar in the workspace; build it in an earlier step of the same job',
      'imageMissing: image: a.tar is neither a `docker save` archive nor an OCI one, or the runner lacks what unpacks it; give one of those',
      'imageName: image: b.tar does not say its name; write b.tar => repository',
      'imageName: image: b.tar: “Team/App” is not a repository; write “team/app”',
    ])
  })

  // Whoever made the file may have been cut off, or mean something else.
  test.each<[string, Record<string, unknown>, string]>([
    ['no JSON', { 'index.json': '{"manifests"' }, 'is neither'],
    ['null', { 'index.json': 'null', 'manifest.json': 'null' }, 'is neither'],
    ['other kinds', { 'index.json': [], 'manifest.json': {} }, 'is neither'],
    ['no list', { 'index.json': { manifests: 'x' } }, 'does not hold exactly one image'],
    [
      'no digest',
      { 'index.json': { manifests: [{}, null, { digest: 7 }, { digest: 'sha256:short' }] } },
      'does not hold exactly one image',
    ],
    [
      'annotations of another kind',
      { 'index.json': { manifests: [{ digest: digest('c'), annotations: 'x' }] } },
      'does not say its name',
    ],
    [
      'no configuration',
      { 'manifest.json': [{ RepoTags: ['app:1'] }, 7] },
      'does not hold exactly one image',
    ],
    [
      'a configuration of another kind',
      { 'manifest.json': [{ Config: 7 }] },
      'does not hold exactly one image',
    ],
    [
      'names of another kind',
      { 'manifest.json': [{ Config: 'a'.repeat(64), RepoTags: 'app' }] },
      'does not say its name',
    ],
  ])('an archive with %s', async (_, files, sentence) => {
    expect(await mistakes(archive(tar('a.tar', files)))).toEqual([expect.stringContaining(sentence)])
  })

  test('images in Docker', async () => {
    engine = await Engine.open(programs, ({ url }, response) =>
      url?.endsWith('/images/json')
        ? json(response, 200, [{ RepoTags: ['other:1', 'more:2'] }])
        : json(response, url?.includes('app') ? 200 : 404, { Id: digest('e'), Size: 5 }),
    )
    const docker = (name: string, repository?: string): Image => ({
      source: { kind: 'docker', name },
      repository,
      tags: ['v1'],
    })
    expect(await mistakes(docker('gone:1', 'gone'), docker('sha256:abc'))).toEqual([
      'imageMissing: image: this runner’s Docker has no image gone:1, only other:1, more:2; build it in an earlier step of the same job, with `load: true` if buildx builds it',
      'imageName: image: sha256:abc has no name; write sha256:abc => repository',
    ])
    expect(await find(docker('app', 'app'))).toMatchObject([{ id: digest('e'), client: 'Docker', size: 5 }])
  })

  test('a Docker that can’t say is Docker’s trouble, and no wrong name', async () => {
    engine = await Engine.open(programs, (_, response) => json(response, 500, { message: 'driver failed' }))
    const image: Image = { source: { kind: 'docker', name: 'app' }, repository: 'app', tags: ['v1'] }
    expect(await mistakes(image)).toEqual(['runnerDocker: image: Docker can’t look at app: driver failed'])
  })
})

test('nothing is started where nothing needs it', async () => {
  programs.alone()
  expect(await find()).toEqual([])
})
