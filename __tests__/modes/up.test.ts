import { describe, expect, test } from '@jest/globals'
import type { Bucket, Image, Target } from '../../src/desired.ts'
import { Failure, InputError } from '../../src/failure.ts'
import { behind, up } from '../../src/modes/up.ts'
import { configYaml } from '../../src/resources/registry/config.ts'
import type { Server } from '../../src/server/server.ts'
import { selfSigned } from '../pem.ts'
import { Programs } from '../programs.ts'
import { recorded } from '../recorded.ts'
import { scene } from './scene.ts'

/** On this machine, where nobody answers for it. */
const here = (changes: Parameters<typeof scene>[1] = {}) => {
  const made = scene({ applied: 'berth:start=1\nberth:failed=1\n' }, changes)
  return { ...made, inputs: { ...made.inputs, desired: { ...made.inputs.desired, domain: 'localhost' } } }
}

test('an image that can’t be pushed is known before the server is looked at', async () => {
  const programs = new Programs()
  programs.add('skopeo', 'exit 0')
  const image: Image = {
    source: { kind: 'path', path: programs.file('gone.tar'), reference: undefined },
    repository: 'app',
    tags: ['v1'],
  }
  const { inputs, context, events } = here({ images: [image] })
  await expect(up(inputs, context)).rejects.toBeInstanceOf(InputError)
  expect(events).toEqual([])
  programs.remove()
})

test('a step that fails ends the run: nobody logs in, nothing is verified or pushed', async () => {
  const { inputs, context, events } = here()
  const failing = { ...inputs, desired: { ...inputs.desired, domain: scene({}).inputs.desired.domain } }
  await expect(up({ ...failing }, context)).rejects.toThrow(/ failed/)
  expect(events.filter(each => /^(look|apply|close|group)/.test(each))).toEqual([
    'group Server undefined',
    'look',
    'apply',
    'close',
  ])
})

test.each([
  ['nobody was changed elsewhere', [], [], 'web2: site failed; the server said:\n  boom'],
  [
    'all were changed here too, before it failed',
    ['ci'],
    ['ci'],
    'web2: site failed; the server said:\n  boom',
  ],
  [
    'some were not',
    ['ci', 'alice'],
    ['ci'],
    'web2: site failed; the server said:\n  boom\nUntil a run has changed it, it lets in with an old password: alice',
  ],
])('a server that failed says whose old password it still takes: %s', (_, others, here, said) => {
  const failure = new Failure('step', 'web2: site failed; the server said:\n  boom')
  expect(behind(failure, others, here)).toMatchObject({ topic: 'step', message: said })
})

describe('several servers with one bucket', () => {
  const bucket = (name: string, accessKey = 'id'): Bucket => ({
    ...{ name, folder: '', region: 'eu-central-1', endpoint: undefined, accessKey, secretKey: 'secret' },
    redirect: false,
  })
  const target = (host: string): Target => ({
    ...{ host, port: 22, address: host, user: 'root', key: 'KEY\n', passphrase: undefined, plainKey: true },
    ...{ knownHosts: [], fingerprints: [], jump: undefined, sudoPassword: undefined },
  })
  const tried = 'berth:start=1\nberth:ok=1\nberth:end=ok\n'
  const refused = 'berth:start=1\nthe bucket new does not let this server write an object\nberth:failed=1\n'

  /**
   * Two servers with images in a bucket `old`, or with no registry yet, get the bucket `wanted`. The second says `says` to the trial;
   * `undefined` if it can’t be reached. Returns the failure, and which scripts were run where.
   */
  async function moved(wanted: Bucket, says: string | undefined, state: 'converged' | 'ready' = 'converged') {
    const { desired, output } = recorded('trixie', state)
    const own = selfSigned(desired.domain)
    const given = (each: Bucket) => ({
      ...{ ...desired, registry: { ...desired.registry, bucket: each } },
      // No authority is asked, nor DNS.
      certificate: { chain: own.cert, key: own.key },
      ...{ sshPort: 22, shared: { peers: [], secret: 'abc' } },
    })
    const old = Buffer.from(configYaml(given(bucket('old')))).toString('base64')
    const answer = output
      .replace(/^(berth:registry\.config=)file .*$/m, `$1600 65532:65532 ${old}`)
      .replace(/^berth:end/m, 'berth:registry.rules=yes\nberth:registry.trust=yes\n$&')
    const targets = [target('127.0.0.1'), target('127.0.0.2')]
    const { inputs, context, events } = scene({}, { targets, desired: given(wanted) })
    const scripts: string[] = []
    const servers = targets.map(({ host }, index) => ({
      async run(script: string, onLine: (line: string) => void = () => {}) {
        if (index === 1 && says === undefined) throw new Failure('connection', 'there is no way to it')
        if (!script.includes('\nlock ')) return answer
        const calls = [...script.matchAll(/^(?:step|begin) [1-9]\d* (\w+)/gm)].map(([, name]) => name)
        scripts.push(`${host} ${calls.join(' ')}`)
        const text = index === 1 ? (says ?? '') : tried
        for (const line of text.split('\n')) onLine(line)
        return text
      },
      async close() {},
    })) as unknown as Server[]
    const failure: Failure = await up(inputs, { ...context, servers }).then(
      outcome => outcome.failure as Failure,
      error => error,
    )
    return { message: failure.message, scripts, events }
  }

  test('none of them moves to another bucket if one is refused there', async () => {
    const { message, scripts } = await moved(bucket('new'), refused)
    expect(scripts.sort()).toEqual(['127.0.0.1 bucket_check', '127.0.0.2 bucket_check'])
    expect(message).toMatch(
      /^127\.0\.0\.2: .*the bucket new does not let .*\nso none of the servers uses the new storage yet, .*run again$/s,
    )
  })

  test('none of them moves if one can’t be reached, and none is asked to try', async () => {
    const { message, scripts } = await moved(bucket('new'), undefined)
    expect(scripts).toEqual([])
    expect(message).toMatch(/^127\.0\.0\.2: there is no way to it\nso none of the servers uses/)
  })

  test('all of them move if all can use it', async () => {
    const { scripts } = await moved(bucket('new'), tried)
    expect(scripts.slice(0, 2).sort()).toEqual(['127.0.0.1 bucket_check', '127.0.0.2 bucket_check'])
    expect(scripts.slice(2).filter(each => each.includes('registry_up'))).toHaveLength(2)
  })

  test.each([
    ['a new key for the same bucket', bucket('old', 'another'), 'converged'],
    ['a first run', bucket('new'), 'ready'],
  ] as const)('one that can’t be reached does not hold up the others: %s', async (_, wanted, state) => {
    const { message, scripts } = await moved(wanted, undefined, state)
    expect(scripts).toEqual([expect.stringMatching(/^127\.0\.0\.1 bucket_check .*registry_up/)])
    expect(message).toContain('127.0.0.2: there is no way to it')
    expect(message).not.toContain('none of the servers')
  })
})
