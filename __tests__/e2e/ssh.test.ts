import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createServer,
  type Key,
  key,
  runStep,
  rusty,
  type Server,
  type StepOptions,
  type World,
  world,
} from '../../lab/index.ts'
import { applyScript } from '../../src/converge/scripts.ts'
import type { Desired } from '../../src/desired.ts'
import { Facts } from '../../src/server/facts.ts'

jest.setTimeout(180_000)

const desired: Desired = {
  domain: 'registry.example.com',
  directory: '/opt/berth',
  install: true,
  registry: { image: 'registry:3.1.2', config: {} },
  users: null,
  access: undefined,
  page: false,
  sealKey: undefined,
  acme: { server: 'https://acme.example.com/', email: undefined, ca: undefined, eab: undefined },
  certificate: undefined,
  adopt: false,
  sshPort: 22,
  purge: false,
  renewBefore: 30,
}

/** With all that a shell, a here-document or printf could take amiss. */
const password = `p$a"s\\s\`w'örd %s`

let around: World
let server: Server
let jump: Server
let lab: Key
/** Private keys that the user `free` may log in with. */
const keys: Record<string, string> = {}

beforeAll(async () => {
  around = await world()
  ;[server, jump, lab] = await Promise.all([
    createServer({ ready: false }),
    createServer({ suite: 'bookworm', ready: false }),
    key(),
  ])
  await server.sh(setup, { input: password })
  for (const [name, options] of Object.entries(kinds)) {
    keys[name] =
      `${await server.sh(`rm -f /tmp/key*; ssh-keygen -q -f /tmp/key ${options} && cat /tmp/key.pub >>/home/free/.ssh/authorized_keys && cat /tmp/key`)}\n`
  }
  keys.stranger = `${await server.sh('rm -f /tmp/key*; ssh-keygen -q -f /tmp/key -t ed25519 -N "" && cat /tmp/key')}\n`
})
afterAll(() => Promise.all([server?.remove(), jump?.remove()]))

const kinds = {
  ecdsa: '-t ecdsa -N ""',
  rsa: '-t rsa -N ""',
  pem: '-t rsa -m PEM -N ""',
  encrypted: '-t ed25519 -N "a secret"',
  encryptedPem: '-t rsa -m PEM -N "a secret"',
}

const setup = `set -e
password=$(cat)
export DEBIAN_FRONTEND=noninteractive
{ apt-get -q update && apt-get -q install -y --no-install-recommends fish tcsh zsh; } >/dev/null
new() { # NAME SHELL
  useradd --create-home --shell "$2" "$1"
  install -d -m 700 -o "$1" -g "$1" "/home/$1/.ssh"
  install -m 600 -o "$1" -g "$1" /root/.ssh/authorized_keys "/home/$1/.ssh/authorized_keys"
  printf '%s:%s\\n' "$1" "$password" | chpasswd
}
for shell in fish tcsh zsh; do new $shell "$(command -v $shell)"; done
for name in free noisy forced asks outside noterminal lectured; do new $name /bin/bash; done
new nologin /usr/sbin/nologin
sed -i 's/^/command="echo Please log in as admin; exit 142" /' /home/forced/.ssh/authorized_keys
cat >/home/noisy/.bashrc <<'END'
echo Welcome; echo 'sudo: a password is required' >&2; printf 'no end of line'
END
{
  for name in fish tcsh zsh noisy free; do echo "$name ALL=(ALL) NOPASSWD: ALL"; done
  for name in asks noterminal lectured; do echo "$name ALL=(ALL) ALL"; done
  echo 'Defaults:noterminal requiretty'
  echo 'Defaults:lectured use_pty, lecture=always'
} >/etc/sudoers.d/lab
chmod 440 /etc/sudoers.d/lab
echo 'Permission denied (publickey), says the banner. Host key verification failed.' >/etc/banner
printf '%s\\n' 'Banner /etc/banner' 'Port 22' 'Port 2222' 'PermitRootLogin no' 'LogLevel VERBOSE' 'MaxStartups 100' 'PerSourcePenalties no' >/etc/ssh/sshd_config.d/lab.conf
systemctl restart ssh`

/** A run of mode \`plan\`, which connects, becomes root and reads facts. */
const plan = (inputs: Record<string, string> = {}, options: StepOptions = {}) =>
  runStep(
    around.runner,
    {
      mode: 'plan',
      domain: server.domain,
      users: 'ci:a-password-of-some-length',
      'ssh-user': 'free',
      'ssh-key': lab.private,
      'ssh-known-hosts': server.knownHosts,
      ...inputs,
    },
    options,
  )

/** What came of each case: `planned`, or the sentence that it failed with. */
async function outcomes(cases: Record<string, Record<string, string>>): Promise<Record<string, string>> {
  const said: Record<string, string> = {}
  const waiting = Object.entries(cases)
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [name, inputs] = next
      const run = await plan(inputs)
      said[name] = run.code === 0 && run.outputs.changed === 'true' ? 'planned' : run.errors.join('\n')
      if (run.orphans.length > 0) said[name] += `; left ${run.orphans.join(', ')}`
    }
  }
  await Promise.all([work(), work(), work(), work()])
  return said
}

const named = (name: string, { knownHosts, domain }: Server) => knownHosts.replaceAll(domain, name)
const has = (text: string) => expect.stringContaining(text)

test('whatever the login shell is and its files print, the answer is understood', async () => {
  expect(
    await outcomes({
      fish: { 'ssh-user': 'fish' },
      tcsh: { 'ssh-user': 'tcsh' },
      zsh: { 'ssh-user': 'zsh' },
      noisy: { 'ssh-user': 'noisy' },
      nologin: { 'ssh-user': 'nologin' },
      forced: { 'ssh-user': 'forced' },
    }),
  ).toEqual({
    fish: 'planned',
    tcsh: 'planned',
    zsh: 'planned',
    noisy: 'planned',
    nologin: has('runs no commands for this user (“This account is currently not available.”)'),
    forced: has('runs no commands for this user (“Please log in as admin”)'),
  })
})

test('becomes root by sudo, or says why not', async () => {
  const sudo = { 'sudo-password': password }
  expect(
    await outcomes({
      free: {},
      freeWithPassword: sudo,
      asks: { 'ssh-user': 'asks', ...sudo },
      lectured: { 'ssh-user': 'lectured', ...sudo },
      missing: { 'ssh-user': 'asks' },
      wrong: { 'ssh-user': 'asks', 'sudo-password': 'wrong' },
      outside: { 'ssh-user': 'outside', ...sudo },
      noterminal: { 'ssh-user': 'noterminal', ...sudo },
      root: { 'ssh-user': 'root' },
    }),
  ).toEqual({
    free: 'planned',
    freeWithPassword: 'planned',
    asks: 'planned',
    lectured: 'planned',
    missing: has('give it as `sudo-password`'),
    wrong: has('sudo does not accept `sudo-password` from `asks`'),
    outside: has('`outside` may not become root with sudo'),
    // The one in Rust has no such setting, and goes on.
    noterminal: rusty ? 'planned' : has('`requiretty`'),
    root: has('`PermitRootLogin`'),
  })
})

test('a server that has no sudo says so', async () => {
  await jump.sh(`useradd --create-home --shell /bin/bash plain && install -d -m 700 -o plain /home/plain/.ssh &&
    install -m 600 -o plain /root/.ssh/authorized_keys /home/plain/.ssh/ && SUDO_FORCE_REMOVE=yes dpkg --purge sudo 2>&1 && rm -f /usr/local/bin/sudo`)
  const plain = {
    'ssh-host': jump.domain,
    'ssh-user': 'plain',
    'ssh-known-hosts': jump.knownHosts,
  }
  const without = 'the server has no sudo; install it, or set `ssh-user: root`'
  expect(
    await outcomes({
      free: plain,
      withPassword: { ...plain, 'sudo-password': password },
      root: { ...plain, 'ssh-user': 'root' },
    }),
  ).toEqual({ free: without, withPassword: without, root: 'planned' })
})

test('a sudo password is in no process list, in no file and in no log', async () => {
  const watch = server.run(
    `touch /tmp/watching; while [ -e /tmp/watching ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a 'p[$]a"s' && echo found; sleep 0.02; done`,
  )
  const run = await plan({ 'ssh-user': 'asks', 'sudo-password': password }, { debug: true })
  await server.sh('rm /tmp/watching')
  expect(run.code).toBe(0)
  expect((await watch).stdout).toBe('')
  expect(run.log).not.toContain(password)
  expect(await server.run(`grep -ra 'p[$]a"s' /tmp /run /home /var/log /root`)).toMatchObject({
    code: 1,
  })
})

test('keys of every type and in every shape that a copy gives them', async () => {
  const plain = lab.private
  const encrypted = { 'ssh-key': keys.encrypted ?? '' }
  expect(
    await outcomes({
      ecdsa: { 'ssh-key': keys.ecdsa ?? '' },
      rsa: { 'ssh-key': keys.rsa ?? '' },
      pem: { 'ssh-key': keys.pem ?? '' },
      crlf: { 'ssh-key': plain.replaceAll('\n', '\r\n') },
      noEnd: { 'ssh-key': plain.trimEnd() },
      literal: { 'ssh-key': plain.replaceAll('\n', '\\n') },
      indented: { 'ssh-key': plain.replaceAll(/^/gm, '    ') },
      bom: { 'ssh-key': `\uFEFF${plain}` },
      oneLine: { 'ssh-key': (keys.pem ?? '').replaceAll('\n', ' ') },
      encrypted: { ...encrypted, 'ssh-key-passphrase': 'a secret' },
      encryptedPem: { 'ssh-key': keys.encryptedPem ?? '', 'ssh-key-passphrase': 'a secret' },
      missing: encrypted,
      wrong: { ...encrypted, 'ssh-key-passphrase': 'another' },
      wrongPem: { 'ssh-key': keys.encryptedPem ?? '', 'ssh-key-passphrase': 'another' },
    }),
  ).toEqual({
    ...Object.fromEntries(
      'ecdsa rsa pem crlf noEnd literal indented bom oneLine encrypted encryptedPem'
        .split(' ')
        .map(name => [name, 'planned']),
    ),
    missing: has('ssh-key-passphrase: is missing'),
    wrong: has('does not open `ssh-key`'),
    wrongPem: has('does not open `ssh-key`'),
  })
})

test('host keys: lines, hashed lines, fingerprints of any type, addresses, ports', async () => {
  const { v4, v6 } = server.address
  const hashed = await server.sh('f=$(mktemp); cat >$f; ssh-keygen -q -H -f $f >/dev/null 2>&1; cat $f', {
    input: server.knownHosts,
  })
  const [ecdsa = '', ed25519 = '', rsa = ''] = server.fingerprints
  const changed = named(server.domain, jump)
  const said = await outcomes({
    hashed: { 'ssh-known-hosts': hashed },
    ecdsa: { 'ssh-known-hosts': ecdsa },
    ed25519: { 'ssh-known-hosts': ed25519 },
    rsa: { 'ssh-known-hosts': rsa },
    port: { 'ssh-port': '2222', 'ssh-known-hosts': named(`[${server.domain}]:2222`, server) },
    v4: { 'ssh-host': v4, 'ssh-known-hosts': named(v4, server) },
    v6: { 'ssh-host': v6, 'ssh-known-hosts': named(v6, server) },
    v6port: { 'ssh-host': `[${v6}]`, 'ssh-port': '2222', 'ssh-known-hosts': named(`[${v6}]:2222`, server) },
    otherName: { 'ssh-known-hosts': named('elsewhere.example.com', server) },
    changed: { 'ssh-known-hosts': changed },
    otherFingerprint: { 'ssh-known-hosts': jump.fingerprints.join('\n') },
  })
  for (const name of 'hashed ecdsa ed25519 rsa port v4 v6 v6port'.split(' '))
    expect([name, said[name]]).toEqual([name, 'planned'])
  expect(said.otherName).toContain(`add the line \`${server.domain} ssh-ed25519 AAAA`)
  for (const name of ['changed', 'otherFingerprint']) {
    expect(said[name]).toContain(`it offers ${ed25519}, pinned are ${jump.fingerprints.join(', ')}.`)
  }
})

test('a jump host has a pinned key of its own', async () => {
  const both = server.knownHosts + jump.knownHosts
  const through = { 'ssh-jump': `root@${jump.domain}`, 'ssh-known-hosts': both }
  expect(
    await outcomes({
      lines: through,
      v6: {
        'ssh-jump': `root@[${jump.address.v6}]:22`,
        'ssh-known-hosts': server.knownHosts + named(jump.address.v6, jump),
      },
      fingerprints: {
        ...through,
        'ssh-known-hosts': [server, jump].map(each => `${each.domain} ${each.fingerprints[2]}`).join('\n'),
      },
      bare: { ...through, 'ssh-known-hosts': [server, jump].map(each => each.fingerprints[2]).join('\n') },
      swapped: {
        ...through,
        'ssh-known-hosts': `${server.domain} ${jump.fingerprints[2]}\n${jump.domain} ${server.fingerprints[2]}`,
      },
      unknown: { ...through, 'ssh-known-hosts': server.knownHosts },
      changed: { ...through, 'ssh-known-hosts': named(server.domain, jump) + jump.knownHosts },
      user: { ...through, 'ssh-jump': `nobody-here@${jump.domain}` },
      refused: { ...through, 'ssh-jump': `root@${jump.domain}:2` },
      behind: { ...through, 'ssh-port': '2' },
    }),
  ).toEqual({
    lines: 'planned',
    v6: 'planned',
    fingerprints: 'planned',
    bare: has('line 1 does not say which host has this key'),
    swapped: has(`the host key of ${jump.domain} is not the one`),
    unknown: has(`the host key of ${jump.domain} is not the one`),
    changed: has(`the host key of ${server.domain} is not the one`),
    user: has(`the jump host ${jump.domain} does not let \`nobody-here\` in`),
    refused: has(`nothing listens for SSH at the jump host ${jump.domain} port 2`),
    behind: has(`can’t reach ${server.domain} port 2 (connect failed: Connection refused)`),
  })
})

test('a server that can’t be reached is given up in half a minute, and named', async () => {
  // A socket whose owner never accepts takes connections and says nothing.
  await jump.sh(
    `printf '[Socket]\\nListenStream=7777\\nAccept=no\\n' >/run/systemd/system/silent.socket; printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/run/systemd/system/silent.service; systemctl daemon-reload; systemctl start silent.socket`,
  )
  const at = (port: string) => ({
    'ssh-host': jump.domain,
    'ssh-port': port,
    'ssh-known-hosts': jump.fingerprints[0] ?? '',
  })
  const started = Date.now()
  expect(
    await outcomes({
      silent: at('7777'),
      refused: at('2'),
      name: { 'ssh-host': 'nowhere.berth.test' },
      web: { 'ssh-host': around.hub.domain, 'ssh-port': '5000' },
      stranger: { 'ssh-key': keys.stranger ?? '' },
    }),
  ).toEqual({
    silent: has('does not speak SSH'),
    refused: has('nothing listens for SSH'),
    name: has('the name nowhere.berth.test does not resolve'),
    web: has('does not speak SSH'),
    stranger: has('does not let `free` in with this key'),
  })
  expect(Date.now() - started).toBeLessThan(60_000)
})

describe('one connection', () => {
  const log = (since: string) => server.sh(`journalctl --unit ssh --since @${since} --output cat`)

  test('serves the whole step, also through a deep folder, and nothing of it stays', async () => {
    const since = await server.sh('date +%s')
    const deep = `/home/runner/work/${'deep/'.repeat(30)}_temp`
    const run = await plan({}, { env: { RUNNER_TEMP: deep }, debug: true })
    expect(run).toMatchObject({ code: 0, orphans: [] })
    const accepted = (await log(since)).match(/Accepted publickey for free/g)
    expect(accepted).toHaveLength(1)
    expect(await around.runner.sh(`find ${deep} -path '*berth-*'`)).toBe('')
  })

  test('is tried once with a key that is refused', async () => {
    const since = await server.sh('date +%s')
    await plan({ 'ssh-key': keys.stranger ?? '', 'ssh-user': 'asks' })
    expect((await log(since)).match(/authenticating user asks/g)).toHaveLength(1)
  })

  test('ends with the job that is cancelled', async () => {
    await server.write('/usr/local/sbin/stat', '#!/bin/sh\ntouch /tmp/looking\nsleep 60\n', '755')
    await server.write('/usr/local/sbin/docker', '#!/bin/sh\ntouch /tmp/looking\nsleep 60\n', '755')
    const looking = server.sh('for i in $(seq 600); do [ -e /tmp/looking ] && exit; sleep 0.1; done; exit 1')
    const cancelled = looking.then(() => Date.now())
    const run = await plan({}, { cancel: cancelled })
    const took = Date.now() - (await cancelled)
    await server.sh('rm /usr/local/sbin/stat /usr/local/sbin/docker')
    expect(run).toMatchObject({ code: 130, orphans: [] })
    // GitHub kills ten seconds after the cancel.
    expect(took).toBeLessThan(10_000)
    expect(await around.runner.sh(`find ${run.job.temp} -path '*berth-*'`)).toBe('')
  })
})

test('a script that is cut off in transfer does not run, wherever it is cut', async () => {
  const script = applyScript(desired, Facts.of({}), [
    { resource: 'site', changes: [], call: ['put', '/root/tripped', '0644', 'it’s $HOME\n}\nmain\n'] },
  ])
  const ends = [...script.matchAll(/\n/g)].flatMap(({ index }, line) =>
    line % 3 === 0 ? [index, index + 1, index + 2] : [],
  )
  const between = Array.from({ length: 100 }, (_, part) => Math.floor((part * script.length) / 100) + 7)
  // With its last word the script is whole.
  const cuts = [...ends, ...between].filter(at => at < script.lastIndexOf('main "$@"') + 4)
  await server.write('/root/script', script)
  // Thousands of cuts, so no program but the shells is started for one.
  const heard = await server.sh(
    `LC_ALL=C; script=$(cat /root/script; echo .); script=\${script%.}
     while read -r cut; do for shell in dash bash; do
       said=$(printf %s "\${script:0:cut}" | $shell -s 2>/dev/null; echo .)
       [ "$said" = . ] || echo "$shell ran $cut bytes"
     done; done
     [ ! -e /root/tripped ] || echo changed`,
    { input: cuts.map(cut => `${Buffer.byteLength(script.slice(0, cut))}\n`).join('') },
  )
  expect(heard).toBe('')
  expect((await server.run('sh -s </root/script')).stdout).toContain('berth:')
})
