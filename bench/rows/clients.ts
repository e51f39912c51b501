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
  const pull = async (url: string) => {
    // Docker asks for the tag's digest, then for what has it.
    const manifest = '/v2/fill/app1/manifests/latest'
    const asked = ['/v2/', manifest, manifest, ...paths]
    await runner.write(`${home}/pull`, asked.map(path => `${url}${path}\n`).join(''))
    const all = clients * asked.length
    const said = await runner.sh(
      `ulimit -n 4096; h2load --h1 -c ${clients} -n ${all} -i ${home}/pull -H "Authorization: Basic $(base64 -w 0)" -H 'Accept: application/vnd.oci.image.manifest.v1+json'`,
      { input: `user0:${password}`, timeout: 300 },
    )
    const found = /([\d.]+) req\/s[\s\S]* (\d+) 2xx/.exec(said)
    return { rate: Number(found?.[1]), failed: all - Number(found?.[2]) }
  }
  const ours: number[] = []
  const theirs: number[] = []
  const failed = { ours: 0, theirs: 0 }
  try {
    for (let round = 0; round < rounds; round++) {
      const [here, there] = [await pull(`https://${server.domain}`), await pull(blog)]
      ours.push(here.rate)
      theirs.push(there.rate)
      failed.ours += here.failed
      failed.theirs += there.failed
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
      note: `failed: ${failed.ours}, beside ${failed.theirs}`,
    },
  ]
}
