import type { Image, User } from './desired.ts'
import type { Docker } from './docker.ts'
import type { Endpoint } from './endpoint.ts'

/** What the registry has after a push. */
export interface Pushed {
  repository: string
  tags: string[]
  digest: string
}

/** Pushes each image under each of its tags, and asks the registry what it has now. */
export async function publish(
  docker: Docker,
  endpoint: Endpoint,
  domain: string,
  images: readonly Image[],
  user: User | undefined,
  onLine: (line: string) => void,
): Promise<Pushed[]> {
  if (user) await docker.login(domain, user)
  const pushed: Pushed[] = []
  for (const { source, repository, tags } of images) {
    for (const tag of tags) {
      const digest = await docker.push(source, `${domain}/${repository}:${tag}`, onLine)
      const found = await endpoint.digest(repository, tag, user)
      if (found !== digest) {
        throw new Error(
          `${domain}/${repository}:${tag} was pushed as ${digest}, and the registry has ${found ?? 'no such tag'}; is another workflow pushing the same tag?`,
        )
      }
      const same = pushed.find(each => each.repository === repository && each.digest === digest)
      if (same) same.tags.push(tag)
      else pushed.push({ repository, tags: [tag], digest })
    }
  }
  return pushed
}
