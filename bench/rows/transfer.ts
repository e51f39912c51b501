import type { Line } from '../line.ts'
import { published } from '../published.ts'
import { home, password, type Stage } from '../stage.ts'

const rounds = 5

/** A layer of 1 GB up and down, all on the server itself: what is measured is the way through nginx, not the network. */
export async function transfer(stage: Stage): Promise<Line[]> {
  const { server } = stage
  await stage.converge()
  await server.write('/root/transfer.sh', await stage.runner.read(`${home}/transfer.sh`))
  const { straight, tls, blog, remove } = await published(server)
  const ways = {
    straight,
    tls: `${tls} --http1.1`,
    http1: `https://${server.domain} --http1.1`,
    http2: `https://${server.domain} --http2`,
    blog: `${blog} --http1.1`,
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
    await server.run('rm -f /tmp/layer')
    await remove()
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
    line(direction, 'http1', 'straight', direction === 'up' ? 0.95 : 1),
    line(direction, 'http1', 'tls', 0.95),
    line(direction, 'http2', 'straight', direction === 'up' ? 0.95 : 1),
    line(direction, 'http2', 'tls', 0.95),
    line(direction, 'blog', 'straight'),
  ])
}

const names = {
  straight: 'straight to a published port, in the clear',
  tls: 'a registry on the host’s network that does TLS itself',
  http1: 'HTTP/1.1',
  http2: 'HTTP/2',
  blog: 'a blog’s nginx instead of Berth’s',
}
