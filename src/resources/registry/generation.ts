import { createHash } from 'node:crypto'
import type { Desired } from '../../desired.ts'
import { notice, quote } from '../../shell.ts'
import { account, container } from '../names.ts'
import { configYaml, needsNetwork } from './config.ts'

/**
 * One container with its configuration. Whatever needs another container makes a new generation, which starts beside the old
 * one and takes over when it answers.
 */
export interface Generation {
  /** Of a wanted generation, a hash of all that it is made from: 8 hexadecimal digits. */
  name: string
  /** The script that starts the container. */
  start: string
  config: string
}

export function generation(desired: Desired): Generation {
  const start = startScript(desired)
  const config = configYaml(desired)
  const name = createHash('sha256')
    .update(JSON.stringify([start, config]))
    .digest('hex')
    .slice(0, 8)
  return { name, start, config }
}

/** Each file that a slow disk keeps waiting holds a thread; a registry without load has about ten. */
const maxThreads = 2048

/**
 * Starts the registry on a socket; nothing is published. The script stands in the folder of its generation, and takes that one's name from there. It can be run by hand.
 *
 * Memory is what a registry that goes wrong may take from the machine, far above what a busy one needs: layers go through
 * it in pieces of 32 KiB, but a driver for object storage keeps pieces of 10 MiB for each upload. Two generations at once
 * leave the machine a fifth of its memory.
 */
function startScript(desired: Desired): string {
  const { domain, directory, registry } = desired
  const [uid] = account.split(':')
  return `#!/bin/sh
${notice}
folder=$(cd "$(dirname "$0")" && pwd)
generation=\${folder##*/}
memory=$(awk '$1 == "MemTotal:" { m = int($2 / 1024 * 0.4); print (m < 1024 ? m : 1024) }' /proc/meminfo)
exec docker run --detach --name "${container(domain)}-$generation" --label ${quote(`berth.domain=${domain}`)} --restart always \\
  --user "${uid}:$(stat -c %g ${quote(`${directory}/run`)})" --userns host --network ${needsNetwork(desired) ? 'bridge' : 'none'} \\
  --read-only --tmpfs /tmp:size=64m --cap-drop ALL --security-opt no-new-privileges \\
  --memory "\${memory}m" --env GOMEMLIMIT="$((memory * 3 / 4))MiB" --pids-limit ${maxThreads} \\
  --log-driver json-file --log-opt max-size=10m --log-opt max-file=3 \\
  --env-file ${quote(`${directory}/secret.env`)} --env OTEL_TRACES_EXPORTER=none \\
  --env REGISTRY_HTTP_ADDR="/run/berth/$generation.sock" \\
  --volume "$folder/config.yml:/etc/berth/config.yml:ro" \\
  --volume ${quote(`${directory}/run:/run/berth`)} --volume ${quote(`${directory}/data:/var/lib/registry`)} \\
  --entrypoint /bin/sh ${quote(registry.image)} -c 'umask 0007 && exec registry serve /etc/berth/config.yml'
`
}
