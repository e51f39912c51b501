import type { Line } from '../line.ts'
import { home, password, peer, type Stage } from '../stage.ts'

const rounds = 5

/** A layer of 1 GB up and down, all on the server itself: what is measured is the way through nginx, not the network. */
export async function transfer(stage: Stage): Promise<Line[]> {
  const { server } = stage
  await stage.converge()
  await server.write('/root/transfer.sh', await stage.runner.read(`${home}/transfer.sh`))
  const blog = peer('blog.conf').replaceAll('DOMAIN', server.domain)
  await server.write('/etc/nginx/sites-enabled/bench-blog.conf', blog)
  await server.sh('nginx -t -q && systemctl reload nginx')
  const ways = {
    straight: 'http://127.0.0.1:5000',
    http1: `https://${server.domain} --http1.1`,
    http2: `https://${server.domain} --http2`,
    blog: `https://${server.domain}:8443 --http1.1`,
  }
  const times: Record<'up' | 'down', Record<keyof typeof ways, number[]>> = {
    up: { straight: [], http1: [], http2: [], blog: [] },
    down: { straight: [], http1: [], http2: [], blog: [] },
  }
  try {
    for (let round = 0; round <= rounds; round++)
      for (const direction of ['up', 'down'] as const)
        for (const [way, url] of Object.entries(ways) as [keyof typeof ways, string][]) {
          const input = `user0:${password}`
          const seconds = Number(
            await server.sh(`sh /root/transfer.sh ${direction} ${server.domain} ${url}`, { input }),
          )
          if (round > 0) times[direction][way].push(seconds * 1000)
        }
  } finally {
    await server.sh('rm -f /etc/nginx/sites-enabled/bench-blog.conf /tmp/layer && systemctl reload nginx')
  }
  // Shares of the speed, not of the time: the other way round.
  const line = (direction: 'up' | 'down', way: keyof typeof ways, name: string, mark?: number): Line => ({
    work: `1 GB ${direction === 'up' ? 'upload' : 'download'}, ${name}`,
    beside: 'straight to the registry',
    ours: times[direction][way].map(each => 1e6 / each),
    theirs: times[direction].straight.map(each => 1e6 / each),
    unit: 'MB/s',
    ...(mark !== undefined && { mark: { at: 'least', ratio: mark } as const }),
  })
  return (['up', 'down'] as const).flatMap(direction => [
    line(direction, 'http1', 'HTTP/1.1', 0.95),
    line(direction, 'http2', 'HTTP/2', 0.9),
    line(direction, 'blog', 'a blog’s nginx instead of Berth’s'),
  ])
}
