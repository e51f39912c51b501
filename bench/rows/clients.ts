import type { Line } from '../line.ts'
import { published } from '../published.ts'
import { home, password, type Stage } from '../stage.ts'

const rounds = 3
const clients = 1000
const layers = 20

/** A thousand clients at once, each on a connection of its own, with the requests of a `docker pull` of an image of 20 layers. */
export async function thousandClients(stage: Stage): Promise<Line[]> {
  const { runner, server } = stage
  await stage.converge()
  await server.write('/root/fill.sh', await runner.read(`${home}/fill.sh`))
  await server.sh(`sh /root/fill.sh 1 ${layers}`)
  await runner.sh('command -v h2load || { apt-get -q update && apt-get -q install -y nghttp2-client; }', {
    timeout: 600,
  })
  const paths = (
    await server.sh(
      `curl -sSf -H 'Accept: application/vnd.oci.image.manifest.v1+json' --unix-socket /opt/berth/registry.sock http://registry/v2/fill/app1/manifests/latest | grep -o 'sha256:[0-9a-f]*' | sed 's#^#/v2/fill/app1/blobs/#'`,
    )
  ).split('\n')
  // Debian's 768 for each worker are too few for a thousand clients and what is behind them.
  await server.sh(
    `sed -i.bench 's/worker_connections .*/worker_connections 4096;/; 1i worker_rlimit_nofile 8192;' /etc/nginx/nginx.conf && systemctl restart nginx`,
  )
  const { blog, remove } = await published(server)
  /** Seconds that the server's processors have worked. */
  const worked = () =>
    server.sh(`sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat`).then(said => Number(said) / 1e6)
  const ask = async (url: string, asked: readonly string[], connections: number, all: number) => {
    await runner.write(`${home}/pull`, asked.map(path => `${url}${path}\n`).join(''))
    const before = await worked()
    const said = await runner.sh(
      `ulimit -n 4096; h2load --h1 -c ${connections} -n ${all} -i ${home}/pull -H "Authorization: Basic $(base64 -w 0)" -H 'Accept: application/vnd.oci.image.manifest.v1+json'`,
      { input: `user0:${password}`, timeout: 300 },
    )
    const found = /([\d.]+) req\/s[\s\S]* (\d+) 2xx/.exec(said)
    return { rate: Number(found?.[1]), failed: all - Number(found?.[2]), worked: (await worked()) - before }
  }
  // Docker asks for the tag's digest, then for what has it.
  const manifest = '/v2/fill/app1/manifests/latest'
  const asked = ['/v2/', manifest, manifest, ...paths]
  const pull = (url: string) => ask(url, asked, clients, clients * asked.length)
  const ours: number[] = []
  const theirs: number[] = []
  const failed = { ours: 0, theirs: 0 }
  const seconds = { ours: 0, theirs: 0, handshakes: 0 }
  try {
    for (let round = 0; round < rounds; round++) {
      const [here, there] = [await pull(`https://${server.domain}`), await pull(blog)]
      ours.push(here.rate)
      theirs.push(there.rate)
      failed.ours += here.failed
      failed.theirs += there.failed
      seconds.ours += here.worked / rounds
      seconds.theirs += there.worked / rounds
      // The same requests, each on a connection of its own, and on a few.
      const [each, few] = [
        await ask(`https://${server.domain}`, ['/v2/'], clients, clients),
        await ask(`https://${server.domain}`, ['/v2/'], 8, clients),
      ]
      seconds.handshakes += (each.worked - few.worked) / rounds
    }
  } finally {
    await server.sh('mv /etc/nginx/nginx.conf.bench /etc/nginx/nginx.conf')
    await remove()
  }
  return [
    {
      work: 'a thousand clients pull one image of 20 layers',
      beside: 'htpasswd at cost 5 behind a blog’s nginx',
      ours,
      theirs,
      unit: '/s',
      mark: { at: 'least', ratio: 3 },
      note: `failed: ${failed.ours}, beside ${failed.theirs}; the server’s processors: ${seconds.ours.toFixed(1)} s, of which handshakes ${seconds.handshakes.toFixed(1)} s; beside ${seconds.theirs.toFixed(1)} s`,
    },
  ]
}
