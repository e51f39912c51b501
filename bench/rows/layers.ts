import type { Line } from '../line.ts'
import { home, openDomain, password, type Stage } from '../stage.ts'

/** `docker push` of an image of 30 small layers that the registry has not seen, with a generated password and without any. */
export async function layers(stage: Stage): Promise<Line[]> {
  const { runner, server } = stage
  await stage.converge()
  await stage.converge(stage.open())
  for (const domain of [server.domain, openDomain])
    await runner.sh(
      `mkdir -p /etc/docker/certs.d/${domain} && cp ${home}/ca.pem /etc/docker/certs.d/${domain}/ca.crt`,
    )
  await runner.sh(`docker login --username user0 --password-stdin ${server.domain}`, {
    user: 'runner',
    input: password,
  })
  const push = async (domain: string) =>
    Number(
      await runner.sh(
        `set -e; image=${domain}/bench/layers
node ${home}/image.mjs $image 30 | docker load -q >/dev/null
began=$(date +%s%3N); docker push -q $image >/dev/null; echo $(($(date +%s%3N) - began)); docker rmi $image >/dev/null`,
        { user: 'runner' },
      ),
    )
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < 7; round++) {
    ours.push(await push(server.domain))
    theirs.push(await push(openDomain))
  }
  await runner.sh(`docker logout ${server.domain}`, { user: 'runner' })
  const work = 'push of 30 small layers, a generated password'
  return [{ work, beside: 'the same endpoint without auth', ours, theirs, mark: { at: 'most', ratio: 1.1 } }]
}
