import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { patternRegex } from '../../../src/resources/site/rights.ts'

const program = join(import.meta.dirname, '../../../src/resources/page/catalog.pl')
const folder = mkdtempSync(join(tmpdir(), 'berth-catalog-'))
const socketPath = join(folder, 'page.sock')
const root = join(folder, 'repositories')
const signature = `sha256-${'a'.repeat(64)}.sig`
const elsewhere = join(folder, 'elsewhere.sock')
const limited = join(folder, 'limited.sock')
let services: ChildProcess[]

beforeAll(async () => {
  push('team/app', '1.0', 1_700_000_000)
  push('team/app', '1.1', 1_700_000_100)
  push('team/app', signature, 1_700_009_999)
  push('team/app', '_main', 1_700_000_050)
  push('team/deep/er', 'x', 1_700_000_000)
  push('secret/app', '1', 1_700_000_000)
  push('alone', '1', 1_700_000_000)
  mkdirSync(join(root, 'empty/_manifests'), { recursive: true })
  mkdirSync(join(root, 'uploads/_uploads'), { recursive: true })
  // A tag that is being deleted.
  mkdirSync(join(root, 'team/app/_manifests/tags/gone'), { recursive: true })
  push('../outside', '1', 1_700_000_000)
  symlinkSync(join(folder, 'outside'), join(root, 'link'))
  const owner = [process.getuid?.() ?? 0, process.getgid?.() ?? 0].map(String)
  registry.listen(join(folder, 'registry.sock'))
  strict.listen(join(folder, 'strict.sock'))
  services = [
    [socketPath, root],
    [elsewhere, `unix:${join(folder, 'registry.sock')}`],
    [limited, `unix:${join(folder, 'strict.sock')}`],
  ].map(args => spawn('perl', [program, ...args, ...owner], { stdio: 'inherit' }))
  while (![socketPath, elsewhere, limited].every(existsSync))
    await new Promise(resolve => setTimeout(resolve, 10))
})

afterAll(async () => {
  for (const service of services) {
    service.kill()
    await once(service, 'exit')
  }
  registry.close()
  strict.close()
  rmSync(folder, { recursive: true })
})

/** What a registry with images in object storage says, in pages. */
const registry = createServer(({ url }, response) => {
  const answers: Record<string, [object, string?]> = {
    '/v2/_catalog?n=1000': [
      { repositories: ['alone', 'secret/app'] },
      '/v2/_catalog?last=secret%2Fapp&n=1000',
    ],
    '/v2/_catalog?last=secret%2Fapp&n=1000': [{ repositories: ['team/app'] }],
    '/v2/team/app/tags/list?n=1000': [{ name: 'team/app', tags: ['1.0', signature] }],
    '/v2/team/none/tags/list?n=1000': [{ name: 'team/none', tags: null }],
  }
  const [body, next] = answers[url ?? ''] ?? []
  response.writeHead(body ? 200 : 404, next ? { Link: `<${next}>; rel="next"` } : {})
  response.end(JSON.stringify(body ?? { errors: [] }))
})

/** One that gives two names at once, and refuses to be asked for more. */
const strict = createServer(({ url = '' }, response) => {
  const { searchParams } = new URL(url, 'http://registry')
  const [n, last] = [Number(searchParams.get('n') ?? 2), searchParams.get('last')]
  if (n > 2) response.writeHead(400).end('{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}')
  else {
    const next = last ? {} : { Link: '</v2/_catalog?last=b&n=2>; rel="next"' }
    response.writeHead(200, next).end(JSON.stringify({ repositories: last ? ['c'] : ['a', 'b'] }))
  }
})

function push(repository: string, tag: string, time: number) {
  const link = join(root, repository, '_manifests/tags', tag, 'current/link')
  mkdirSync(join(link, '..'), { recursive: true })
  writeFileSync(link, 'sha256:…')
  utimesSync(link, time, time)
}

function ask(
  path: string,
  sees = '**',
  method = 'GET',
  socket = socketPath,
): Promise<{ status: number | undefined; body: unknown }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, path, method, headers: { 'X-Berth-Sees': sees } }, answer => {
      let text = ''
      answer.on('data', chunk => (text += chunk))
      answer.on('end', () => resolve({ status: answer.statusCode, body: JSON.parse(text) }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

const seen = async (sees: string) => {
  const { body } = await ask('/page/repositories', sees)
  return (body as { repositories: [string][] }).repositories.map(([name]) => name).sort()
}

test('repositories with the number of their tags and the last push; signatures don’t count', async () => {
  const { status, body } = await ask('/page/repositories')
  expect(status).toBe(200)
  expect(body).toEqual({
    repositories: expect.arrayContaining([
      ['team/app', 4, 1_700_000_100],
      ['team/deep/er', 1, 1_700_000_000],
      ['empty', 0, 0],
    ]),
  })
})

test('the times of all tags of a repository come at once', async () => {
  const { body } = await ask('/page/tags/team/app', 'team/*')
  expect((body as { tags: unknown[] }).tags.sort()).toEqual([
    ['1.0', 1_700_000_000],
    ['1.1', 1_700_000_100],
    ['_main', 1_700_000_050],
    [signature, 1_700_009_999],
  ])
})

const all = ['alone', 'empty', 'secret/app', 'team/app', 'team/deep/er']

describe('only what the patterns name', () => {
  test.each([
    ['**', all],
    ['', []],
    ['team/**', ['team/app', 'team/deep/er']],
    ['team/*', ['team/app']],
    ['*', ['alone', 'empty']],
    ['*/app', ['secret/app', 'team/app']],
    ['alone  team/ap', ['alone']],
    ['.*', []],
    ['team/app secret/ap*', ['secret/app', 'team/app']],
  ])('%s', async (sees, expected) => {
    expect(await seen(sees)).toEqual(expected)
    // As the rules of the site have it.
    const regex = new RegExp(
      `^(?:${sees
        .split(' ')
        .filter(each => each !== '')
        .map(patternRegex)
        .join('|')})$`,
    )
    expect(all.filter(name => regex.test(name))).toEqual(expected)
  })
})

test.each([
  ['another repository', '/page/tags/secret/app', 403],
  ['a parent folder', '/page/tags/team/../secret/app', 404],
  ['an encoded parent folder', '/page/tags/team/%2e%2e/secret/app', 404],
  ['an encoded slash', '/page/tags/team%2fapp', 404],
  ['what is outside', '/page/tags/../outside', 404],
  ['an absolute path', '/page/tags//etc', 404],
  ['a folder of the registry’s own', '/page/tags/team/app/_manifests', 404],
  ['a query', '/page/tags/team/app?x', 404],
  ['what is not there', '/page/tags/team/none', 404],
  ['anything else', '/page/htpasswd', 404],
])('%s is not told', async (_, path, status) => {
  expect(await ask(path, 'team/*')).toEqual({ status, body: {} })
})

test('a link leads nowhere', async () => {
  expect(await ask('/page/tags/link')).toMatchObject({ status: 404 })
})

test('nothing but reading', async () => {
  expect(await ask('/page/repositories', '**', 'DELETE')).toEqual({ status: 405, body: {} })
})

describe('with images elsewhere', () => {
  const asked = (path: string, sees: string) => ask(path, sees, 'GET', elsewhere)

  test.each([
    ['**', [['alone'], ['secret/app'], ['team/app']]],
    ['team/* secret/none', [['team/app']]],
    ['', []],
  ])('of the registry’s own list, %s is told', async (sees, repositories) => {
    expect(await asked('/page/repositories', sees)).toEqual({ status: 200, body: { repositories } })
  })

  test.each([
    ['a repository', '/page/tags/team/app', 200, { tags: [['1.0'], [signature]] }],
    ['one without tags', '/page/tags/team/none', 200, { tags: [] }],
    ['one that is not there', '/page/tags/team/else', 404, {}],
    ['another one', '/page/tags/secret/app', 403, {}],
  ])('the tags of %s', async (_, path, status, body) => {
    expect(await asked(path, 'team/*')).toEqual({ status, body })
  })
})

test('a registry whose settings allow less at once is asked for less', async () => {
  expect(await ask('/page/repositories', '**', 'GET', limited)).toEqual({
    status: 200,
    body: { repositories: [['a'], ['b'], ['c']] },
  })
})

// Only root has something to give up.
;(process.getuid?.() === 0 ? test : test.skip)('root’s rights are given up, for good', async () => {
  const own = join(folder, 'own')
  const socket = join(own, 'page.sock')
  mkdirSync(own)
  chownSync(own, 12_345, 12_346)
  chmodSync(folder, 0o711)
  const service = spawn('perl', [program, socket, root, '12345', '12346'], { stdio: 'inherit' })
  while (!existsSync(socket)) await new Promise(resolve => setTimeout(resolve, 10))
  const status = readFileSync(`/proc/${service.pid}/status`, 'utf8')
  expect(status).toMatch(/^Uid:\t12345\t12345\t12345\t12345$/m)
  expect(status).toMatch(/^Gid:\t12346\t12346\t12346\t12346$/m)
  expect(status).toMatch(/^Groups:\t(12346 )?$/m)
  expect(status).toMatch(/^CapEff:\t0+$/m)
  expect(statSync(socket)).toMatchObject({ uid: 12_345, gid: 12_346 })
  service.kill()
  await once(service, 'exit')
})

test('a socket that others can’t open', () => {
  expect((statSync(socketPath).mode & 0o777).toString(8)).toBe('770')
})

test('a client that says nothing holds up the others for a moment only', async () => {
  const silent = connect(socketPath)
  await once(silent, 'connect')
  expect(await seen('alone')).toEqual(['alone'])
  silent.destroy()
})
