import { createHash } from 'node:crypto'
import { type Desired, defaultImage, onDisk } from '../../desired.ts'
import { notice, quote } from '../../shell.ts'
import { account, container } from '../names.ts'
import { configYaml, hasSecret, needsNetwork } from './config.ts'

/**
 * One container with its configuration. Whatever needs a new container makes a new generation, which starts beside the old one and takes
 * over when it answers.
 */
export interface Generation {
  /** For a wanted generation, 8 hexadecimal digits of a hash of everything that it is made from. */
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

/** A mirror may have the default image only by its tag. An image that the user pinned is never replaced. */
const orByTag = `docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 || {
  image=\${image%@*}
  echo "note: $image can’t be pulled by its digest from here, so it is pulled by its tag"
}
`

/** The file that `update-ca-certificates` writes. Docker would make a folder of one that is not there. */
const trust = `set --
if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
  set -- --volume /etc/ssl/certs/ca-certificates.crt:/etc/berth/authorities.pem:ro --env SSL_CERT_FILE=/etc/berth/authorities.pem
fi
`

/** Each file on a slow disk may keep a thread waiting. A registry without load has about ten. */
const maxThreads = 2048

/**
 * The script that starts the registry on a socket, without publishing a port. It is in the folder of its generation, whose name it
 * takes from there. It can be run by hand.
 *
 * A registry that speaks to others trusts whom the server trusts, a company’s own authority too. Its image has only the public ones.
 *
 * The limit of memory is for a registry that goes wrong, and far above what a busy one needs. Layers go through it in pieces of
 * 32 KiB, but to object storage in pieces that wait in memory, some 20 MB for each upload, so 2 GiB allow for a hundred at
 * once. Two generations at once leave the machine a fifth of its memory.
 */
function startScript(desired: Desired): string {
  const { domain, directory, registry } = desired
  const [uid] = account.split(':')
  const maxMemory = onDisk(desired) ? 1024 : 2048
  const network = needsNetwork(desired)
  // The environment would override config.yml.
  const secret = hasSecret(desired) ? '' : ` --env-file ${quote(`${directory}/secret.env`)}`
  return `#!/bin/sh
${notice}
folder=$(cd "$(dirname "$0")" && pwd)
generation=\${folder##*/}
image=${quote(registry.image)}
${registry.image === defaultImage ? orByTag : ''}memory=$(awk '$1 == "MemTotal:" { m = int($2 / 1024 * 0.4); print (m < ${maxMemory} ? m : ${maxMemory}) }' /proc/meminfo)
${network ? trust : ''}exec docker run --detach --name "${container(domain)}-$generation" --label ${quote(`berth.domain=${domain}`)} --restart always \\
  --user "${uid}:$(stat -c %g ${quote(`${directory}/run`)})" --userns host --network ${network ? 'bridge' : 'none'} \\
  --read-only --tmpfs /tmp:size=64m --cap-drop ALL --security-opt no-new-privileges \\
  --memory "\${memory}m" --env GOMEMLIMIT="$((memory * 3 / 4))MiB" --pids-limit ${maxThreads} \\
  --log-driver json-file --log-opt max-size=10m --log-opt max-file=3 \\
 ${secret} --env OTEL_TRACES_EXPORTER=none \\
  --env REGISTRY_HTTP_ADDR="/run/berth/$generation.sock" \\
  --volume "$folder/config.yml:/etc/berth/config.yml:ro" \\
  --volume ${quote(`${directory}/run:/run/berth`)} --volume ${quote(`${directory}/data:/var/lib/registry`)} \\
${network ? '  "$@" \\\n' : ''}\
  --entrypoint /bin/sh "$image" -c 'umask 0007 && exec registry serve /etc/berth/config.yml'
`
}
