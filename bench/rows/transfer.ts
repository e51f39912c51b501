import type { Server } from '../../lab/index.ts'
import type { Line } from '../line.ts'
import { home, password, peer, type Stage } from '../stage.ts'

const rounds = 5

/** A layer of 1 GB up and down, all on the server itself: what is measured is the way through nginx, not the network. */
export async function transfer(stage: Stage): Promise<Line[]> {
  const { server } = stage
  await stage.converge()
  await server.write('/root/transfer.sh', await stage.runner.read(`${home}/transfer.sh`))
  await ownTls(server)
  const blog = peer('blog.conf').replaceAll('DOMAIN', server.domain)
  await server.write('/etc/nginx/sites-enabled/bench-blog.conf', blog)
  await server.sh('nginx -t -q && systemctl reload nginx')
  const ways = {
    straight: 'http://127.0.0.1:5000',
    tls: `https://${server.domain}:${tlsPort} --http1.1`,
    http1: `https://${server.domain} --http1.1`,
    http2: `https://${server.domain} --http2`,
    blog: `https://${server.domain}:8443 --http1.1`,
  }
  const times: Record<'up' | 'down', Record<keyof typeof ways, number[]>> = {
    up: { straight: [], tls: [], http1: [], http2: [], blog: [] },
    down: { straight: [], tls: [], http1: [], http2: [], blog: [] },
  }
  try {
    for (let round = 0; round <= rounds; round++)
      for (const direction of ['up', 'down'] as const)
        for (const [way, url] of Object.entries(ways) as [keyof typeof ways, string][]) {
          const input = `user0:${password}`
          const seconds = Number(await server.sh(`sh /root/transfer.sh ${direction} ${url}`, { input }))
          if (round > 0) times[direction][way].push(seconds * 1000)
        }
  } finally {
    await server.sh(
      `docker rm -f ${tlsName}; rm -f /etc/nginx/sites-enabled/bench-blog.conf /tmp/layer && systemctl reload nginx`,
    )
  }
  // Shares of the speed, not of the time: the other way round.
  const line = (
    direction: 'up' | 'down',
    way: keyof typeof ways,
    beside: 'straight' | 'tls',
    mark?: number,
  ): Line => ({
    work: `1 GB ${direction === 'up' ? 'upload' : 'download'}, ${names[way]}`,
    beside: names[beside],
    ours: times[direction][way].map(each => 1e6 / each),
    theirs: times[direction][beside].map(each => 1e6 / each),
    unit: 'MB/s',
    ...(mark !== undefined && { mark: { at: 'least', ratio: mark } as const }),
  })
  return (['up', 'down'] as const).flatMap(direction => [
    line(direction, 'http1', 'straight', 0.95),
    line(direction, 'http1', 'tls', 0.95),
    line(direction, 'http2', 'straight', 0.9),
    line(direction, 'http2', 'tls', 0.9),
    line(direction, 'blog', 'straight'),
  ])
}

const names = {
  straight: 'straight to the registry, in the clear',
  tls: 'straight to the registry, which does TLS itself',
  http1: 'HTTP/1.1',
  http2: 'HTTP/2',
  blog: 'a blog’s nginx instead of Berth’s',
}

const tlsName = 'bench-tls'
const tlsPort = 5443

/** A second registry on the same files, as one would open to the world without nginx: with the certificate itself. */
async function ownTls(server: Server): Promise<void> {
  const live = `/etc/letsencrypt/live/${server.domain}`
  await server.sh(`docker rm -f ${tlsName} 2>/dev/null || :
docker run -d --name ${tlsName} -p 127.0.0.1:${tlsPort}:5000 --env-file /opt/berth/secret.env -e OTEL_TRACES_EXPORTER=none \
  -e REGISTRY_HTTP_TLS_CERTIFICATE=${live}/fullchain.pem -e REGISTRY_HTTP_TLS_KEY=${live}/privkey.pem -v /etc/letsencrypt:/etc/letsencrypt:ro \
  -v /opt/berth/config.yml:/etc/berth/config.yml:ro -v /opt/berth/auth:/auth:ro -v /opt/berth/data:/var/lib/registry registry:3.1.2 /etc/berth/config.yml
until curl -sko /dev/null https://127.0.0.1:${tlsPort}/; do sleep 0.1; done`)
}
