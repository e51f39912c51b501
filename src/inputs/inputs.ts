import { isIP } from 'node:net'
import {
  type Access,
  type Desired,
  type Image,
  type Mode,
  ownAuth,
  type Target,
  type User,
} from '../desired.ts'
import type { Failure } from '../failure.ts'
import { readAcme } from './acme.ts'
import { readCertificate } from './certificate.ts'
import { isHostname } from './hosts.ts'
import { eventTags, type GitHubEvent, parseImages, parseTags } from './images.ts'
import { Reader } from './reader.ts'
import { readRegistry } from './registry.ts'
import { readTarget } from './target.ts'
import { parseUsers, sealKey } from './users.ts'

export interface Inputs {
  mode: Mode
  desired: Desired
  /** `undefined` in mode `push`, which needs no SSH. */
  target: Target | undefined
  images: Image[]
  /** Whether a tag that exists with another digest stays. */
  immutable: boolean
  /** Who logs in to push; `undefined` if the registry is open. */
  pushUser: User | undefined
  /** For what Berth writes on GitHub. */
  githubToken: string | undefined
  /** What is allowed and perhaps not meant, each beginning with the input’s name. */
  warnings: readonly Failure[]
}

/** Every mistake, each beginning with the input’s name. */
export class InputError extends Error {
  readonly mistakes: readonly Failure[]

  constructor(mistakes: readonly Failure[]) {
    super(mistakes.map(({ message }) => message).join('\n'))
    this.mistakes = mistakes
  }
}

const modes = ['up', 'plan', 'push', 'renew', 'clean', 'down'] as const satisfies readonly Mode[]

/** Modes and inputs that the interface has and this version hasn't. */
const notYet = {
  modes: ['clean'],
  inputs: ['keep'],
}

/**
 * Reads, checks and masks all inputs.
 *
 * `get` gives an input as it was written, `''` if absent; `secret` masks a text in the log from then on. Throws an
 * InputError that names every mistake.
 *
 * What only some inputs need, YAML most of all, is loaded only for them: it takes a third as long as Node itself to start, and
 * ssh waits for it.
 */
export async function readInputs(
  get: (name: string) => string,
  secret: (text: string) => void,
  event: GitHubEvent,
): Promise<Inputs> {
  const reader = new Reader(get, secret)
  const mode = reader.choice('mode', modes)
  refuse(reader, mode)
  const domain = readDomain(reader)
  const target = mode === 'push' ? undefined : readTarget(reader, domain)
  const users = mode === 'down' ? null : readUsers(reader, mode, domain)
  const registry = await readRegistry(reader)
  const desired: Desired = {
    domain,
    directory: readDirectory(reader),
    install: reader.flag('install'),
    registry,
    users,
    access: mode === 'down' ? undefined : await readAccess(reader, users, registry),
    sealKey: target && sealKey(target.key),
    acme: readAcme(reader),
    certificate: readCertificate(reader, domain, Date.now()),
    adopt: reader.flag('adopt'),
    sshPort: target?.port,
    purge: readPurge(reader, mode, domain),
    renewBefore: reader.integer('renew-before', 1, 365),
  }
  const inputs: Inputs = {
    mode,
    desired,
    target,
    images: readImages(reader, mode, event),
    immutable: reader.flag('immutable'),
    pushUser: readPushUser(reader, users),
    githubToken: readToken(reader),
    warnings: reader.warnings,
  }
  if (reader.mistakes.length > 0) throw new InputError(reader.mistakes)
  return inputs
}

function refuse(reader: Reader, mode: Mode): void {
  const given = notYet.inputs.filter(each => reader.text(each) !== '')
  for (const name of given) reader.mistake(name)('is not there yet in this version of Berth')
  if (notYet.modes.includes(mode))
    reader.mistake('mode')(`\`${mode}\` is not there yet in this version of Berth`)
}

function readDomain(reader: Reader): string {
  const domain = reader.text('domain').toLowerCase()
  if (domain === '')
    reader.mistake('domain')('is missing; give the name of the registry, such as registry.example.com')
  return reader.checked(
    'domain',
    domain,
    value => isHostname(value) && value.includes('.') && isIP(value) === 0,
    'a domain name such as registry.example.com',
  )
}

function readPurge(reader: Reader, mode: Mode, domain: string): boolean {
  const purge = reader.text('purge')
  if (purge === '') return false
  if (mode !== 'down') reader.mistake('purge')('is only for mode `down`')
  if (purge !== domain)
    reader.mistake('purge')(`must be the domain, ${domain}, for every image to be deleted`)
  return true
}

/** Folders that belong to the system: Berth wants one of its own. */
const systemFolder =
  /^\/(|home|media|mnt|opt|root|srv|tmp|var|var\/(lib|log|run|cache|www))$|^\/(bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr)(\/|$)/

/** A Unix socket’s path has at most 107 bytes, and below the folder some 25 are needed. */
const maxDirectory = 80

function readDirectory(reader: Reader): string {
  return reader.checked(
    'directory',
    reader.text('directory') || '/opt/berth',
    value =>
      /^(\/[\w.@-]+)+$/.test(value) &&
      !/\/\.\.?(\/|$)/.test(value) &&
      !systemFolder.test(value) &&
      value.length <= maxDirectory,
    `an absolute path to a folder of Berth’s own, such as /opt/berth, of at most ${maxDirectory} characters`,
  )
}

function readUsers(reader: Reader, mode: Mode, domain: string): User[] | null {
  if (reader.choice('auth', ['htpasswd', 'none']) === 'none') {
    reader.warning('auth')(
      `\`none\` makes an open registry: whoever reaches ${domain} may pull, push and delete images, and \`users\` counts for nothing`,
    )
    return null
  }
  const users = parseUsers(
    reader.raw('users'),
    reader.mistake('users'),
    reader.secret,
    reader.warning('users'),
  )
  if (users.length === 0 && mode !== 'renew' && !reader.failed('users')) {
    reader.mistake('users')(
      'is empty, and nobody could log in; is the secret that it comes from set, and may this workflow read it (a pull request from a fork may not)? Give one name:password a line, or `auth: none` for an open registry',
    )
  }
  return users
}

function readToken(reader: Reader): string | undefined {
  const token = reader.text('github-token')
  if (token !== '') reader.secret(token)
  return token || undefined
}

async function readAccess(
  reader: Reader,
  users: User[] | null,
  registry: Desired['registry'],
): Promise<Access | undefined> {
  const text = reader.raw('access')
  if (text.trim() === '') return undefined
  if (ownAuth({ registry })) {
    reader.mistake('access')(
      'needs users whom nginx lets in, and `registry-config` brings an `auth` of its own; omit one of them',
    )
    return undefined
  }
  if (users === null) {
    reader.mistake('access')('needs users to give rights to, and `auth: none` has none')
    return undefined
  }
  // Which names are wrong can be told only when it is known which are right.
  if (reader.failed('users')) return undefined
  const { parseAccess } = await import('./access.ts')
  return parseAccess(text, users, reader.mistake('access'), reader.warning('access'))
}

function readImages(reader: Reader, mode: Mode, event: GitHubEvent): Image[] {
  const tags = parseTags(reader.raw('tags'), reader.mistake('tags'))
  const images = parseImages(
    reader.raw('image'),
    tags.length > 0 ? tags : eventTags(event),
    event.owner,
    reader.mistake('image'),
  )
  if (mode === 'push' && reader.text('image') === '')
    reader.mistake('image', 'input')('is missing; name the image to push')
  if (images.some(image => image.tags.length === 0))
    reader.mistake('tags', 'input')('is empty, and the event gives no tags')
  return images
}

function readPushUser(reader: Reader, users: User[] | null): User | undefined {
  const name = reader.text('push-user')
  if (name === '') return users?.[0]
  const user = users?.find(each => each.name === name)
  if (users && !user) reader.mistake('push-user')(`${JSON.stringify(name)} is not one of \`users\``)
  return user
}
