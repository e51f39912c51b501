import { brake } from './brake/brake.ts'
import { certificate } from './certificate/certificate.ts'
import { guard } from './guard/guard.ts'
import { packages } from './packages/packages.ts'
import { page } from './page/page.ts'
import { registry } from './registry/registry.ts'
import { renewal } from './renewal/renewal.ts'
import type { Resource } from './resource.ts'
import { site } from './site/site.ts'
import { users } from './users/users.ts'

/** All that Berth owns on a server, each after what it depends on. */
export const resources: Resource[] = [
  packages,
  users,
  registry,
  certificate,
  brake,
  page,
  site,
  renewal,
  guard,
]
