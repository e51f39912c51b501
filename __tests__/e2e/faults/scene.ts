import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals'
import {
  createServer,
  key,
  password,
  runStep,
  type Server,
  type StepOptions,
  type StepRun,
  type World,
  world,
} from '../../../lab/index.ts'
import { succeeded } from '../registry.ts'

/** A registry with an image in it, to which things happen. */
export interface Scene {
  world: World
  server: Server
  domain: string
  inputs: Record<string, string>
  passwords: { ci: string; alice: string }
  /** On the runner: an image that differs from one scene to the next. */
  app: string
  /** Of `team/app:1`, which must always be there. */
  digest: string
  /** Texts that must never show, besides the passwords and the key. */
  secrets: string[]
  /** The step as a workflow would run it, with debug logging on. */
  step(inputs?: Record<string, string>, options?: StepOptions): Promise<StepRun>
  /** Whether another machine gets every byte of an image, by tag or by digest. */
  pulls(reference: string): Promise<boolean>
}

interface Options {
  suite?: string
  /** A folder of the server that is to be a disk of its own, and its size. */
  disk?: [folder: string, size: string]
  /** More names that lead to the server. */
  aliases?: string[]
  /** What is on the server before Berth first comes. */
  before?(): Promise<void>
}

/**
 * A scene for all tests of a file. After each of them whatever was pushed can be pulled by its digest, no secret has shown
 * anywhere, and the next run brings the server back to what it should be, so that the one after it has nothing to do.
 */
export function scene(options: Options = {}): Scene {
  const here = { secrets: [] as string[] } as Scene
  const id = randomBytes(3).toString('hex')
  const own = `/tmp/faults-${id}`
  const runs: StepRun[] = []

  beforeAll(async () => {
    here.world = await world()
    here.server = await createServer({ suite: options.suite ?? 'trixie', aliases: options.aliases ?? [] })
    here.domain = here.server.domain
    here.passwords = { ci: password(), alice: password() }
    here.app = `faults-${id}`
    here.inputs = {
      domain: here.domain,
      email: 'ops@example.com',
      'ssh-key': (await key()).private,
      'ssh-known-hosts': here.server.knownHosts,
      users: `ci:${here.passwords.ci}\nalice:${here.passwords.alice}`,
      'acme-server': here.world.acme.directory,
      ca: here.world.acme.trust,
    }
    here.step = async (more = {}, how = {}) => {
      const run = await runStep(here.world.runner, { ...here.inputs, ...more }, { debug: true, ...how })
      runs.push(run)
      return run
    }
    const { consumer, runner, acme } = here.world
    await consumer.write(`${own}/ca.crt`, acme.trust)
    const auth = Buffer.from(`ci:${here.passwords.ci}`).toString('base64')
    await consumer.write(`${own}/auth.json`, JSON.stringify({ auths: { [here.domain]: { auth } } }), '600')
    here.pulls = async reference => {
      const copy = await consumer.run(
        `rm -rf ${own}/image; skopeo copy -q --src-cert-dir ${own} --src-authfile ${own}/auth.json docker://${here.domain}/${reference} dir:${own}/image`,
      )
      return copy.code === 0
    }
    if (options.disk) {
      const [folder, size] = options.disk
      await here.server.sh(
        `mkdir -p ${folder} && cp -a ${folder} /root/below && mount -t tmpfs -o mode=755,size=${size} tmpfs ${folder} && cp -a /root/below/. ${folder} && rm -r /root/below`,
      )
    }
    await runner.sh(
      `d=$(mktemp -d) && cd $d && head -c 2000000 /dev/urandom >layer && printf 'FROM scratch\\nCOPY layer /\\n' >Dockerfile && docker build -q -t ${here.app} . && rm -r $d`,
      { user: 'runner' },
    )
    await options.before?.()
    here.digest = succeeded(await here.step({ image: `${here.app} => team/app:1` })).outputs.digest ?? ''
  })

  afterEach(async () => {
    expect(await here.pulls(`team/app@${here.digest}`)).toBe(true)
    if (succeeded(await here.step()).outputs.changed === 'true') {
      expect(succeeded(await here.step({ mode: 'plan' })).outputs.plan).toBe('[]')
      expect(await here.pulls(`team/app@${here.digest}`)).toBe(true)
    }
    expect(await leaks(here, runs.splice(0))).toEqual([])
  })

  afterAll(async () => {
    const { runner, consumer } = here.world ?? {}
    await runner?.run(`docker images -q ${here.app} | xargs -r docker rmi -f`, { user: 'runner' })
    await consumer?.run(`rm -rf ${own}`)
    await here.server?.remove()
  })
  return here
}

/** Has a port of the server take connections and never say a word: a socket whose owner does not accept. */
export const silence = (server: Server, port: number) =>
  server.sh(`
    printf '[Socket]\\nListenStream=${port}\\nAccept=no\\n' >/run/systemd/system/silent.socket
    printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/run/systemd/system/silent.service
    systemctl daemon-reload && systemctl start silent.socket`)

/** Where a secret has shown: in what was written for people and for later steps, or in a file of either machine. */
async function leaks(here: Scene, runs: readonly StepRun[]): Promise<string[]> {
  const { server, passwords, inputs } = here
  const body = (inputs['ssh-key'] ?? '').split('\n').filter(line => /^[A-Za-z0-9+/=]{40,}$/.test(line))
  const secrets = [
    ...here.secrets,
    ...Object.values(passwords),
    ...Object.entries(passwords).map(each => Buffer.from(each.join(':')).toString('base64')),
    // The first line of every key of a kind is the same.
    ...body.slice(1),
  ]
  const said = runs.map(run =>
    JSON.stringify([
      ...[run, run.post].map(phase => phase?.raw.replaceAll(/^::add-mask::.*$/gm, '')),
      ...[run.log, run.summary, run.outputs, run.state, run.env, run.annotations],
    ]),
  )
  const shown = said.flatMap((text, index) =>
    secrets.some(each => text.includes(JSON.stringify(each).slice(1, -1))) ? [`run ${index + 1}`] : [],
  )
  const input = secrets.map(each => `${each}\n`).join('')
  const places = runs.flatMap(({ job }) => [job.temp, job.workspace]).join(' ')
  const search = (where: string) => `grep -rlaF -f /dev/stdin ${where} 2>/dev/null || :`
  const [onRunner, onServer] = await Promise.all([
    here.world.runner.sh(search(`${places} /home/runner/.docker /etc/docker /tmp`), { input }),
    server.sh(search('/opt/berth --exclude-dir=data /etc /home /root /run /tmp /var/log /var/tmp'), {
      input,
    }),
  ])
  return [...shown, ...onRunner.split('\n'), ...onServer.split('\n')].filter(Boolean)
}
