import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { certificate } from '../../../lab/content.ts'
import { account } from '../../../src/resources/names.ts'
import { page } from '../../../src/resources/page/page.ts'
import { asset, library, notice } from '../../../src/shell.ts'
import { sh } from '../../library.ts'
import { recorded } from '../../recorded.ts'

const { desired: without, facts } = recorded('trixie', 'converged')
const desired = { ...without, page: true }
const { domain } = desired
const none = page.read(facts, desired)
const service = `berth-page-${domain}.service`
const folder = '/opt/berth/page'
const names = ['index.html', 'page.css', 'page.js']

const [, serve] = page.steps(desired, none)
const file = (content = '') => ({ mode: '644', owner: 'root:root', content })
const well = {
  files: [
    '. 755 root:root;',
    ...names.map(name => `${name} 644 root:root;`),
    ...names.map(
      name =>
        `${createHash('sha256')
          .update(asset(`resources/page/${name}`))
          .digest('hex')}  ${name};`,
    ),
  ].join(''),
  socket: true,
  reachable: true,
  serving: true,
  script: file(`#!/usr/bin/perl\n${notice}\n${library('resources/page/catalog.pl')}`),
  unit: file(serve?.call[4]),
}
const inS3 = {
  ...desired,
  registry: { ...desired.registry, config: { storage: { filesystem: null, s3: { bucket: 'images' } } } },
}

const removed = [`delete ${service}`, 'delete /opt/berth/catalog.pl', `delete ${folder}`]

const summaries = (steps: ReturnType<typeof page.steps>) =>
  steps.flatMap(({ changes }) => changes.map(({ action, summary }) => `${action} ${summary}`))

describe('plan', () => {
  test.each([
    ['nothing wanted, nothing there', without, none, []],
    ['as it should be', desired, well, []],
    [
      'wanted for the first time',
      desired,
      none,
      [...names.map(name => `create ${folder}/${name}`), 'create /opt/berth/catalog.pl', `create ${service}`],
    ],
    ['not wanted any more', without, well, removed],
    [
      'not wanted, and its folder is left',
      without,
      { ...none, files: '. 755 root:root;' },
      [`delete ${folder}`],
    ],
    [
      'not wanted, and its script is left',
      without,
      { ...none, script: well.script },
      ['delete /opt/berth/catalog.pl'],
    ],
    [
      'somebody else may write to its folder',
      desired,
      { ...well, files: well.files.replace('. 755 root:root;', '. 777 root:root;') },
      [`update ${folder} from 777 root:root to 755 root:root`],
    ],
    [
      'somebody else owns its folder',
      desired,
      { ...well, files: well.files.replace('. 755 root:root;', '. 755 bob:root;') },
      [`update ${folder} from 755 bob:root to 755 root:root`],
    ],
    [
      'somebody has changed a file',
      desired,
      { ...well, files: well.files.replace(/[0-9a-f]{64} {2}page\.js/, `${'0'.repeat(64)}  page.js`) },
      [`update ${folder}/page.js`],
    ],
    [
      'somebody else may write to one',
      desired,
      { ...well, files: well.files.replace('page.css 644', 'page.css 666') },
      [`update ${folder}/page.css`],
    ],
    ['the service does not run', desired, { ...well, serving: false }, [`update start ${service}`]],
    ['its socket is gone', desired, { ...well, socket: false }, [`update start ${service}`]],
    [
      'nginx now runs as another user',
      desired,
      { ...well, reachable: false },
      [`update restart ${service}, which nginx can’t reach`],
    ],
    ['images have moved to object storage', inS3, well, [`update ${service}`]],
  ])('%s', (_, wanted, seen, expected) => {
    expect(summaries(page.steps(wanted, seen))).toEqual(expected)
  })

  test('what nginx still asks for goes only after the site', () => {
    for (const step of page.steps(without, well)) expect(step.after).toBe('site')
  })

  test('`down` takes it away', () => {
    expect(summaries(page.removal?.(desired, well) ?? [])).toEqual(removed)
    expect(page.removal?.(desired, none)).toEqual([])
  })
})

test('the service may do no more than it needs', () => {
  const [, section] = serve?.call[4]?.split(/\[Service\]\n|\n\[Install\]/) ?? []
  expect(section).toBe(`\
ExecStart=/usr/bin/perl /opt/berth/catalog.pl /opt/berth/run/page.sock /opt/berth/data/docker/registry/v2/repositories ${account.replace(':', ' ')}
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_SETGID CAP_SETUID
ProtectSystem=strict
ReadWritePaths=/opt/berth/run
ProtectHome=read-only
PrivateTmp=yes
PrivateNetwork=yes
MemoryMax=256M
TasksMax=32
`)
  expect(account).not.toMatch(/^0:|:0$/)
})

describe('what is seen of its folder', () => {
  const place = mkdtempSync(join(tmpdir(), 'berth-page-'))
  afterAll(() => rmSync(place, { recursive: true }))
  const look = () =>
    sh(
      ['server/protocol', 'resources/page/page'],
      `fact_file() { :; }; fact_if() { :; }; page_probe berth-page ${place}`,
    ).stdout.replace(/^berth:page\.group=.*\n/m, '')

  test('nothing, if there is none', () => {
    expect(look()).toBe('berth:page.files=\n')
  })

  test('who may write to it, also while it is empty', () => {
    mkdirSync(join(place, 'page'))
    chmodSync(join(place, 'page'), 0o757)
    expect(look()).toMatch(/^berth:page\.files=\. 757 \w+:\w+;\n$/)
  })

  test('what is in it', () => {
    writeFileSync(join(place, 'page/page.js'), '')
    chmodSync(join(place, 'page/page.js'), 0o640)
    const empty = createHash('sha256').digest('hex')
    expect(look()).toMatch(
      new RegExp(`^berth:page\\.files=\\. 757 \\S+;page\\.js 640 \\S+;${empty}  page\\.js;\\n$`),
    )
  })
})

test('the files are plain: nothing inline, nothing from elsewhere, no markup from text', () => {
  const html = asset('resources/page/index.html')
  expect(html).not.toMatch(/<script(?![^>]* src="\/page\/page\.js")|<style|\sstyle=|\son\w+=/)
  const linked = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link)
  expect(linked.filter(link => !/^(\/page\/page\.(css|js)|#.*|data:.*)$/.test(link ?? ''))).toEqual([])
  expect(asset('resources/page/page.css')).not.toMatch(/url\(|@import/)
  expect(asset('resources/page/page.js')).not.toMatch(
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|Storage\b|cookie|^import /m,
  )
})

/** Not by a literal: it has no types, and is not built. */
const script = '../../../src/resources/page/page.js'
const {
  ago,
  bytes,
  commandsFor,
  companion,
  describe: describeImage,
  grouped,
  kindOf,
  markOf,
  matches,
  membersOf,
  onceEach,
  platformOf,
  proofName,
  proofType,
  queue,
  route,
  signersOf,
  sizeOf,
  sizes,
  sorted,
  textOf,
} = await import(script)

const hex = 'a'.repeat(64)

test.each([
  ['', {}],
  ['#/', {}],
  ['#/team/app', { repository: 'team/app' }],
  ['#/team/app:1.0', { repository: 'team/app', tag: '1.0' }],
  [`#/team/app@sha256:${hex}`, { repository: 'team/app', digest: `sha256:${hex}` }],
  ['#/team/../app', {}],
  ['#/Team', {}],
  ['#/team/app:<script>', {}],
  ['#//evil.example.com', {}],
  ['#/team%2fapp', {}],
])('the address %s', (hash, expected) => {
  expect(route(hash)).toEqual({ repository: undefined, tag: undefined, digest: undefined, ...expected })
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [79_960_000, '80.0 MB'],
  [314_159_265, '314 MB'],
  [5e12, '5.0 TB'],
  [Number.NaN, '–'],
  [-1, '–'],
])('%d bytes: %s', (count, expected) => {
  expect(bytes(count)).toBe(expected)
})

test.each([
  [10, 'just now'],
  [-100, 'just now'],
  [50, '1 minute ago'],
  [3540, '59 minutes ago'],
  [3600, '1 hour ago'],
  [86_400, 'yesterday'],
  [86_400 * 12, '12 days ago'],
  [86_400 * 28, '28 days ago'],
  [86_400 * 45, 'last month'],
  [86_400 * 364, 'last year'],
  [86_400 * 800, '2 years ago'],
])('%d seconds ago: %s', (seconds, expected) => {
  expect(ago(1_000_000_000 - seconds, 1_000_000_000)).toBe(expected)
})

test('the newest tag comes first, and without times the highest version', () => {
  const names = (tags: [string, number?][]) => sorted(tags).map(([name]: [string]) => name)
  expect(
    names([
      ['b', 1],
      ['a', 3],
      ['c', 2],
    ]),
  ).toEqual(['a', 'c', 'b'])
  expect(names([['1.9'], ['1.10'], ['1.2']])).toEqual(['1.10', '1.9', '1.2'])
})

test('repositories are grouped by their path', () => {
  const repositories = ['team/b', 'alone', 'team/a', 'team/sub/x'].map(name => [name, 1])
  expect(
    grouped(repositories).map(([path, members]: [string, [string][]]) => [
      path,
      ...members.map(([name]) => name),
    ]),
  ).toEqual([
    ['', 'alone'],
    ['team', 'team/b', 'team/a'],
    ['team/sub', 'team/sub/x'],
  ])
})

test.each([
  ['team/app', 'APP', true],
  ['team/app', 'app tea', true],
  ['team/app', '', true],
  ['team/app', 'apps', false],
  ['team/app', '.*', false],
])('%s is found by “%s”: %s', (name, typed, expected) => {
  expect(matches(name, typed)).toBe(expected)
})

test.each([
  [`sha256-${hex}`, { digest: `sha256:${hex}`, kind: '' }],
  [`sha256-${hex}.sig`, { digest: `sha256:${hex}`, kind: 'sig' }],
  ['sha256-abc', undefined],
  ['1.0', undefined],
])('%s belongs to an image', (tag, expected) => {
  expect(companion(tag)).toEqual(expected)
})

test('attestations are no platforms', () => {
  const amd64 = { digest: 'a', platform: { os: 'linux', architecture: 'amd64' } }
  const unknown = { digest: 'b', platform: { os: 'unknown', architecture: 'unknown' } }
  const marked = { digest: 'c', annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }
  expect(membersOf({ manifests: [amd64, unknown, marked, null, 'x'] })).toEqual({
    images: [amd64],
    proofs: [unknown, marked],
  })
  expect(membersOf({ manifests: 'x' })).toEqual({ images: [], proofs: [] })
})

test.each([
  [{ os: 'linux', architecture: 'arm64', variant: 'v8' }, 'linux/arm64/v8'],
  [{ os: 'linux', architecture: 7, variant: {} }, 'linux'],
  [{}, 'unknown'],
])('the platform %j', (platform, expected) => {
  expect(platformOf(platform)).toBe(expected)
})

test.each([
  [{ config: { size: 10 }, layers: [{ size: 5 }, { size: 1 }] }, 16],
  [{ config: null, layers: [{ size: 'x' }, { size: { valueOf: 1, toString: 1 } }, null, {}] }, 0],
  [{}, 0],
])('the size of %j', (manifest, expected) => {
  expect(sizeOf(manifest)).toBe(expected)
})

test.each([
  [[81_900_000, 80_000_000], '80.0 – 81.9 MB'],
  [[999_000, 2_000_000], '999 kB – 2.0 MB'],
  [[5, 5], '5 B'],
  [[Number.NaN], ''],
])('platforms of %j bytes: %s', (each, expected) => {
  expect(sizes(each.map(size => ({ size })))).toBe(expected)
})

test.each([
  [
    'an image',
    { config: { mediaType: 'application/vnd.oci.image.config.v1+json' } },
    [
      'docker pull r.example.com/team/app:1.0',
      'podman pull r.example.com/team/app:1.0',
      `docker pull r.example.com/team/app@sha256:${hex}`,
    ],
  ],
  [
    'a chart',
    { config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
    ['helm pull oci://r.example.com/team/app --version 1.0'],
  ],
  [
    'something else',
    { artifactType: 'application/vnd.example.thing' },
    ['oras pull r.example.com/team/app:1.0'],
  ],
  ['a build cache', { config: { mediaType: 'application/vnd.buildkit.cacheconfig.v0' } }, []],
])('how %s is fetched', (_, manifest, expected) => {
  const commands = commandsFor(kindOf(manifest), 'r.example.com/team/app', '1.0', `sha256:${hex}`)
  expect(commands.map(([, command]: string[]) => command)).toEqual(expected)
})

test.each([
  ['https://slsa.dev/provenance/v1', 'Provenance'],
  ['https://spdx.dev/Document', 'SBOM (SPDX)'],
  ['https://cyclonedx.org/bom', 'SBOM (CycloneDX)'],
  ['application/vnd.dev.cosign.simplesigning.v1+json', 'Signature'],
  ['application/vnd.cncf.notary.signature', 'Signature (Notation)'],
  ['application/x.else', 'x.else'],
  ['', 'Attachment'],
])('what %s is', (type, expected) => {
  expect(proofName(type)).toBe(expected)
})

test('a certificate names who signed and who vouches for that', () => {
  const signer = 'https://github.com/example/app/.github/workflows/release.yml@refs/heads/main'
  const issuer = 'https://token.actions.githubusercontent.com'
  expect(signersOf(certificate(signer, issuer))).toEqual([signer, issuer])
  // Longer than a byte can say.
  const long = `https://example.com/${'x'.repeat(300)}`
  expect(signersOf(certificate(long, issuer))).toEqual([long, issuer])
})

test('what is no certificate names nobody, and ends', () => {
  for (const bytes of [
    [],
    [0x30],
    [0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 6],
    Array(1000).fill(0x30),
    Array(999).fill(0),
  ])
    expect(signersOf(Buffer.from(bytes).toString('base64'))).toEqual([])
})

test('a few at a time, and not what has left the screen', async () => {
  const { add, drop } = queue(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  for (const key of [1, 2, 3, 4, 5])
    add(key, () => {
      begun.push(key)
      return new Promise<void>(resolve => ends.push(resolve))
    })
  expect(begun).toEqual([1, 2])
  drop(3)
  for (const end of ends.splice(0)) end()
  await new Promise(resolve => setImmediate(resolve))
  expect(begun).toEqual([1, 2, 4, 5])
})

test('a row is filled once, also if it leaves the screen and comes back meanwhile, and again only if that failed', async () => {
  const { want, drop } = onceEach(queue(1))
  const [row, other] = [{}, {}]
  const ends: ((error?: Error) => void)[] = []
  const failures: string[] = []
  const see = (key: object) =>
    want(
      key,
      () => new Promise<void>((resolve, reject) => ends.push(error => (error ? reject(error) : resolve()))),
      ({ message }: Error) => failures.push(message),
    )
  const settled = () => new Promise(resolve => setImmediate(resolve))
  see(row)
  see(other)
  drop(other)
  drop(row)
  see(row)
  ends[0]?.(new Error('lost'))
  await settled()
  expect([ends.length, failures]).toEqual([1, ['lost']])
  see(row)
  ends[1]?.()
  await settled()
  see(row)
  expect(ends).toHaveLength(2)
  see(other)
  expect(ends).toHaveLength(3)
})

test.each([
  ['x', 'x'],
  [7, '7'],
  [undefined, 'undefined'],
  [null, 'null'],
  [{ toString: 1 }, '{"toString":1}'],
  [[{ toString: 1 }], '[{"toString":1}]'],
])('%j as text', (value, expected) => {
  expect(textOf(value)).toBe(expected)
})

describe('what is asked of the registry', () => {
  const { fetch } = globalThis
  let asked: string[] = []
  afterEach(() => {
    globalThis.fetch = fetch
  })

  /** A registry that has these manifests and blobs, by tag or digest. */
  function serve(contents: Record<string, object | undefined>): void {
    asked = []
    globalThis.fetch = async path => {
      asked.push(String(path))
      const [, reference = ''] = /([^/]*)$/.exec(String(path)) ?? []
      const content = contents[reference]
      return content instanceof Response
        ? content
        : Response.json(content ?? {}, { status: content ? 200 : 404 })
    }
  }

  // Digests never change what they stand for, so no two of these tests use the same.
  let last = 0
  const digest = () => `sha256:${String(++last).padStart(64, '0')}`
  const platform = { os: 'linux', architecture: 'amd64' }
  const imageConfig = { mediaType: 'application/vnd.oci.image.config.v1+json', size: 1 }

  test.each([
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'application/vnd.docker.image.rootfs.diff.tar.gzip',
  ])(
    'a build cache of %s is shown as one, and none of its layers is asked for as a platform',
    async mediaType => {
      const layers = Array.from({ length: 12 }, () => ({ mediaType, digest: digest(), size: 1000 }))
      const config = { mediaType: 'application/vnd.buildkit.cacheconfig.v0', digest: digest(), size: 7 }
      serve({ cache: { manifests: [...layers, config] } })
      const { kind, platforms } = await describeImage('team/app', 'cache')
      expect(kind).toBe('build cache')
      expect(platforms).toMatchObject([{ name: 'build cache', size: 12_007, body: { layers } }])
      expect(asked).toEqual(['/v2/team/app/manifests/cache'])
      expect(commandsFor(kind, 'r.example.com/team/app', 'cache', hex)).toEqual([])
    },
  )

  test('an index of artifacts is no image of unknown platforms', async () => {
    const member = digest()
    serve({
      things: { manifests: [{ digest: member, size: 5 }] },
      [member]: { artifactType: 'application/vnd.example.thing', layers: [{ size: 3 }] },
    })
    const { kind, platforms } = await describeImage('team/app', 'things')
    expect([kind, ...platforms.map(({ name }: { name: string }) => name)]).toEqual([
      'example.thing',
      'example.thing',
    ])
  })

  test('values that JavaScript can’t turn into text', async () => {
    const strange = { toString: 1, valueOf: 1 }
    serve({
      strange: { artifactType: strange, config: { mediaType: strange, size: strange }, layers: [] },
      index: { manifests: [{ digest: strange, size: strange, mediaType: strange }] },
    })
    expect(await describeImage('team/app', 'strange')).toMatchObject({ kind: JSON.stringify(strange) })
    expect(await describeImage('team/app', 'index')).toMatchObject({ kind: 'image' })
    expect(proofType({ artifactType: strange, config: {} }, { mediaType: strange })).toContain('toString')
  })

  test('a member whose platform the index does not name is asked for it', async () => {
    const [member, config] = [digest(), digest()]
    serve({
      one: { manifests: [{ digest: member }] },
      [member]: { config: { ...imageConfig, digest: config } },
      [config]: platform,
    })
    expect(await describeImage('team/app', 'one')).toMatchObject({
      kind: 'image',
      platforms: [{ name: 'linux/amd64' }],
    })
  })

  test('an image of another kind with a platform is an image', async () => {
    const member = digest()
    serve({
      wasm: { manifests: [{ digest: member, platform: { os: 'wasip1', architecture: 'wasm' } }] },
      [member]: { config: { mediaType: 'application/vnd.wasm.config.v0+json' } },
    })
    expect(await describeImage('team/app', 'wasm')).toMatchObject({
      kind: 'image',
      platforms: [{ name: 'wasip1/wasm' }],
    })
  })

  test('what is in a bucket is said not to be readable here, at once', async () => {
    const config = digest()
    const redirect = Object.defineProperty(new Response(null), 'type', { value: 'opaqueredirect' })
    Object.defineProperty(redirect, 'ok', { value: false })
    serve({ moved: { config: { ...imageConfig, digest: config } }, [config]: redirect })
    expect(await describeImage('team/app', 'moved')).toMatchObject({
      platforms: [{ name: 'not readable here' }],
    })
    expect(asked).toHaveLength(2)
  })

  test.each(['sha256:short', '../../../page/logout', '1.0/../../x', `sha256:${hex}?x`, '', 'a b', '.hidden'])(
    'the reference %j leads nowhere',
    async reference => {
      serve({})
      await expect(describeImage('team/app', reference)).rejects.toThrow('This does not exist.')
      expect(asked).toEqual([])
      // And if somebody has pushed it in an index.
      serve({ index: { manifests: [{ digest: reference, platform }] } })
      await describeImage('team/app', 'index')
      expect(asked).toEqual(['/v2/team/app/manifests/index'])
    },
  )

  test('never more than six at a time, however many platforms there are', async () => {
    const manifests = Array.from({ length: 40 }, () => ({ digest: digest(), platform }))
    serve(
      Object.fromEntries([
        ['many', { manifests }],
        ...manifests.map(({ digest }) => [digest, { layers: [] }]),
      ]),
    )
    const answer = globalThis.fetch
    let [open, most] = [0, 0]
    globalThis.fetch = async path => {
      most = Math.max(most, ++open)
      await new Promise(resolve => setImmediate(resolve))
      open--
      return answer(path)
    }
    await Promise.all([describeImage('team/app', 'many'), describeImage('team/other', 'many')])
    expect(asked).toHaveLength(82)
    expect(most).toBe(6)
  })

  describe('what its row says of an image', () => {
    const notation = {
      config: { mediaType: 'application/vnd.cncf.notary.signature' },
      layers: [{ mediaType: 'application/jose+json' }],
    }
    const bundle = (predicate: string) => ({
      artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      annotations: { 'dev.sigstore.bundle.predicateType': predicate },
      layers: [{ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' }],
    })
    const thing = { artifactType: 'application/vnd.example.thing', layers: [{ mediaType: 'text/plain' }] }

    test.each<[string, object[], string]>([
      ['a signature by Notation', [notation], 'signed'],
      ['a signature by cosign 3', [bundle('https://sigstore.dev/cosign/sign/v1')], 'signed'],
      ['provenance', [bundle('https://slsa.dev/provenance/v1')], 'attested'],
      ['both', [bundle('https://slsa.dev/provenance/v1'), notation], 'signed'],
      ['something else', [thing], 'attached'],
      ['nothing any more', [], 'attached'],
    ])('with %s in the tag of what belongs to it', async (_, bodies, mark) => {
      const [subject, ...members] = [digest(), ...bodies.map(digest)]
      serve({
        [subject.replace(':', '-')]: { manifests: members.map(digest => ({ digest })) },
        ...Object.fromEntries(members.map((digest, index) => [digest, bodies[index]])),
      })
      expect(await markOf('team/app', subject, [{ digest: subject, kind: '' }])).toBe(mark)
    })

    test.each([
      [['sig'], 'signed'],
      [['att'], 'attested'],
      [['att', 'sig'], 'signed'],
      [['sbom'], 'attached'],
      [[], undefined],
    ])('with tags of the kinds %j beside it', async (kinds, mark) => {
      const subject = digest()
      serve({})
      const companions = [
        { digest: digest(), kind: 'sig' },
        ...kinds.map(kind => ({ digest: subject, kind })),
      ]
      expect(await markOf('team/app', subject, companions)).toBe(mark)
      expect(asked).toEqual([])
    })
  })
})
