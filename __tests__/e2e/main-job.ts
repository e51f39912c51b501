import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createServer,
  key,
  type Machine,
  runStep,
  type Server,
  type StepRun,
  type World,
  world,
} from '../../lab/index.ts'

/** The main job, from a bare server on: `suite` is Debian's, `image` the registry's, if the hub has it. */
export function mainJob(suite: string, image: string): void {
  jest.setTimeout(600_000)

  describe(`${image} on a bare Debian ${suite}`, () => {
    const app = `app-${suite}`
    const passwords = {
      ci: `Canary-${suite}-ci-5UlwGf2mXq`,
      alice: `Canary-${suite}-alice-8Tz`,
      alice2: `Canary-${suite}-2nd-0Kx`,
    }
    let lab: World
    let server: Server
    let inputs: Record<string, string>
    let first: StepRun
    let second: StepRun
    const runs: StepRun[] = []

    beforeAll(async () => {
      lab = await world()
      server = await createServer({ suite, ready: false })
      await lab.consumer.write(`/etc/docker/certs.d/${server.domain}/ca.crt`, lab.acme.trust)
      await buildImage(app, 'date +%s%N >layer')
      inputs = {
        domain: server.domain,
        email: 'ops@example.com',
        'ssh-key': (await key()).private,
        'ssh-known-hosts': server.knownHosts,
        users: users({ ci: passwords.ci, alice: passwords.alice }),
        'registry-image': lab.hub.registryTags.some(tag => image === `registry:${tag}`)
          ? image
          : 'registry:2.8.3',
        'acme-server': lab.acme.directory,
        ca: lab.acme.trust,
        image: `${app} => team/app`,
      }
    })

    afterAll(async () => {
      const clean = `docker image ls -q --filter 'reference=${app}*' --filter 'reference=${server.domain}/*/*' | sort -u | xargs -r docker rmi -f; rm -rf ~/${app} ~/${app}-large`
      await Promise.all([
        server.remove(),
        lab.runner.run(clean, { user: 'runner' }),
        lab.consumer.run(
          `docker logout ${server.domain}; ${clean}; rm -rf /etc/docker/certs.d/${server.domain}`,
        ),
      ])
    })

    test('bad input: every mistake is listed, and nobody connects', async () => {
      const bad = await runStep(lab.runner, {
        ...inputs,
        mode: 'upp',
        domain: '',
        'ssh-key': '',
        'ssh-known-hosts': '',
        'ssh-host': server.domain,
        users: 'ci',
        image: 'My App',
      })
      expect(bad.code).toBe(1)
      expect(bad.errors.map(message => message.split(/[ :]/)[0]).sort()).toEqual([
        'domain',
        'image',
        'mode',
        'ssh-key',
        'ssh-known-hosts',
        'users',
      ])
      expect(bad.log).not.toMatch(/^\s+at .*:\d+:\d+/m)
      expect(await server.sh('journalctl --no-pager -o cat -u ssh')).not.toMatch(
        /connection|authentication|preauth/i,
      )
    })

    test('a bare server becomes a registry, with the image in it', async () => {
      first = await up()
      expect(first.errors).toEqual([])
      expect(first.code).toBe(0)
      expect(first.outputs).toMatchObject({
        registry: server.domain,
        changed: 'true',
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        images: `${server.domain}/team/app@${first.outputs.digest}`,
      })
      expect(new Date(first.outputs['certificate-expires'] ?? '').getTime()).toBeGreaterThan(Date.now())
      const planned = JSON.parse(first.outputs.plan ?? '').map(
        ({ resource }: { resource: string }) => resource,
      )
      expect([...new Set(planned)]).toEqual([
        'packages',
        'registry',
        'certificate',
        'brake',
        'site',
        'users',
        'renewal',
        'guard',
      ])
      expect(first.summary).toContain(first.outputs.digest)
      expect(first.orphans).toEqual([])
    })

    test.each(['-4', '-6'])('what is served, curl %s', async family => {
      const curl = `curl -sS ${family} -i --cacert /etc/docker/certs.d/${server.domain}/ca.crt`
      const plain = await lab.consumer.sh(`${curl} http://${server.domain}/v2/`)
      expect(plain).toMatch(/^HTTP\/1.1 301 /)
      expect(header(plain, 'location')).toBe(`https://${server.domain}/v2/`)

      const anonymous = await lab.consumer.sh(`${curl} https://${server.domain}/v2/`)
      expect(anonymous).toMatch(/^HTTP\/\S+ 401/)
      expect(header(anonymous, 'www-authenticate')).toMatch(/^Basic realm="/)
      expect(header(anonymous, 'docker-distribution-api-version')).toBe('registry/2.0')
      expect(header(anonymous, 'strict-transport-security')).toMatch(/^max-age=\d{8}/)
      expect(header(anonymous, 'server')).toBe('nginx')

      expect(await status(`${family} --tls-max 1.1 https://${server.domain}/v2/`)).toBe('000')
      expect(await status(`${family} https://${server.domain}/v2/`, 'ci', passwords.ci)).toBe('200')
      expect(await status(`${family} https://${server.domain}/v2/`, 'alice', passwords.alice)).toBe('200')
      expect(await status(`${family} https://${server.domain}/v2/`, 'alice', 'wrong')).toBe('401')
    })

    test('the registry itself listens on no port', async () => {
      const listening = await server.sh("ss -ltnH | awk '{ print $4 }'")
      expect(listening).not.toContain(':5000')
      expect((await lab.consumer.run(`curl -sS -m 5 http://${server.domain}:5000/v2/`)).code).not.toBe(0)
    })

    test('a wrong password is refused', async () => {
      const wrong = await login('ci', `${passwords.ci}x`)
      expect(wrong.code).not.toBe(0)
      expect(wrong.stderr).toMatch(/401|unauthorized/i)
    })

    test('another machine pulls by digest what was pushed', async () => {
      expect((await login('ci', passwords.ci)).code).toBe(0)
      const reference = first.outputs.images ?? ''
      await lab.consumer.sh(`docker pull -q ${reference}`)
      const digests = await lab.consumer.sh(
        `docker image inspect -f '{{join .RepoDigests "\\n"}}' ${reference}`,
      )
      expect(digests.split('\n')).toContain(reference)
    })

    test('the second run changes nothing', async () => {
      const before = await traces()
      second = await up()
      expect(second.code).toBe(0)
      expect(second.outputs).toMatchObject({ changed: 'false', plan: '[]', digest: first.outputs.digest })
      expect(await traces()).toBe(before)
    })

    test('a changed user: the others’ lines are kept byte for byte, and no process is disturbed', async () => {
      const before = await htpasswd()
      const running = await processes()
      inputs.users = users({ ci: passwords.ci, alice: passwords.alice2, bob: passwords.alice })
      const watch = watchProcesses([lab.runner, server])
      const changed = await up()
      const seen = await watch.end()
      expect(JSON.parse(changed.outputs.plan ?? '')).toEqual([
        { resource: 'users', action: 'update', summary: 'new password for alice' },
        { resource: 'users', action: 'create', summary: 'add bob' },
      ])
      const after = await htpasswd()
      expect(after.ci).toBe(before.ci)
      expect(after.alice).not.toBe(before.alice)
      expect(await processes()).toBe(running)
      expect(await statusOf('alice', passwords.alice)).toBe('401')
      expect(await statusOf('alice', passwords.alice2)).toBe('200')
      expect(await statusOf('bob', passwords.alice)).toBe('200')
      // The watch was awake: it saw ssh at work.
      expect(seen).toMatch(/ssh/)
      for (const secret of secrets()) expect(seen).not.toContain(secret)
    })

    test('a removed user is refused, and a large layer goes through', async () => {
      await buildImage(`${app}-large`, 'head -c 50000000 /dev/urandom >layer')
      const { ci } = await htpasswd()
      inputs.users = users({ ci: passwords.ci })
      inputs.image = `${app}-large => team/large:1`
      const removed = await up()
      expect(removed.errors).toEqual([])
      expect(JSON.parse(removed.outputs.plan ?? '')).toEqual([
        { resource: 'users', action: 'delete', summary: 'revoke alice' },
        { resource: 'users', action: 'delete', summary: 'revoke bob' },
      ])
      expect(await htpasswd()).toEqual({ ci })
      expect(await statusOf('alice', passwords.alice2)).toBe('401')
      expect(await statusOf('ci', passwords.ci)).toBe('200')
      await lab.consumer.sh(`docker pull -q ${removed.outputs.images}`)
    })

    test('the post step leaves no secret behind', async () => {
      const patterns = secrets()
        .map(secret => `${secret}\n`)
        .join('')
      for (const { job, log, post } of runs) {
        expect(post?.code).toBe(0)
        const places = `${job.temp} /home/runner/.docker /etc/docker/certs.d/${server.domain} /tmp`
        const { stdout } = await lab.runner.run(`grep -rlF -f /dev/stdin ${places} 2>/dev/null`, {
          input: patterns,
        })
        expect(stdout).toBe('')
        expect(await lab.runner.sh(`ls -A ${job.temp}`)).not.toMatch(/berth/)
        for (const secret of secrets()) expect(log).not.toContain(secret)
      }
      expect((await lab.runner.run(`test -e /etc/docker/certs.d/${server.domain}`)).code).toBe(1)
      expect((await lab.runner.run(`pgrep -af '${server.domain}'`)).stdout).toBe('')
    })

    async function up(): Promise<StepRun> {
      const run = await runStep(lab.runner, inputs, {
        secrets: [inputs['ssh-key'] ?? '', inputs.users ?? ''],
      })
      runs.push(run)
      return run
    }

    function buildImage(name: string, layer: string): Promise<string> {
      const file = 'FROM scratch\\nCOPY layer /\\nCMD ["/layer"]\\n'
      const script = `mkdir -p ~/${name} && cd ~/${name} && ${layer} && printf '${file}' >Dockerfile && docker build -q -t ${name} .`
      return lab.runner.sh(script, { user: 'runner' })
    }

    function login(name: string, password: string) {
      return lab.consumer.run(`docker login -u ${name} --password-stdin ${server.domain}`, {
        input: password,
      })
    }

    /** The status that curl gets; `000` if there is no answer. */
    async function status(args: string, name = '', password = ''): Promise<string> {
      const user = name && `--user ${name}:${password}`
      const ca = `/etc/docker/certs.d/${server.domain}/ca.crt`
      const { stdout } = await lab.consumer.run(
        `curl -sS -o /dev/null -w '%{http_code}' --cacert ${ca} ${user} ${args}`,
      )
      return stdout
    }

    function statusOf(name: string, password: string): Promise<string> {
      return status(`https://${server.domain}/v2/`, name, password)
    }

    /** The lines of htpasswd by their names. */
    async function htpasswd(): Promise<Record<string, string>> {
      const lines = (await server.read('/opt/berth/htpasswd')).trimEnd().split('\n')
      const entries = lines.filter(line => !line.startsWith('#'))
      return Object.fromEntries(entries.map(line => [line.split(':')[0], line]))
    }

    /** What a reload or a restart would change: nginx’s workers, the container and its start. */
    function processes(): Promise<string> {
      return server.sh(
        "ps -o pid,args -C nginx --no-headers && docker ps --no-trunc --format '{{.ID}} {{.Names}}' && docker inspect -f '{{.State.StartedAt}}' $(docker ps -q)",
      )
    }

    async function traces(): Promise<string> {
      const files = await server.sh(
        'find /opt/berth /etc/nginx /etc/letsencrypt /etc/systemd/system -path /opt/berth/data -prune -o -type f -print | sort | xargs -d "\\n" stat -c "%n %a %U %Y %i" && find /opt/berth /etc/nginx /etc/letsencrypt -path /opt/berth/data -prune -o -type f -print | sort | xargs -d "\\n" sha256sum',
      )
      return `${files}\n${await processes()}`
    }

    /** Texts that must be nowhere: passwords, logins as HTTP has them, and the private key. */
    function secrets(): string[] {
      const logins = Object.entries({ ci: passwords.ci, alice: passwords.alice, bob: passwords.alice })
      const body = (inputs['ssh-key'] ?? '').split('\n').filter(line => /^[A-Za-z0-9+/=]{40,}$/.test(line))
      return [
        ...Object.values(passwords),
        ...logins.map(each => Buffer.from(each.join(':')).toString('base64')),
        ...body.slice(1),
      ]
    }
  })
}

function users(passwords: Record<string, string>): string {
  return Object.entries(passwords)
    .map(([name, password]) => `${name}:${password}`)
    .join('\n')
}

function header(response: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*?)\\r?$`, 'im').exec(response)?.[1]
}

/** Reads the command line of every process on the machines, over and over, until told to end. */
function watchProcesses(machines: Machine[]): { end(): Promise<string> } {
  const stop = `/tmp/watch-${Math.random().toString(36).slice(2)}`
  const script = `while ! [ -e ${stop} ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; echo; sleep 0.05; done; rm ${stop}`
  const watches = machines.map(machine => machine.run(script))
  return {
    async end() {
      await Promise.all(machines.map(machine => machine.sh(`touch ${stop}`)))
      return (await Promise.all(watches)).map(({ stdout }) => stdout).join('')
    },
  }
}
