// How many pulls servers with two cores can take, by simulation with what bench/RESULTS.md measured: node bench/scale.ts. It writes the
// table of docs/scale.md. Pulls come at random, and every moment each gets its share of what its server and the store have.

/** MB of an image, in how many requests, and MB/s that one client takes at most (1 Gbit/s). */
const image = { bytes: 500, requests: 25, client: 125 }
/** Seconds of a core for one MB and one request, from the measured ones of nginx and registry. */
const cost = { byte: 0.001, request: 0.00045 }
const cores = 2
/** Reading from a store costs more than from a disk (downloads had 0.75 of the speed), and about three requests for each of a client. */
const store = { factor: 1.35, requests: 3 }

interface Place {
  servers: number
  /** MB/s out of each server. */
  link: number
  /** What the store does in a second, in MB and requests; `undefined` if images are on the server’s disk. */
  store?: { bytes: number; requests: number }
}

/** Pulls a second that each part could do by itself, whichever comes to its end first. */
function ends({ servers, link, store: there }: Place): Record<string, number> {
  const factor = there === undefined ? 1 : store.factor
  const seconds = image.bytes * cost.byte * factor + image.requests * cost.request
  return {
    'the servers’ network': (servers * link) / image.bytes,
    'nginx and registry': (servers * cores) / seconds,
    ...(there !== undefined && {
      'the store’s network': there.bytes / image.bytes,
      'the store’s requests': there.requests / (image.requests * store.requests),
    }),
  }
}

/** Seconds in which 95 of 100 pulls end, if so many come each second. */
function wait(place: Place, arrivals: number): number {
  let seed = 1
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const parts = Object.entries(ends(place))
  // MB/s: what the servers have is for each of them, what the store has for all.
  const own =
    Math.min(...parts.filter(([name]) => !/store/.test(name)).map(([, rate]) => rate)) / place.servers
  const shared = Math.min(...parts.filter(([name]) => /store/.test(name)).map(([, rate]) => rate))
  const active = Array.from({ length: place.servers }, () => [] as { left: number; since: number }[])
  const ended: number[] = []
  const step = 0.1
  for (let time = 0; time < 1200; time += step) {
    for (let due = arrivals * step; random() < due; due -= 1)
      active[Math.floor(random() * place.servers)]?.push({ left: image.bytes, since: time })
    const all = active.reduce((sum, { length }) => sum + length, 0)
    active.forEach((pulls, server) => {
      const rate = Math.min(image.client, (own * image.bytes) / pulls.length, (shared * image.bytes) / all)
      for (const pull of pulls) pull.left -= rate * step
      ended.push(...pulls.filter(({ left }) => left <= 0).map(({ since }) => time + step - since))
      active[server] = pulls.filter(({ left }) => left > 0)
    })
  }
  const unfinished = active.flat().map(({ since }) => 1200 - since)
  return (
    [...ended, ...unfinished].sort((a, b) => a - b)[Math.floor((ended.length + unfinished.length) * 0.95)] ??
    0
  )
}

/** As AWS promises for a prefix, at 10 Gbit/s; and larger than anything here asks for. */
const aws = { bytes: 1250, requests: 5500 }
const large = { bytes: 50_000, requests: 50_000 }

const places: [string, Place][] = [
  ['1 server, its disk, 1 Gbit/s', { servers: 1, link: 125 }],
  ['1 server, its disk, 10 Gbit/s', { servers: 1, link: 1250 }],
  ['1 server, a store', { servers: 1, link: 125, store: aws }],
  ['3 servers, a store', { servers: 3, link: 125, store: aws }],
  ['10 servers, a store', { servers: 10, link: 125, store: aws }],
  ['20 servers, a store', { servers: 20, link: 125, store: aws }],
  [
    '20 servers of 10 Gbit/s, a store of 750 requests/s',
    { servers: 20, link: 1250, store: { ...large, requests: 750 } },
  ],
  ['20 servers of 25 Gbit/s, a store without limits', { servers: 20, link: 3125, store: large }],
]
console.log('| | pulls a minute | 95 of 100 end within | the limit |\n| --- | --- | --- | --- |')
for (const [name, place] of places) {
  const [part, most] = Object.entries(ends(place)).sort(([, a], [, b]) => a - b)[0] ?? ['', 0]
  // Below 80 % of what it could do; above, waits grow without end.
  const rate = most * 0.8
  console.log(`| ${name} | ${Math.round(rate * 60)} | ${wait(place, rate).toFixed(0)} s | ${part} |`)
}
