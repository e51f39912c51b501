import type { Line } from '../line.ts'
import { home, password, type Stage } from '../stage.ts'

/** Requests for whether a layer is there, without the cache that registries usually have of that, and with it. */
export async function cache(stage: Stage): Promise<Line[]> {
  const { runner, server } = stage
  await stage.converge()
  await server.write('/root/fill.sh', await runner.read(`${home}/fill.sh`))
  await server.sh('sh /root/fill.sh 1 1')
  const layer = await server.sh(
    'ls /opt/berth/data/docker/registry/v2/repositories/fill/app1/_layers/sha256 | head -n 1',
  )
  const cached = { 'registry-config': 'storage: { cache: { blobdescriptor: inmemory } }' }
  const url = `https://${server.domain}/v2/fill/app1/blobs/sha256:${layer.trim()}`
  const rates = async (inputs: Record<string, string>) => {
    await stage.converge(inputs)
    const ask = `node ${home}/load.mjs ${url} ${home}/ca.pem 8 2000 HEAD`
    return Number(await runner.sh(ask, { user: 'runner', input: `user0:${password}` }))
  }
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < 7; round++) {
    ours.push(await rates({}))
    theirs.push(await rates(cached))
  }
  await stage.converge()
  return [
    {
      work: 'HEAD of a layer, 8 connections',
      beside: 'the same with the cache `inmemory`, as before',
      ...{ ours, theirs, unit: '/s' },
    },
  ]
}
