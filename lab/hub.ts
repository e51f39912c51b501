import { docker, tryDocker } from './engine.ts'
import * as images from './images.ts'
import { ensure, type Machine } from './machine.ts'
import { zone } from './network.ts'
import { until } from './process.ts'

export interface Hub extends Machine {
  /** The tags of `library/registry` that it has. Without 3.1.2 neither Docker Hub nor Go was there to get it from. */
  registryTags: string[]
  /** Its address on this machine, such as http://127.0.0.1:32768. */
  url: string
  /** Pushes an image of this machine's engine as `library/NAME:TAG`. */
  add(image: string, name: string): Promise<void>
}

/** The registry that serves as Docker Hub's mirror, with `library/registry` and `library/busybox` in it. */
export async function hub(): Promise<Hub> {
  const registries = await images.registries()
  const machine = await ensure({
    name: 'hub',
    kind: 'hub',
    domain: `hub.${zone}`,
    image: registries['2.8.3'] ?? Object.values(registries)[0] ?? '',
    // The engine pushes through this port: it trusts plain HTTP on loopback only.
    flags: ['--publish', '127.0.0.1::5000'],
  })
  const port = (await docker('port', machine.container, '5000/tcp')).split('\n')[0]?.split(':').at(-1)
  const url = `http://127.0.0.1:${port}`
  await until('The hub serves', 30, () =>
    fetch(`${url}/v2/`).then(
      response => response.ok,
      () => false,
    ),
  )

  const add = async (image: string, name: string) => {
    const target = `127.0.0.1:${port}/library/${name}`
    await docker('tag', image, target)
    await docker('push', '--quiet', target)
    await tryDocker(['rmi', target])
  }
  const wanted = Object.entries(registries).map(([tag, image]) => [`registry:${tag}`, image] as const)
  for (const [name, image] of [...wanted, ['busybox:latest', await images.busybox()] as const]) {
    const [repository, tag] = name.split(':')
    const accept = 'application/vnd.docker.distribution.manifest.v2+json'
    const path = `/v2/library/${repository}/manifests/${tag}`
    const there = await fetch(url + path, { method: 'HEAD', headers: { accept } })
    if (!there.ok) await add(image, name)
  }
  return Object.assign(machine, { registryTags: Object.keys(registries), url, add })
}
