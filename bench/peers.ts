import { join } from 'node:path'
import { copy } from '../lab/machine.ts'
import { cache } from '../lab/place.ts'
import { run } from '../lab/process.ts'
import { challengeConf } from '../src/resources/site/nginx.ts'
import { type Command, home, type Stage } from './stage.ts'

/** Where the peers have what they keep on the server: what Berth has written there, so that they find nothing to do. */
const folder = `${home}/state`

/** Takes the server's files over to the runner, where the peers find them. */
export async function state({ server, runner, world }: Stage): Promise<void> {
  const name = (await server.sh('basename "$(readlink /opt/berth/registry.sock)" .sock')).trim()
  const files = {
    start: `/opt/berth/generations/${name}/start`,
    'config.yml': `/opt/berth/generations/${name}/config.yml`,
    'secret.env': '/opt/berth/secret.env',
    htpasswd: '/opt/berth/htpasswd',
    'site.conf': `/etc/nginx/sites-available/berth-${server.domain}.conf`,
    hook: '/etc/letsencrypt/renewal-hooks/deploy/berth',
  }
  for (const [name, path] of Object.entries(files))
    await runner.write(`${folder}/${name}`, await server.read(path))
  await runner.write(`${folder}/generation`, name)
  await runner.write(
    `${folder}/challenge.conf`,
    challengeConf(server.domain, { ipv6: true, webroot: undefined, named: [], peers: [] }),
  )
  await runner.write(`${folder}/ca.pem`, world.acme.trust)
  await runner.write(
    `${home}/inventory`,
    `${server.domain} ansible_user=root ansible_ssh_common_args='-F ${home}/ssh_config'\n`,
  )
  await runner.write(
    `${home}/inventory.py`,
    `servers = [("${server.domain}", {"ssh_user": "root", "ssh_key": "${home}/key", "ssh_known_hosts_file": "${home}/known_hosts", "ssh_strict_host_key_checking": "yes"})]\n`,
  )
  await runner.sh(`cp ${home}/peers/by-hand.sh ${folder} && chown -R runner: ${home}`)
}

/** The procedure by hand, over one SSH connection. */
export function byHand({ server, world }: Stage): Command {
  const remote = `rm -rf state && mkdir -m 700 state && tar -xC state && sh state/by-hand.sh ${server.domain} ${world.acme.directory}`
  return {
    argv: ['sh', '-c', `tar -cC ${folder} . | ssh -F ${home}/ssh_config root@${server.domain} '${remote}'`],
  }
}

/** Debian's Ansible. Its playbook needs no more than the core's own modules. */
export async function ansible({ runner }: Stage): Promise<Command> {
  await runner.sh(
    `command -v ansible-playbook || { apt-get -q update && apt-get -q install -y --no-install-recommends ansible-core; }`,
    {
      timeout: 600,
    },
  )
  return { argv: ['ansible-playbook', '-i', `${home}/inventory`, `${home}/peers/playbook.yml`] }
}

/** pyinfra from PyPI: by the runner's own pip, else by this machine's; `undefined` if neither gets there. */
export async function pyinfra({ runner }: Stage): Promise<Command | undefined> {
  const program = `${home}/venv/bin/pyinfra`
  if ((await runner.run(`test -x ${program}`)).code !== 0) {
    await runner.sh(
      `apt-get -q update && apt-get -q install -y --no-install-recommends python3-venv && python3 -m venv ${home}/venv`,
      {
        timeout: 600,
      },
    )
    const pip = `${home}/venv/bin/pip install -q --timeout 10 --retries 1`
    if ((await runner.run(`${pip} pyinfra`, { timeout: 600 })).code !== 0) {
      const wheels = join(cache, 'pyinfra')
      const platforms = ['manylinux2014', 'manylinux_2_17', 'manylinux_2_28'].flatMap(each => [
        '--platform',
        `${each}_x86_64`,
      ])
      const options = [
        '--quiet',
        '--dest',
        wheels,
        '--only-binary=:all:',
        '--python-version',
        '3.13',
        ...platforms,
      ]
      const got = await run('python3', ['-m', 'pip', 'download', ...options, 'pyinfra']).catch(
        () => undefined,
      )
      if (got?.code !== 0) return undefined
      await copy(runner, wheels, `${home}/wheels`)
      await runner.sh(`${pip} --no-index --find-links ${home}/wheels pyinfra`)
    }
    await runner.sh(`chown -R runner: ${home}`)
  }
  return { argv: [program, '-y', `${home}/inventory.py`, `${home}/peers/deploy.py`] }
}
