/** What the user asks for, after parsing and validation: the left-hand side of every plan. */

export interface Credentials {
  name: string
  /** Plain text, at most 72 bytes, because bcrypt ignores the rest. It never leaves the runner but for a login. */
  password: string
}

export interface User extends Credentials {
  /** Whether a machine made it, out of at least 128 bits of chance. */
  strong: boolean
}

/** PEM, checked: the chain from the server’s own certificate upwards, and its private key. */
export interface OwnCertificate {
  chain: string
  key: string
}

/**
 * Patterns of repositories, such as `team/app`, `team/*` or `**`. Who may push may pull as well.
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

/** `ci+next` is a second password of `ci`. An address such as `me+x@example.com` is nobody's second. */
export function ownerOf(name: string): string {
  return /^(.+)\+[\w.-]+$/.exec(name)?.[1] ?? name
}

export interface Desired {
  domain: string
  /** Absolute path on the server. */
  directory: string
  /** Whether Berth may install packages. */
  install: boolean
  registry: {
    /** Reference of a registry 2.8 or 3.x image. */
    image: string
    /** Merged over the config.yml that Berth writes. */
    config: Record<string, unknown>
  }
  /** `null` is an open registry: nobody has to log in. */
  users: User[] | null
  /** `undefined` lets every user pull and push everything. */
  access: Access | undefined
  /** 32 secret bytes that the server never sees, to recognise what Berth itself wrote there; `undefined` without SSH. */
  sealKey: Uint8Array | undefined
  acme: {
    /** URL of the ACME directory. */
    server: string
    email: string | undefined
    /** PEM bundle of a private authority, trusted besides the system's own. */
    ca: string | undefined
    /** External account binding; the key is in base64url. */
    eab: { kid: string; hmac: string } | undefined
  }
  /** Whether a registry that was set up by hand is taken over. */
  adopt: boolean
  /** The port of the server’s sshd; `undefined` without SSH. */
  sshPort: number | undefined
  /** Whether `down` deletes images and users too. */
  purge: boolean
  /** Brought by the user, instead of one by ACME. */
  certificate: OwnCertificate | undefined
  /** Days of validity under which a certificate is due. */
  renewBefore: number
}

/** How to reach the server. */
export interface Target {
  host: string
  port: number
  user: string
  /** Private key, repaired; ends with a newline. */
  key: string
  passphrase: string | undefined
  /** Whether the key is seen to be whole and needs no passphrase: ssh can’t fail to open it. */
  plainKey: boolean
  /** known_hosts lines. */
  knownHosts: string[]
  /** Host keys by their fingerprints, each of one host: `HOST SHA256:…`, with the host as known_hosts has it. */
  fingerprints: string[]
  jump: { user: string; host: string; port: number } | undefined
  sudoPassword: string | undefined
}

/** Where an image to push comes from: the runner’s Docker, or a file or folder, as skopeo names them. */
export type Source =
  | { kind: 'docker'; name: string }
  /** `path`: whichever of the others is found there. `reference` is one of several images inside. */
  | { kind: 'path' | 'oci' | 'oci-archive' | 'docker-archive'; path: string; reference: string | undefined }

/** One image to push. */
export interface Image {
  source: Source
  /** `undefined` is the name that the archive gives itself. */
  repository: string | undefined
  tags: string[]
}

export type Mode = 'up' | 'plan' | 'push' | 'renew' | 'clean' | 'down'

/** Whether `registry-config` brings a way to log in of its own, in which case nginx only passes on. */
export function ownAuth({ registry }: Pick<Desired, 'registry'>): boolean {
  const { auth } = registry.config
  return typeof auth === 'object' && auth !== null
}
