import { isObject } from './json.ts'

/** What the user asks for, after parsing and validation: the left-hand side of every plan. */

export interface Credentials {
  name: string
  /** Plain text, at most 72 bytes, because bcrypt ignores the rest. It leaves the runner only for a login. */
  password: string
}

export interface User extends Credentials {
  /** Whether it was made by a machine, with at least 128 random bits. */
  strong: boolean
}

/** PEM, checked: the chain from the server’s own certificate upwards, and its private key. */
export interface OwnCertificate {
  chain: string
  key: string
}

/**
 * Patterns of repositories, such as `team/app`, `team/*` or `**`. Whoever may push may pull as well.
 */
export interface Rights {
  pull: string[]
  push: string[]
}

/** Rights by user; `*` is every user without a rule of its own. */
export type Access = ReadonlyMap<string, Rights>

/** The rights of a user: by a rule of its own, by that of `NAME` for `NAME+anything`, or by that for all others. */
export function rightsOf(name: string, access: Access): Rights {
  return access.get(name) ?? access.get(ownerOf(name)) ?? access.get('*') ?? { pull: [], push: [] }
}

/** `ci+next` is a second password of `ci`. An address such as `me+x@example.com` is nobody's second password. */
export function ownerOf(name: string): string {
  return /^(.+)\+[\w.-]+$/.exec(name)?.[1] ?? name
}

/** What stays in the repositories that a pattern matches. A tag stays if any line of the rule keeps it. */
export interface KeepRule {
  /** Of repositories, as in `access`. */
  pattern: string
  /** Tags that always stay; `*` is any part of a name. */
  tags: string[]
  /** How many of the tags pushed last stay. */
  last: number | undefined
  /** Days for which a tag stays after it was pushed. */
  days: number | undefined
  /** Days for which it stays after it was pulled. */
  pulled: number | undefined
  /** Days for which an image without a tag stays. */
  untagged: number | undefined
  /** Whether a repository may end up empty. */
  empty: boolean
}

/** The first rule that matches a repository counts; one that none matches is kept whole. */
export type Keep = readonly KeepRule[]

export interface AcmeDns {
  /** `hook`, or one of certbot’s plugins by its name without `dns-`. */
  name: string
  /** The plugin’s own file, or the script of `hook`. */
  credentials: string | undefined
}

/** A bucket in object storage that keeps the images. */
export interface Bucket {
  name: string
  /** Where in the bucket: empty, or a path that begins with a slash. */
  folder: string
  region: string
  /** URL without a path; `undefined` for AWS. */
  endpoint: string | undefined
  accessKey: string
  secretKey: string
  /** Whether clients are sent to the storage for layers, instead of getting them through the server. */
  redirect: boolean
}

/**
 * The registry that Berth is tested with. Its digest makes it the same on every server, wherever the tag moves.
 * action.yml has it too, and so has .github/registry/Dockerfile, where Dependabot proposes the next one.
 */
export const defaultImage =
  'registry:3.1.2@sha256:ddf754342cfc8acc51a56d5d0ab6af06826461864460636d8bd5c546dab2a7b8'

/** What several servers of one registry share. */
interface Shared {
  /** Where the others are, as this server reaches them: names or IP addresses. */
  peers: readonly string[]
  /** Signs uploads in progress, which may continue on another server. */
  secret: string
}

export interface Desired {
  domain: string
  /** Absolute path on the server. */
  directory: string
  /** Whether Berth may install packages. */
  install: boolean
  registry: {
    /** Reference of a registry 2.8 or 3.x image; `defaultImage` unless the user chose another. */
    image: string
    /** Merged over the config.yml that Berth writes. */
    config: Record<string, unknown>
    /** `undefined` keeps images on the server’s disk, or where `config` says. */
    bucket?: Bucket | undefined
  }
  /** `null` is an open registry: nobody has to log in. */
  users: User[] | null
  /** `undefined` lets every user pull and push everything. */
  access: Access | undefined
  /** Whether there is a page to browse. */
  page: boolean
  /** 32 secret bytes that the server never sees. With them Berth recognizes what it wrote there. `undefined` without SSH. */
  sealKey: Uint8Array | undefined
  acme: {
    /** URL of the ACME directory. */
    server: string
    email: string | undefined
    /** PEM bundle of a private authority, trusted besides the system's own. */
    ca: string | undefined
    /** External account binding; the key is in base64url. */
    eab: { kid: string; hmac: string } | undefined
    /** Set if a record in DNS answers the authority; otherwise a file on port 80 does. */
    dns?: AcmeDns | undefined
  }
  /** `undefined` if there is only one server. */
  shared?: Shared | undefined
  /** Whether a registry that was set up by hand is taken over. */
  adopt: boolean
  /** The port at which the runner reaches the server’s sshd, which may listen on another behind a port forward; `undefined` without SSH. */
  sshPort: number | undefined
  /** Whether `down` deletes images and users too. */
  purge: boolean
  /** The user’s own, instead of one by ACME. */
  certificate: OwnCertificate | undefined
  /** A certificate is renewed when it is valid for fewer days than this. */
  renewBefore: number
}

/** How to reach a server. */
export interface Target {
  host: string
  port: number
  /** The name or IP address at which the registry’s other servers reach it. */
  address: string
  user: string
  /** Private key, repaired; ends with a newline. */
  key: string
  passphrase: string | undefined
  /** Whether the key was found to be complete and needs no passphrase, so that ssh can’t fail to open it. */
  plainKey: boolean
  /** known_hosts lines. */
  knownHosts: string[]
  /** Fingerprints of host keys, each as `HOST SHA256:…`, with the host written as in known_hosts. */
  fingerprints: string[]
  jump: { user: string; host: string; port: number } | undefined
  sudoPassword: string | undefined
}

/** Where an image to push comes from: the runner’s Docker, or a file or folder, as skopeo names them. */
export type Source =
  | { kind: 'docker'; name: string }
  /** `path` is whichever of the others is found there. `reference` chooses one of several images inside. */
  | { kind: 'path' | 'oci' | 'oci-archive' | 'docker-archive'; path: string; reference: string | undefined }

/** One image to push. */
export interface Image {
  source: Source
  /** `undefined` for the name that the archive gives itself. */
  repository: string | undefined
  tags: string[]
}

export type Mode = 'up' | 'plan' | 'push' | 'renew' | 'clean' | 'down'

/** Whether `registry-config` has a login of its own. Then nginx checks no passwords and only passes requests on. */
export function ownAuth({ registry }: Pick<Desired, 'registry'>): boolean {
  const { auth } = registry.config
  return typeof auth === 'object' && auth !== null
}

/** Whether images are kept on the server’s disk, not in a bucket or in another storage that `registry-config` names. */
export function onDisk({ registry }: Pick<Desired, 'registry'>): boolean {
  const { storage } = registry.config
  if (storage !== undefined && !isObject(storage)) return false
  const filesystem = storage?.filesystem
  return registry.bucket ? isObject(filesystem) : filesystem !== null
}
