import { createHash, randomBytes } from 'node:crypto'
import { connect as connect2 } from 'node:http2'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createServer,
  key,
  password,
  runStep,
  type Server,
  type StepRun,
  type World,
  world,
} from '../../lab/index.ts'

jest.setTimeout(180_000)

const users = { ci: password(), 'ci+next': password(), alice: password(), bob: password(), carol: password() }
type Name = keyof typeof users

const access = `
ci: push
alice:
  pull: [team/**]
  push: team/app
bob: pull
`
const layer = randomBytes(64).toString('hex')
const digest = `sha256:${createHash('sha256').update(layer).digest('hex')}`

let lab: World
let server: Server
let step: StepRun
const image = `access-${randomBytes(3).toString('hex')}`

const basic = (text: string) => `Basic ${Buffer.from(text, 'latin1').toString('base64')}`
const alice = () => basic(`alice:${users.alice}`)
const ci = () => basic(`ci:${users.ci}`)
const claims: [string, () => string[]][] = [
  ['two headers, the lesser first', () => [alice(), basic('ci:wrong')]],
  ['two headers, the greater first', () => [basic('ci:wrong'), alice()]],
  ['two in one', () => [`${basic('ci:')}, ${alice()}`]],
  ['another case of the name', () => [basic(`Alice:${users.alice}`)]],
  ['a space before the name', () => [basic(` alice:${users.alice}`)]],
  ['a space behind it', () => [basic(`alice :${users.alice}`)]],
  ['a NUL behind it', () => [basic(`alice\0:${users.alice}`)]],
  ['a NUL before another name', () => [basic(`ci\0alice:${users.alice}`)]],
  ['a line break behind it', () => [basic(`alice\n:${users.alice}`)]],
  ['another name before a colon', () => [basic(`ci:alice:${users.alice}`)]],
  ['no name', () => [basic(`:${users.alice}`)]],
  ['base64 that goes on behind its end', () => [`${alice()}==${basic('ci:').slice(6)}`]],
  ['base64 in pieces', () => [alice().replace(/^(Basic .{9})/, '$1 ')]],
  ['base64 for URLs', () => [basic(`alice:${users.alice}??>>`).replaceAll('/', '_').replaceAll('+', '-')]],
  ['two spaces', () => [alice().replace(' ', '  ')]],
  ['a tab', () => [alice().replace(' ', '\t')]],
  ['another scheme', () => [alice().replace('Basic', 'Bearer')]],
  ['bytes that are no base64', () => ['Basic \xff\xfe']],
  ['nothing', () => ['']],
]

/** Guesses from one address wait for each other, so all of them are on their way while the other tests run. */
let claimed: Promise<Answer>[]

beforeAll(async () => {
  lab = await world()
  // An nginx that takes two Authorization headers; newer ones answer 400 by themselves.
  server = await createServer({ suite: 'bookworm' })
  await lab.runner.sh(
    `d=$(mktemp -d) && echo ${image} >$d/f && printf 'FROM scratch\nCOPY f /\n' >$d/Dockerfile && docker build -q -t ${image} $d && rm -r $d`,
    { user: 'runner' },
  )
  step = await runStep(lab.runner, {
    domain: server.domain,
    email: 'ops@example.com',
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    users: Object.entries(users)
      .map(entry => entry.join(':'))
      .join('\n'),
    access,
    'acme-server': lab.acme.directory,
    ca: lab.acme.trust,
    image: `${image} => secret/app:1\n${image} => team/app:1`,
  })
  expect(step.errors).toEqual([])
  await lab.consumer.write(`/etc/docker/certs.d/${server.domain}/ca.crt`, lab.acme.trust)
  // A layer that only secret/app has.
  const { headers } = await ask('POST', '/v2/secret/app/blobs/uploads/', 'ci')
  const location = /^location: (\S+)/im.exec(headers)?.[1] ?? ''
  const path = location.replace(/^https:\/\/[^/]+/, '')
  const put = await ask('PUT', `${path}${path.includes('?') ? '&' : '?'}digest=${digest}`, 'ci', {
    body: layer,
  })
  expect(put.status).toBe(201)
  claimed = claims.map(([, headers]) =>
    ask('GET', '/v2/secret/app/tags/list', undefined, {
      headers: headers().map(value => `Authorization: ${value}`),
    }),
  )
})

afterAll(async () => {
  await lab?.runner.run(`docker images -q ${image} | xargs -r docker rmi -f`)
  await lab?.consumer.run(
    `docker images -q ${server?.domain}/team/app | xargs -r docker rmi -f; rm -rf /etc/docker/certs.d/${server?.domain} /tmp/${image}`,
  )
  await server?.remove()
})

describe('Docker', () => {
  const docker = (name: Name, command: string) =>
    lab.consumer.run(
      `export DOCKER_CONFIG=/tmp/${image}/${name}; docker login -u ${name} --password-stdin ${server.domain} >/dev/null 2>&1 && ${command}`,
      { input: users[name] },
    )

  test('pulls what its user may pull, and is denied the rest', async () => {
    const pulled = await docker('bob', `docker pull -q ${server.domain}/team/app:1`)
    expect(pulled).toMatchObject({ code: 0, stderr: '' })
    const refused = await docker('alice', `docker pull -q ${server.domain}/secret/app:1`)
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/denied: alice may not pull secret\/app/)
  })

  test('is denied a push where its user may only pull, and pushes where it may', async () => {
    const push = (repository: string) =>
      `docker tag ${server.domain}/team/app:1 ${server.domain}/${repository} && docker push ${server.domain}/${repository}`
    const refused = await docker('bob', push('team/app:bob'))
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/denied: bob may not push team\/app/)
    // Docker offers to mount the layer from a repository that it knows; the new one has it in the end.
    expect(await docker('alice', push('team/app:alice'))).toMatchObject({ code: 0 })
    expect(await docker('ci+next', push('other/app:1'))).toMatchObject({ code: 0 })
  })
})

describe('what a user may not', () => {
  const status = async (method: string, path: string, name: Name) => (await ask(method, path, name)).status

  test('deleting is pushing', async () => {
    expect(await status('DELETE', `/v2/team/app/manifests/${step.outputs.digest}`, 'bob')).toBe(403)
    expect(await status('DELETE', `/v2/secret/app/blobs/${digest}`, 'alice')).toBe(403)
    expect(await status('GET', `/v2/secret/app/manifests/1`, 'bob')).toBe(200)
  })

  test('the catalog is for those who may see everything', async () => {
    expect(await status('GET', '/v2/_catalog?n=10', 'bob')).toBe(200)
    expect(await status('GET', '/v2/_catalog', 'ci')).toBe(200)
    expect(await status('GET', '/v2/_catalog', 'alice')).toBe(403)
  })

  test('who has no rule logs in and sees nothing', async () => {
    expect(await status('GET', '/v2/', 'carol')).toBe(200)
    expect(await status('GET', '/v2/team/app/tags/list', 'carol')).toBe(403)
    expect(step.log).toMatch(/no rule lets `carol` pull or push anything/)
  })

  test('a layer is mounted only from a repository that the user may pull', async () => {
    const uploads = '/v2/team/app/blobs/uploads/'
    const form = { headers: ['Content-Type: application/x-www-form-urlencoded'] }
    const multipart = { headers: ['Content-Type: multipart/form-data; boundary=b'] }
    const field = (name: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const tries: [string, { headers?: string[]; body?: string }?][] = [
      [`${uploads}?mount=${digest}&from=secret/app`],
      [`${uploads}?from=secret%2Fapp&mount=${encodeURIComponent(digest)}`],
      [`${uploads}?mount=${digest}&from=secret%2fapp`],
      [`${uploads}?mount=${digest}&%66rom=secret/app`],
      [`${uploads}?mount=${digest}&from=team/app&from=secret/app`],
      [`${uploads}?mount=${digest}&from=secret/app&from=team/app`],
      [`${uploads}?mount=${digest}&FROM=team/app&from=secret/app`],
      [`${uploads}?mount=${digest}&from=team/../secret/app`],
      [`${uploads}?mount=${digest}&from=team%252f..%252fsecret/app`],
      [`${uploads}?mount=${digest};from=secret/app`],
      [`${uploads}?mount=${digest}&from=${Array(80).fill('ab').join('%2F')}`],
      [`${uploads}?mount=${digest}&from=%73ecret/app`],
      [`${uploads}?mount=${digest}&from=secret/app#&from=team/app`],
      [uploads, { ...form, body: `mount=${digest}&from=secret/app` }],
      [`${uploads}?from=team/app&mount=${digest}`, { ...form, body: 'from=secret/app' }],
      [uploads, { ...multipart, body: `${field('mount', digest)}${field('from', 'secret/app')}--b--\r\n` }],
    ]
    for (const [path, options] of tries) {
      const answer = await ask('POST', path, 'alice', options)
      // Either refused, or taken for the beginning of an ordinary upload.
      expect([202, 400, 403].map(code => `${path} ${code}`)).toContain(`${path} ${answer.status}`)
    }
    expect(await status('HEAD', `/v2/team/app/blobs/${digest}`, 'ci')).toBe(404)
    const mount = `?mount=${digest}&from=secret%2Fapp`
    expect(await status('POST', `/v2/other/app/blobs/uploads/${mount}`, 'ci')).toBe(201)
  })

  test.each([
    ['a parent folder', '/v2/team/../secret/app/tags/list'],
    ['an encoded parent folder', '/v2/team/%2e%2e/secret/app/tags/list'],
    ['an encoded slash', '/v2/team%2f..%2fsecret/app/tags/list'],
    ['an encoded letter', '/v2/%73ecret/app/tags/list'],
    ['two slashes', '//v2/secret/app/tags/list'],
    ['two slashes inside', '/v2//secret/app/tags/list'],
    ['a dot', '/v2/./secret/app/tags/list'],
    ['another case', '/V2/secret/app/tags/list'],
    ['a final slash', '/v2/secret/app/tags/list/'],
    ['a path parameter', '/v2/secret/app/tags/list;x=team/app'],
    ['a query that looks like a path', '/v2/secret/app/tags/list?/v2/team/app/tags/list'],
    ['a fragment', '/v2/secret/app/tags/list#/v2/team/app/tags/list'],
    ['a URI with its host', 'https://example.com/v2/secret/app/tags/list'],
    ['a URI with its host and a parent folder', 'https://example.com/v2/team/../secret/app/tags/list'],
    ['a NUL byte', '/v2/team/app%00/../../secret/app/tags/list'],
    ['a line break', '/v2/team/app/tags/list%0a/../../../../secret/app/tags/list'],
    ['a backslash', '/v2/team\\..\\secret/app/tags/list'],
    ['a tag that is a path', '/v2/team/app/manifests/..%2f..%2f..%2fsecret/app/manifests/1'],
    ['the name of another route', '/v2/secret/app/blobs/uploads/../../tags/list'],
  ])('%s opens nothing', async (_, path) => {
    for (const version of ['1.1', '1.0']) {
      const answer = await ask('GET', path, 'alice', { version })
      expect([400, 401, 403, 421]).toContain(answer.status)
      expect(answer.body).not.toMatch(/"tags"/)
    }
  })

  test('two right headers count for no more than the first', async () => {
    const headers = [alice(), ci()].map(value => `Authorization: ${value}`)
    const answer = await ask('GET', '/v2/secret/app/tags/list', undefined, { headers })
    expect([400, 403]).toContain(answer.status)
  })

  test('HTTP/2 knows no other way in', async () => {
    const session = connect2(`https://${server.domain}`, {
      createConnection: () =>
        connect({
          host: server.address.v4,
          port: 443,
          servername: server.domain,
          ca: lab.acme.trust,
          ALPNProtocols: ['h2'],
        }),
    })
    const get = (path: string, authorization: string) =>
      new Promise<number>((resolve, reject) => {
        const stream = session.request({ ':path': path, authorization })
        stream.on('response', headers => resolve(Number(headers[':status'])))
        stream.on('error', reject)
        stream.resume()
      })
    try {
      expect(await get('/v2/team/app/tags/list', alice())).toBe(200)
      expect(await get('/v2/secret/app/tags/list', alice())).toBe(403)
      expect(await get('/v2/team/%2e%2e/secret/app/tags/list', alice())).toBe(403)
      expect(await get('//v2/secret/app/tags/list', alice())).toBe(403)
    } finally {
      session.close()
    }
  })

  test.each(claims.map(([name], index) => [name, index] as const))(
    '%s: makes nobody someone else',
    async (_, index) => {
      const answer = await claimed[index]
      expect([400, 401, 403]).toContain(answer?.status)
      expect(answer?.body).not.toMatch(/"tags"/)
    },
  )
})

test('where a request says that it goes and comes from is not believed', async () => {
  const curl = (args: string) => lab.consumer.sh(`curl -4 -sk -o /dev/null ${args}`)
  // Without another site, Berth’s answers for every name.
  await server.sh('rm /etc/nginx/sites-enabled/default && systemctl reload nginx')
  for (const host of ['evil.example', `evil.example#${server.domain}`, '']) {
    const to = await curl(`-w '%{redirect_url}' -H 'Host: ${host}' http://${server.domain}/v2/`)
    expect(to.replace(`https://${server.domain}/v2/`, '')).toBe('')
  }
  const spoofed = ['X-Forwarded-For', 'X-Real-IP', 'Forwarded'].map(name => `-H '${name}: 203.0.113.9'`)
  await curl(
    `-u 'ci:${users.ci}' ${spoofed.join(' ')} https://${server.domain}/v2/team/none/manifests/spoofed`,
  )
  const log = await server.sh('docker logs $(docker ps -q) 2>&1 | grep spoofed')
  expect(log).toContain(`remoteaddr=${lab.consumer.address.v4}`)
  expect(log).not.toContain('203.0.113.9')
}, 60_000)

interface Answer {
  status: number
  headers: string
  body: string
}

/** One request, byte by byte as written here. */
function ask(
  method: string,
  path: string,
  name?: Name,
  { headers = [], body = '', version = '1.1' }: { headers?: string[]; body?: string; version?: string } = {},
): Promise<Answer> {
  const lines = [
    `${method} ${path} HTTP/${version}`,
    `Host: ${server.domain}`,
    'Connection: close',
    `Content-Length: ${body.length}`,
    ...(name ? [`Authorization: Basic ${Buffer.from(`${name}:${users[name]}`).toString('base64')}`] : []),
    ...headers,
  ]
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: server.address.v4,
      port: 443,
      servername: server.domain,
      ca: lab.acme.trust,
    })
    let text = ''
    socket.on('data', data => (text += data.toString('latin1')))
    socket.on('error', reject)
    socket.on('close', () => {
      const [head = '', ...rest] = text.split('\r\n\r\n')
      resolve({ status: Number(head.split(' ')[1]), headers: head, body: rest.join('\r\n\r\n') })
    })
    socket.setTimeout(60_000, () => socket.destroy(new Error(`${method} ${path}: no answer`)))
    socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1'))
  })
}
