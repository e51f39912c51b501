import { Failure } from '../../failure.ts'
import { shortReference } from '../../format.ts'

/** What a failed step means, from the output of its programs; `undefined` if only that can say it. `image` is the wanted one. */
export function stepFailure(image: string, output: string): Failure | undefined {
  const bucket = /^the bucket .*$/m.exec(output)?.[0]
  if (bucket !== undefined) return new Failure('bucket', bucket)
  const engine = /^Docker does not start: (.*)$/m.exec(output)?.[1]
  if (engine !== undefined)
    return new Failure(
      'serverDocker',
      `Docker does not start on the server (${engine}); fix that until \`systemctl start docker\` succeeds there, and run again`,
    )
  const silence = /^Docker is silent: ?(.*)$/m.exec(output)
  if (silence)
    return new Failure(
      'serverDocker',
      `Docker runs on the server but does not answer${silence[1] === '' ? ' within 20 s' : ` (${silence[1]})`}; look at \`journalctl -u docker -n 50\` there, restart it with \`systemctl restart docker\`, and run again`,
    )
  if (/exec: "\/bin\/sh": .*no such file/.test(output))
    return new Failure(
      'registryStart',
      'the image in `registry-image` has no /bin/sh, which opens the registry’s socket to nginx; use an image of registry 2.8 or 3.x that has a shell, such as the official one',
    )
  const ownerless = /^the images in .* knows no owners$/m.exec(output)?.[0]
  if (ownerless !== undefined)
    return new Failure(
      'registryStart',
      `${ownerless}; keep them on one that does, such as ext4 or xfs, or mount this one with \`uid=65532,gid=65532,umask=077\``.replace(
        "can't",
        'can’t',
      ),
    )
  if (/toomanyrequests|pull rate limit/i.test(output)) return new Failure('registryStart', rateLimit(image))
  const full = /^\S+ holds images already; .*$/m.exec(output)?.[0]
  if (full !== undefined) return new Failure('rival', full)
  // Without Docker’s output before it.
  const words = /^the (new )?registry (serves as before|does not start)\b.*/ms
    .exec(output)?.[0]
    .trimEnd()
    .replaceAll('\n', '\n  ')
  return words === undefined ? undefined : new Failure('registryStart', words)
}

/** What to do about Docker Hub, which limits the pulls of an address, and perhaps of a provider's whole network. */
function rateLimit(image: string): string {
  const [, name = image] = /^(?:docker\.io\/)?(?:library\/)?([^/@]+)(?:@|$)/.exec(image) ?? []
  const copy = /^registry(:|@|$)/.test(name)
    ? `take a copy that others keep (\`registry-image: public.ecr.aws/docker/library/${name}\`)`
    : 'give an image of another registry as `registry-image`'
  return `${shortReference(image)} can’t be pulled because its registry has let this server pull too many images for now; run again in a few hours, ${copy}, or pull it on the server by hand, after \`docker login\` there`
}

/** Berth does not restart Docker itself, because that stops the server’s other containers for a moment. */
export function cutOffFailure(): Failure {
  return new Failure(
    'serverDocker',
    'Docker’s rules are gone from the server’s firewall (`nft flush ruleset`, or another firewall’s reload), so containers have no network, and the registry can’t reach its storage or whatever else `registry-config` names; run `systemctl restart docker` there, now and after each such reload (it restarts all containers)',
  )
}
