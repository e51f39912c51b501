import { spawnSync } from 'node:child_process'
import { describe, expect, test } from '@jest/globals'
import { parseCollected } from '../../src/retention/collected.ts'
import { parseInventory } from '../../src/retention/inventory.ts'
import { library } from '../../src/shell.ts'

/** A bucket in memory, in the layout of distribution. What a storage makes of requests is tried in e2e/store.test.ts. */
const memory = `
time.sleep = lambda seconds: None
now, day = int(time.time()), 86400
V2 = 'docker/registry/v2/'

class Memory(Patient):
    def __init__(self):
        self.name, self.root, self.objects = 'memory', '', {}
    def list(self, prefix):
        for key, (content, at, _) in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield key, {'Size': str(len(content)), 'LastModified': datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat()}
    def ask(self, method, key='', query=(), headers=(), body=b''):
        headers = dict(headers)
        source = headers.get('x-amz-copy-source', f'/{key}').split('/', 1)[1]
        if query:
            return {'date': email.utils.formatdate(time.time())}, b''
        if (method == 'GET' or 'x-amz-copy-source' in headers) and source not in self.objects:
            raise Refusal(404, b'<Error><Code>NoSuchKey</Code></Error>')
        if method == 'GET':
            content, at, meta = self.objects[key]
            return {'last-modified': email.utils.formatdate(at), **meta}, content
        if method == 'PUT':
            content = self.objects[source][0] if 'x-amz-copy-source' in headers else body
            meta = {name: value for name, value in headers.items() if name == 'x-amz-meta-mtime'}
            self.objects[key] = (content.encode() if isinstance(content, str) else content, now, meta)
        if method == 'DELETE':
            self.objects.pop(key, None)
        return {}, b''
    def put(self, path, content, days):
        self.objects[V2 + path] = (content, now - days * day, {})
    def blob(self, content, days):
        digest = f'sha256:{hashlib.sha256(content).hexdigest()}'
        self.put(blob_path(digest), content, days)
        return digest
    def manifest(self, repository, name, content, days):
        digest = self.blob(content, days)
        folder = f'repositories/{repository}/_manifests/'
        for link in (f'revisions/{entry(digest)}', f'tags/{name}/index/{entry(digest)}', f'tags/{name}/current'):
            self.put(f'{folder}{link}/link', digest.encode(), days)
        return digest
    def push(self, repository, name, layer, days):
        digest = self.blob(layer.encode(), days)
        self.put(f'repositories/{repository}/_layers/{entry(digest)}/link', digest.encode(), days)
        return self.manifest(repository, name, json.dumps({'layers': [{'digest': digest}]}).encode(), days)

bucket = Memory()
`

/** What the program prints in such a bucket. */
function run(lines: string): string {
  const programs = library('bucket/s3.py') + library('retention/bucket.py')
  const { stdout, stderr } = spawnSync('python3', ['-I', '-'], {
    input: `${programs.replace(/^if __name__[\s\S]*/m, '')}${memory}${lines}`,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return stdout
}

test.each([
  ['team/app', '1'],
  ['team/blobs/app', '1'],
  ['team/index/app', '1'],
  ['revisions/current', 'index'],
  ['tags/layers', '_layers'],
])('what goes from %s:%s comes back whole', (repository, tag) => {
  const said = run(`
digest = bucket.push('${repository}', '${tag}', 'first', 50)
bucket.push('${repository}', 'other', 'second', 40)
before = set(bucket.objects)
Store(bucket, day).collect([f'planned {now}', f'tag ${repository} ${tag} {digest} {now - 50 * day}', f'manifest ${repository} {digest} {now - 50 * day}'])
print(len(before - set(bucket.objects)))
Store(bucket, day).undo()
print(set(bucket.objects) == before)
`)
  expect(said).toMatch(/^6$/m)
  expect(said).toMatch(/^True$/m)
  // Two blobs.
  expect(parseCollected(said).restored).toEqual({ tags: [`${repository}:${tag}`], blobs: 2 })
})

test.each([
  ['lines of an inventory', { subject: { digest: 'x 0 0\nrepository team/app\ntag 2 0 5 5\nblob y' } }],
  ['half a line', { subject: { digest: `sha256:${'0'.repeat(64)}\n` } }],
  ['half a character', { subject: { digest: '\ud800' } }],
  ...[5, null, [], ['a'], { a: 1 }, ''].map(
    digest => [JSON.stringify(digest), { subject: { digest } }] as const,
  ),
  ...[5, null, [], 'text'].map(
    subject => [`a subject that is ${JSON.stringify(subject)}`, { subject }] as const,
  ),
  ...[5, null, ['a']].map(all => [`a manifest that is ${JSON.stringify(all)}`, all] as const),
])('whoever pushes a manifest writes nothing into the inventory: %s', (_, content) => {
  const said = run(`
bucket.push('team/app', '1', 'layer', 50)
bucket.manifest('evil/app', '1', ${JSON.stringify(JSON.stringify(content))}.encode(), 50)
Store(bucket, day).look()
`)
  const { repositories, manifests, blobs } = parseInventory(said)
  expect(repositories.map(({ name, tags }) => [name, tags.length])).toEqual([
    ['evil/app', 1],
    ['team/app', 1],
  ])
  expect([...manifests.values()].map(({ subject }) => subject)).toEqual([undefined, undefined])
  expect(blobs).toHaveLength(3)
})

test.each([
  ['nested', `'{"subject":' * 5000 + '1' + '}' * 5000`],
  ['a number without end', `'{"subject":' + '9' * 50000 + '}'`],
  ['a digest without end', `'{"manifests":["a:' + 'f' * 5000 + '"]}'`],
])('a manifest that can’t be read stops nothing: %s', (_, content) => {
  const said = run(`
bucket.manifest('evil/app', '1', (${content}).encode(), 50)
Store(bucket, day).look()
`)
  expect(parseInventory(said).blobs).toHaveLength(1)
})

test('a subject is told apart from what an image needs', () => {
  const said = run(`
image = bucket.push('a', '1', 'layer', 50)
bucket.manifest('a', '1.sbom', json.dumps({'subject': {'digest': image}}).encode(), 50)
Store(bucket, day).look()
`)
  const { blobs, manifests, repositories } = parseInventory(said)
  const [image, sbom] = repositories[0]?.tags.map(({ manifest }) => manifest) ?? []
  expect(manifests.get(sbom ?? -1)).toEqual({ refers: [], subject: image, list: false })
  expect(blobs).toHaveLength(3)
})

describe('what nginx logs of a request counts as asked for', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  /** Seconds since each time that is known, when the log has a line. The zone is that of the server. */
  const heard = (user: string, request: string, status = 200) =>
    run(`
store = Store(bucket, day)
at = datetime.datetime.fromtimestamp(now - 60, datetime.timezone.utc).strftime('%d/%b/%Y:%H:%M:%S +0000')
store.hear('192.0.2.7 - ${user} [' + at + '] "${request} HTTP/1.1" ${status} 5 "-" "docker"')
print({name: round(store.now - at) for name, at in store.asked.items()})
`)

  test.each([`HEAD /v2/team/app/blobs/${digest}`, `GET /v2/team/app/manifests/${digest}?ns=x`])(
    '%s',
    request => expect(heard('ci', request)).toMatch(new RegExp(`^{'${digest}': 6[01]}$`, 'm')),
  )

  test.each([
    `POST /v2/team/app/blobs/uploads/?from=other&mount=${digest}`,
    `POST /v2/team/app/blobs/uploads/?mount=${digest.replace(':', '%3A')}&from=other`,
  ])('%s, if the layer was there', request => {
    expect(heard('ci', request, 201)).toMatch(new RegExp(`^{'${digest}': 6[01]}$`, 'm'))
    expect(heard('ci', request, 202)).toBe('{}\n')
  })

  test.each([
    ['PUT', `PUT /v2/team/app/manifests/${digest}`],
    ['a page that a link came from', `GET / HTTP/1.1" 200 5 "GET /v2/team/app/manifests/${digest} " "`],
  ])('not %s', (_, request) => expect(heard('ci', request)).toBe('{}\n'))

  test.each(['[99/Foo/2026:00:00:00 +0000]', '[31/Dec/2099:00:00:00 +0000]', '[', 'a [b] c'])(
    'and the name of a user changes nothing: %s',
    user =>
      expect(heard(user, `HEAD /v2/a/blobs/${digest}`)).toMatch(new RegExp(`^{'${digest}': 6[01]}$`, 'm')),
  )

  test.each([
    [200, true],
    [307, true],
    [499, true],
    [401, false],
    [404, false],
  ])('answered with %i: %s', (status, counts) => {
    const said = run(`
store = Store(bucket, day)
store.hear('192.0.2.7 - ci [01/Jan/2026:00:00:00 +0000] "HEAD /v2/a/blobs/${digest} HTTP/1.1" ${status} 5 "-" "docker"')
print(len(store.asked))
`)
    expect(said).toBe(`${Number(counts)}\n`)
  })

  test('no time is later than now, and one that is none is passed over', () => {
    const said = run(`
store = Store(bucket, day)
for at in ('31/Dec/2099:00:00:00 +0000', '99/Foo/2026:00:00:00 +0000'):
    store.hear('192.0.2.7 - ci [' + at + '] "HEAD /v2/a/blobs/${digest} HTTP/1.1" 200 5 "-" "docker"')
print({name: store.now - at for name, at in store.asked.items()})
`)
    expect(said).toBe(`{'${digest}': 0}\n`)
  })
})

describe('what somebody asked for while it was set aside', () => {
  const collected = (more: string) =>
    run(`
image = bucket.push('a', '1', 'first', 50)
bucket.push('a', '2', 'second', 40)
layer = f'sha256:{hashlib.sha256(b"first").hexdigest()}'
orders = [f'planned {now}', f'tag a 1 {image} {now - 50 * day}', f'manifest a {image} {now - 50 * day}']
Store(bucket, day).collect(orders)
def hear(store, digest, ago):
    at = datetime.datetime.fromtimestamp(now - ago, datetime.timezone.utc).strftime('%d/%b/%Y:%H:%M:%S +0000')
    store.hear(f'192.0.2.7 - ci [{at}] "HEAD /v2/a/blobs/{digest} HTTP/1.1" 200 5 "-" "docker"')
    return store
has = lambda digest: V2 + blob_path(digest) in bucket.objects
${more}
print(has(image), has(layer), V2 + f'repositories/a/_layers/{entry(layer)}/link' in bucket.objects)
`)
      .trim()
      .split('\n')
      .at(-1)

  test('stays away if it is nothing', () => {
    expect(collected('Store(bucket, day).heed()')).toBe('False False False')
    // And nothing else is read.
    expect(
      collected(`seen = []
plain = bucket.list
bucket.list = lambda prefix: (seen.append(prefix), plain(prefix))[1]
hear(Store(bucket, day), layer, 2 * day).heed()
bucket.list = plain
assert seen == ['berth-aside/'], seen`),
    ).toBe('False False False')
  })

  test('stays away if it was before the run that set it aside heard of it, however long `grace` is now', () => {
    expect(collected('hear(Store(bucket, 3 * day), layer, 2 * day).heed()')).toBe('False False False')
  })

  test('comes back, a layer though no image needs it', () => {
    expect(collected('hear(Store(bucket, day), layer, 1).heed()')).toBe('False True True')
  })

  test('comes back, an image with what it needs', () => {
    expect(collected('hear(Store(bucket, day), image, 1).heed()')).toBe('True True True')
  })

  test('comes back by the next run, if this one was killed', () => {
    expect(collected("hear(Store(bucket, day), layer, 1).collect([f'planned {now}'])")).toBe(
      'False True True',
    )
  })
})

test('empty objects that mark folders, as some tools make them, stop nothing', () => {
  const said = run(`
image = bucket.push('a', '1', 'first', 50)
bucket.push('a', '2', 'second', 40)
orders = [f'planned {now}', f'tag a 1 {image} {now - 50 * day}', f'manifest a {image} {now - 50 * day}']
folders = {'/'.join(key.split('/')[:end]) + '/' for key in bucket.objects for end in range(1, len(key.split('/')))}
for folder in [*folders, 'berth-aside/', 'berth-aside/5/', 'berth-aside/lock/', f'berth-aside/{now}/']:
    bucket.objects[folder] = (b'', now, {})
store = Store(bucket, day)
store.look()
run(store, 'collect', 'server', orders)
print(V2 + blob_path(image) in bucket.objects)
run(Store(bucket, day), 'undo', 'server', [])
print(V2 + blob_path(image) in bucket.objects)
`)
  expect(said).toMatch(/^moved [1-9]\d* 2$[\s\S]*^False$[\s\S]*^restored 1 2$[\s\S]*^True$/m)
})

test('a blob that is too large to be copied is no room that comes back', () => {
  const said = run(`
COPY = 6
bucket.push('a', '1', 'large layer', 50)
bucket.push('a', '2', 'small', 50)
Store(bucket, day).look()
`)
  const { blobs } = parseInventory(said)
  const large = Object.fromEntries(blobs.map(({ bytes, large }) => [bytes, large]))
  expect(large).toMatchObject({ ['large layer'.length]: true, ['small'.length]: false })
})
