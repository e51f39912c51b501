import type { Line } from '../line.ts'
import { home, type Stage } from '../stage.ts'

const rounds = 5

/** Ten images that share 19 layers and have one each, beside one image with all 29; mode `push`, the whole process. */
export async function shared(stage: Stage): Promise<Line[]> {
  await stage.converge()
  await stage.runner.sh(
    `set -e; for round in $(seq 99 ${99 + rounds}); do
node ${home}/image.mjs ten$round 20 10 | docker load -q; node ${home}/image.mjs one$round 29 | docker load -q; done`,
    { user: 'runner', timeout: 600 },
  )
  const names = Array.from({ length: 10 }, (_, index) => `ten{round}-${index} => ten{round}/app${index}`)
  const mode = { mode: 'push', tags: 'latest' }
  const ten = await stage.step({ ...mode, image: names.join('\n') })
  const one = await stage.step({ ...mode, image: 'one{round} => one{round}/app' })
  const [ours = [], theirs = []] = await stage.clock([ten, one], rounds)
  await stage.runner.sh(
    `docker images -q --filter reference='ten*' --filter reference='one*' | sort -u | xargs -r docker rmi -f`,
    {
      user: 'runner',
    },
  )
  const work = 'push of 10 images of shared layers'
  return [{ work, beside: 'one image with all their layers', ours, theirs, mark: { at: 'most', ratio: 1.3 } }]
}
