import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createServer, type Server, type StepOptions, type StepRun, until } from '../../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from '../registry.ts'

// The server, and what stands before it, are an attacker’s. What they say reaches the log and does nothing there; what is meant for the
// server reaches nobody else.

jest.setTimeout(240_000)

/** What the post step would delete if the server could tell it to. */
const canary = '/etc/docker/certs.d/hostile.test/berth-00000000.crt'

/** All that the runner might obey, at the beginning of a line, within it, and behind what a terminal takes for the beginning of one. */
const words = [
  `::save-state name=trust::${canary}`,
  '  ::set-output name=registry::hostile',
  '\t::stop-commands::hostile',
  '::add-mask::hostile',
  `##[save-state name=trust]${canary}`,
  'said ##[add-mask]hostile',
  'said ##[error]hostile',
  'progress\r::error title=hostile::hostile',
  'progress\r\n::warning title=hostile::hostile',
  '\x1b[2K\x1b[1A::notice title=hostile::hostile',
  '\x1b]0;hostile\x07::add-mask::hostile',
  '\u2028::error title=hostile::hostile',
  '\x00::error title=hostile::hostile',
  '%0A::error title=hostile::hostile',
  '::error title=hostile,file=x::hostile%0D%0A::add-mask::hostile',
  'berth:hostile',
  '``` @everyone <img src=hostile>',
].join('\n')

/** A program that says it all, and fails. */
const shout = '#!/bin/sh\ncat /hostile; cat /hostile >&2; exit 100\n'

const image = `hostile-${randomBytes(3).toString('hex')}`

interface Scene {
  /** What the server becomes. */
  prepare(server: Server): Promise<unknown>
  inputs?: Record<string, string>
  /** What shows that the words came as far as this. */
  shows?: RegExp
  /** What it is again. */
  restore?(server: Server): Promise<unknown>
}

const site = ({ domain }: Server) => `/etc/nginx/sites-available/berth-${domain}.conf`

/** In the place of a program. */
const instead = (program: string): Scene => ({
  prepare: server => server.write(`/usr/local/sbin/${program}`, shout, '755'),
  restore: server => server.sh(`rm /usr/local/sbin/${program}`),
})

/** On a server that has nothing yet. */
const bare: Record<string, Scene> = {
  'the banner, the shell’s files and sudo’s lecture': {
    prepare: server => server.sh('true'),
    inputs: { mode: 'plan', 'ssh-user': 'free' },
  },
  'a shell that lets nobody in': {
    prepare: server => server.sh('true'),
    inputs: { mode: 'plan', 'ssh-user': 'refused' },
  },
  'the package manager': instead('apt-get'),
}

/** On one that has all, and is set up. */
const ready: Record<string, Scene> = {
  'the registry’s answers': {
    async prepare(server) {
      const denied = JSON.stringify({ errors: [{ code: 'DENIED', message: words }] })
      await server.write(
        '/etc/nginx/hostile.conf',
        `location ~ /blobs/ { return 403 '${denied.replaceAll('\\', '\\\\')}'; }\n`,
      )
      await server.sh(
        `sed -i 's|auth_basic "Registry";|&include /etc/nginx/hostile.conf;|' ${site(server)} && nginx -t -q && systemctl restart nginx`,
      )
    },
    inputs: { mode: 'push', image },
    restore: () => here.step().then(succeeded),
  },
  'a program that holds a port': {
    async prepare(server) {
      await server.sh(
        `systemctl stop nginx; setsid -f python3 -c 'import ctypes, socket, time; ctypes.CDLL(None).prctl(15, b"##[add-mask]h"); s = socket.create_server(("", 80)); time.sleep(600)' </dev/null >/dev/null 2>&1`,
      )
      await until('the port is held', 30, async () => (await server.sh("ss -ltnH 'sport = :80'")) !== '')
    },
    restore: server =>
      server.sh("kill $(ss -ltnpH 'sport = :80' | grep -o 'pid=[0-9]*' | cut -c5-); systemctl start nginx"),
  },
  'the name of a file': {
    prepare: server =>
      server.sh(
        `echo "server { listen 80; server_name ${server.domain}; }" >'/etc/nginx/sites-enabled/##[add-mask]hostile'`,
      ),
    restore: server => server.sh("rm '/etc/nginx/sites-enabled/##[add-mask]hostile'"),
  },
  'nginx, of what it reads': {
    prepare: server =>
      server.sh("{ printf '\"'; cat /hostile; printf '\" on;\n'; } >/etc/nginx/conf.d/hostile.conf"),
    inputs: { access: 'ci: push\n' },
    restore: server => server.sh('rm /etc/nginx/conf.d/hostile.conf'),
  },
  'a file that is not as it should be': {
    prepare: server => server.sh(`sed 's/^/# /' /hostile >>${site(server)}`),
    inputs: { mode: 'plan' },
    shows: /-\[not shown\]/,
    restore: () => here.step().then(succeeded),
  },
  Docker: {
    ...instead('docker'),
    inputs: { 'registry-config': 'log: { level: warn }' },
  },
  certbot: {
    prepare: async server => {
      await server.sh(
        'cp -a /etc/letsencrypt /root/ && rm -rf /etc/letsencrypt/live /etc/letsencrypt/archive /etc/letsencrypt/renewal/*',
      )
      await server.write('/usr/local/sbin/certbot', shout, '755')
    },
    restore: server =>
      server.sh('rm -rf /usr/local/sbin/certbot /etc/letsencrypt && cp -a /root/letsencrypt /etc/'),
  },
}

let here: Registry

/** Commands by the runner’s own rule, but for what Berth itself has to say. */
function obeyed({ raw, annotations }: StepRun): string[] {
  const lines = raw.split(/\r\n|\r|\n/)
  const commands = lines.flatMap(
    line => /^\s*::[a-z-]+(?: .*?)?::.*$/i.exec(line)?.[0] ?? /##\[[a-z-]+.*?\].*$/i.exec(line)?.[0] ?? [],
  )
  return [
    ...commands.filter(
      command =>
        !/^::(group|endgroup|debug)::/.test(command) &&
        !/^::(error|warning) title=Berth%3A [^:]*::/.test(command) &&
        !(/^::add-mask::/.test(command) && !command.includes('hostile')),
    ),
    ...annotations.filter(({ title }) => !title?.startsWith('Berth: ')).map(({ message }) => message),
  ]
}

async function attack(scene: Scene, server: Server, inputs: Record<string, string>): Promise<StepRun> {
  await scene.prepare(server)
  try {
    const options: StepOptions = { debug: true }
    return await here.step({ ...inputs, ...scene.inputs }, options)
  } finally {
    await scene.restore?.(server)
  }
}

async function harmless(run: StepRun, shows = /hostile|add-mask/): Promise<void> {
  expect(run.log).toMatch(shows)
  expect(obeyed(run)).toEqual([])
  expect(run.raw).not.toMatch(/[\x00\x1b\x07\r\u2028]/)
  expect(Object.keys(run.state).filter(name => !['folder', 'trust'].includes(name))).toEqual([])
  expect(JSON.stringify([run.state, run.outputs.registry, run.env, run.path])).not.toContain('hostile')
  // Foreign words stand in a fence that is longer than theirs.
  expect(run.summary.replace(/^> (`{4,})text\n[\s\S]*?^> \1$/gm, '')).not.toMatch(/<img|@everyone/)
  expect(await here.world.runner.sh(`cat ${canary}`)).toBe('stays')
}

beforeAll(async () => {
  here = await registry()
  succeeded(await here.step())
  await here.world.runner.sh(
    `mkdir -p ${canary.replace(/[^/]*$/, '')} && echo stays >${canary} && d=$(mktemp -d) && printf 'FROM scratch\nCOPY Dockerfile /\n' >$d/Dockerfile && docker build -q -t ${image} $d && rm -r $d`,
  )
  await here.server.write('/hostile', `${words}\n`)
})
afterAll(async () => {
  await here?.world.runner.run(`rm -r ${canary.replace(/[^/]*$/, '')}; docker rmi -f ${image}`)
  await here?.server.remove()
})

test.each(Object.entries(ready))('%s: says what it likes, and the runner obeys nothing', async (_, scene) => {
  await harmless(await attack(scene, here.server, {}), scene.shows)
})

describe('a server that has nothing yet', () => {
  let server: Server

  beforeAll(async () => {
    server = await createServer({ ready: false })
    await server.write('/hostile', `${words}\n`)
    await server.write('/bin/refuse', shout, '755')
    await server.sh(`set -e
      for user in free refused; do
        useradd --create-home --shell /bin/bash $user
        install -d -m 700 -o $user /home/$user/.ssh
        install -m 600 -o $user /root/.ssh/authorized_keys /home/$user/.ssh/
        for file in .bashrc .profile; do echo 'cat /hostile; cat /hostile >&2' >/home/$user/$file; done
      done
      usermod --shell /bin/refuse refused
      printf '%s\\n' 'free ALL=(ALL) ALL' 'Defaults lecture=always, lecture_file=/hostile' 'Defaults passprompt="::add-mask::hostile"' >/etc/sudoers.d/lab
      chmod 440 /etc/sudoers.d/lab
      echo free:${passwords.bob} | chpasswd
      echo 'Banner /hostile' >/etc/ssh/sshd_config.d/lab.conf
      systemctl restart ssh`)
  })
  afterAll(() => server?.remove())

  test.each(Object.entries(bare))(
    '%s: says what it likes, and the runner obeys nothing',
    async (_, scene) => {
      const inputs = {
        domain: server.domain,
        'ssh-known-hosts': server.knownHosts,
        'sudo-password': passwords.bob,
      }
      await harmless(await attack(scene, server, inputs), scene.shows)
    },
  )
})

describe('a jump host that answers in the server’s place', () => {
  let jump: Server

  beforeAll(async () => {
    jump = await createServer({ ready: false })
    const { domain } = here.server
    // It takes any connection for the server as one for itself, lets everybody in, and keeps what it is sent.
    await jump.sh(`set -e
      echo '127.0.0.1 ${domain}' >>/etc/hosts
      printf '%s\\n' '#!/bin/sh' 'exec timeout --foreground 5 tee -a /tmp/stolen' >/usr/local/bin/steal
      chmod 755 /usr/local/bin/steal
      printf '%s\\n' 'ForceCommand /usr/local/bin/steal' 'Banner /hostile' >/etc/ssh/sshd_config.d/lab.conf`)
    await jump.write('/hostile', `${words}\n`)
    await jump.sh('systemctl restart ssh')
  })
  afterAll(() => jump?.remove())

  const through = (pinned: string) =>
    here.step(
      {
        'ssh-jump': `root@${jump.domain}`,
        'ssh-known-hosts': pinned,
        'ssh-user': 'free',
        'sudo-password': passwords.bob,
      },
      { debug: true },
    )
  const stolen = () => jump.sh('cat /tmp/stolen 2>/dev/null || true; rm -f /tmp/stolen')

  test.each<[string, () => string]>([
    ['lines', () => here.server.knownHosts + jump.knownHosts],
    [
      'fingerprints',
      () =>
        [here.server, jump]
          .flatMap(({ domain, fingerprints }) => fingerprints.map(each => `${domain} ${each}`))
          .join('\n'),
    ],
  ])('%s: is sent nothing', async (_, pinned) => {
    const run = await through(pinned())
    expect(run.code).toBe(1)
    expect(run.errors.join('\n')).toContain(`the host key of ${here.server.domain} is not the one`)
    expect(await stolen()).toBe('')
    await harmless(run)
  })

  test('it would be sent the sudo password and the script if its key were the server’s', async () => {
    await jump.sh(
      'useradd --create-home --shell /bin/bash free && cp -r /root/.ssh /home/free/ && chown -R free /home/free/.ssh',
    )
    const { domain } = here.server
    await through(jump.knownHosts + jump.knownHosts.replaceAll(jump.domain, domain))
    const got = await stolen()
    expect(got).toContain(passwords.bob)
    expect(got).toContain('site_probe')
  })
})
