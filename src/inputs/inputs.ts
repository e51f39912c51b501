import { isIPv4 } from 'node:net'
import { type Desired, type Image, type Mode, onDisk, ownAuth, type Target, type User } from '../desired.ts'
import { type Failure, InputError } from '../failure.ts'
import { readAccess } from './access.ts'
import { readAcme } from './acme.ts'
import { readCertificate } from './certificate.ts'
import { type Cleaning, readCleaning } from './clean.ts'
import { readShared, sealKey } from './derived.ts'
import type { GitHubEvent } from './event.ts'
import { foreignLetters, isHostname } from './hosts.ts'
import { readImages } from './images.ts'
import { readPage } from './page.ts'
import { Reader } from './reader.ts'
import { readRegistry } from './registry.ts'
import { readTargets } from './target.ts'
import { readLogin, readPushUser, readUsers } from './users.ts'

export interface Inputs extends Cleaning {
  mode: Mode
  desired: Desired
  /** The servers; none in mode `push`, unless it pushes through SSH. */
  targets: readonly Target[]
  images: Image[]
  /** Whether a tag that exists with another digest must not move. */
  immutable: boolean
  /** Who logs in to push; `undefined` if the registry is open. */
  pushUser: User | undefined
  /** Whether this job’s Docker stays logged in as that user. */
  login: boolean
  /** Whether images go through SSH, past whatever is in front of the registry. */
  throughSsh: boolean
  /** For what Berth writes on GitHub. */
  githubToken: string | undefined
  /** What is allowed but perhaps not meant, each beginning with the input’s name. */
  warnings: readonly Failure[]
  /** What is right and good to know, each beginning with the input’s name. */
  notes: readonly string[]
}

const modes = ['up', 'plan', 'push', 'renew', 'clean', 'down'] as const satisfies readonly Mode[]

/**
 * Reads, checks and masks all inputs.
 *
 * `get` gives an input as it was written, `''` if absent; `secret` masks a text in the log from then on. Throws an
 * InputError that names every mistake.
 *
 * What only some inputs need, above all YAML, is loaded only for them: loading it takes a third as long as starting Node, and ssh
 * would have to wait.
 */
export async function readInputs(
  get: (name: string) => string,
  secret: (text: string) => void,
  event: GitHubEvent,
): Promise<Inputs> {
  const reader = new Reader(get, secret)
  const mode = reader.choice('mode', modes)
  const domain = readDomain(reader, mode)
  const throughSsh = reader.choice('push-through', ['https', 'ssh']) === 'ssh'
  const targets = mode === 'push' && !throughSsh ? [] : readTargets(reader, domain)
  const [target] = targets
  const needsUsers =
    mode !== 'renew' &&
    mode !== 'clean' &&
    !(mode === 'push' && throughSsh && reader.text('login') !== 'true')
  const users = mode === 'down' ? null : readUsers(reader, needsUsers, domain)
  const registry = await readRegistry(reader)
  const desired: Desired = {
    domain,
    directory: readDirectory(reader),
    install: reader.flag('install'),
    registry,
    users,
    access: mode === 'down' ? undefined : await readAccess(reader, users, registry),
    page: readPage(reader, registry),
    sealKey: target && sealKey(target.key),
    shared: readShared(reader, targets, domain),
    acme: readAcme(reader, mode),
    certificate: readCertificate(reader, domain, Date.now()),
    adopt: reader.flag('adopt'),
    sshPort: target?.port,
    purge: readPurge(reader, mode, domain),
    renewBefore: reader.integer('renew-before', 1, 365),
  }
  if (
    targets.length > 1 &&
    ['up', 'plan'].includes(mode) &&
    onDisk({ registry }) &&
    !reader.failed('registry-config') &&
    !reader.failed('s3-bucket')
  )
    reader.mistake('ssh-host')(
      `has ${targets.length} servers, and each would have images of its own on its disk; keep them in object storage (\`s3-bucket\`), or give one server`,
    )
  if (throughSsh && ownAuth({ registry }))
    reader.mistake('push-through')(
      '`ssh` goes straight to the registry, but `registry-config` makes the registry ask for logins itself; omit one of them',
    )
  const inputs: Inputs = {
    mode,
    desired,
    targets,
    images: readImages(reader, mode, domain, event),
    immutable: reader.flag('immutable'),
    pushUser: readPushUser(reader, users),
    throughSsh,
    login: readLogin(reader, mode, users),
    githubToken: readToken(reader),
    ...(await readCleaning(reader, mode)),
    warnings: reader.warnings,
    notes: reader.notes,
  }
  if (reader.mistakes.length > 0) throw new InputError(reader.mistakes)
  return inputs
}

/** A Unix socket’s path has at most 107 bytes, and one on the server has the domain in it: /run/berth-brake-DOMAIN/log.sock. */
const maxDomain = 81

function readDomain(reader: Reader, mode: Mode): string {
  const domain = reader.text('domain').toLowerCase()
  if (domain === '')
    reader.mistake('domain')('is missing; give the name of the registry, such as registry.example.com')
  const foreign = foreignLetters(domain)
  if (foreign !== undefined) {
    reader.mistake('domain')(foreign)
    return domain
  }
  // As it is copied from a browser or from a zone file.
  const name = domain.replace(/^https?:\/\//, '').replace(/[./]$/, '')
  if (name !== domain && isDomain(name)) {
    reader.mistake('domain')(`is ${JSON.stringify(domain)}; write the name alone, ${name}`)
    return name
  }
  // What an earlier run has left under such a name can be taken away.
  const unfit = isDomain(domain) && mode !== 'down' ? unfitName(domain) : undefined
  if (unfit !== undefined) reader.mistake('domain')(unfit)
  return reader.checked('domain', domain, isDomain, 'a domain name such as registry.example.com')
}

/** Why no registry can have a name that DNS may have; `undefined` if one can. */
function unfitName(domain: string): string | undefined {
  if (domain.includes('_'))
    return `${domain} has an underscore, which Docker does not allow in a registry’s name, and for which no public authority issues a certificate; choose a name without one`
  if (domain.length > maxDomain)
    return `has ${domain.length} characters, and a registry’s name can have at most ${maxDomain}, because paths on the server contain it; choose a shorter one`
  return undefined
}

/** An IPv6 address is no hostname anyway. */
function isDomain(value: string): boolean {
  return isHostname(value) && value.includes('.') && !isIPv4(value)
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

/** A Unix socket’s path has at most 107 bytes, and some 25 are needed below the folder. */
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

function readToken(reader: Reader): string | undefined {
  const token = reader.text('github-token')
  if (token !== '') reader.secret(token)
  return token || undefined
}
