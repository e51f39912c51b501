import type { Line } from '../line.ts'
import { home, type Stage } from '../stage.ts'

const rounds = 5

/** Ten images that share all layers but one each, beside one image with all of them; mode `push`, the whole process. */
export async function shared(stage: Stage): Promise<Line[]> {
  await stage.converge()
  return [
    // As a workflow's images are: a base and its packages, and an application each.
    await compare(stage, '5 shared layers of 8 MB', { name: 'large', layers: 6, kilobytes: 8192 }),
    // As bad as it gets: next to nothing to send, so that requests are all there is.
    await compare(stage, '19 shared layers of 1 kB', { name: 'small', layers: 20, kilobytes: 1 }),
  ]
}

async function compare(
  stage: Stage,
  what: string,
  { name, layers, kilobytes }: { name: string; layers: number; kilobytes: number },
): Promise<Line> {
  const of = (all: number, images: number) => `${all} ${images} ${kilobytes} | docker load -q`
  await stage.runner.sh(
    `set -e; for round in $(seq 99 ${99 + rounds}); do
node ${home}/image.mjs ${name}ten$round ${of(layers, 10)}; node ${home}/image.mjs ${name}one$round ${of(layers + 9, 1)}; done`,
    { user: 'runner', timeout: 600 },
  )
  const names = Array.from(
    { length: 10 },
    (_, index) => `${name}ten{round}-${index} => ${name}ten{round}/app${index}`,
  )
  const mode = { mode: 'push', tags: 'latest' }
  const ten = await stage.step({ ...mode, image: names.join('\n') })
  const one = await stage.step({ ...mode, image: `${name}one{round} => ${name}one{round}/app` })
  const [ours = [], theirs = []] = await stage.clock([ten, one], rounds)
  await stage.runner.sh(`docker images -q --filter reference='${name}*' | sort -u | xargs -r docker rmi -f`, {
    user: 'runner',
  })
  const work = `push of 10 images of ${what}`
  return { work, beside: 'one image with all their layers', ours, theirs, mark: { at: 'most', ratio: 1.3 } }
}
