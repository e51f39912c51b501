import { isIP } from 'node:net'
import { parse } from 'yaml'
import type { Desired, Image, Mode, Target, User } from './desired.ts'
import { isHostname, parseKnownHosts } from './inputs/hosts.ts'
import { eventTags, type GitHubEvent, parseImages, parseTags } from './inputs/images.ts'
import { isEncrypted, repairKey } from './inputs/key.ts'
import { parseUsers } from './inputs/users.ts'

export interface Inputs {
  mode: Mode
  desired: Desired
  /** `undefined` in mode `push`, which needs no SSH. */
  target: Target | undefined
  images: Image[]
  /** Who logs in to push; `undefined` if the registry is open. */
  pushUser: User | undefined
}

/** Every mistake at once: one line each, beginning with the input’s name. */
export class InputError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} inputs need attention:\n${problems.map(each => `- ${each}`).join('\n')}`,
    )
    this.problems = problems
  }
}

const modes: readonly Mode[] = ['up', 'plan', 'push', 'renew', 'clean', 'down']

/** Modes and inputs that the interface has and this version hasn't. */
const notYet = {
  modes: ['renew', 'clean', 'down'],
  inputs: ['access', 'purge', 'acme-eab', 'certificate', 'certificate-key', 'keep'],
  flags: ['adopt', 'immutable'],
}

const acmeServers: Record<string, string> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
}

/** Folders that belong to the system: Berth wants one of its own. */
const systemFolders =
  /^\/(|bin|boot|dev|etc|home|lib\w*|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)$|^\/(bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr)\//

/**
 * Reads, checks and masks all inputs.
 *
 * `get` gives an input as it was written, `''` if absent; `secret` masks a text in the log from then on. Throws an
 * InputError that names every mistake.
 */
export function readInputs(
  get: (name: string) => string,
  secret: (text: string) => void,
  event: GitHubEvent,
): Inputs {
  const problems: string[] = []
  const problem = (name: string) => (message: string) => problems.push(`${name}: ${message}`)
  const text = (name: string) => get(name).trim()

  /** A value that must look a certain way; the offending value is shown, so never use it for a secret. */
  const checked = (name: string, value: string, good: (value: string) => boolean, form: string): string => {
    if (value !== '' && !good(value)) problem(name)(`${JSON.stringify(value)} is not ${form}`)
    return value
  }
  const flag = (name: string): boolean =>
    checked(
      name,
      text(name).toLowerCase(),
      value => ['true', 'false'].includes(value),
      '`true` or `false`',
    ) === 'true'
  const integer = (name: string, min: number, max: number): number =>
    Number(
      checked(
        name,
        text(name),
        value => /^\d{1,5}$/.test(value) && Number(value) >= min && Number(value) <= max,
        `a whole number from ${min} to ${max}`,
      ),
    )

  const mode = (checked(
    'mode',
    text('mode'),
    value => modes.some(each => each === value),
    `a mode; there are ${modes.join(', ')}`,
  ) || 'up') as Mode
  if (notYet.modes.includes(mode)) problem('mode')(`\`${mode}\` is not there yet in this version of Berth`)
  for (const name of [...notYet.inputs.filter(each => text(each) !== ''), ...notYet.flags.filter(flag)]) {
    problem(name)('is not there yet in this version of Berth')
  }

  const domain = checked(
    'domain',
    text('domain').toLowerCase(),
    value => isHostname(value) && value.includes('.') && isIP(value) === 0,
    'a domain name such as registry.example.com',
  )
  if (domain === '')
    problem('domain')('is missing; give the name of the registry, such as registry.example.com')

  const auth = checked(
    'auth',
    text('auth') || 'htpasswd',
    value => ['htpasswd', 'none'].includes(value),
    '`htpasswd` or `none`',
  )
  const users = auth === 'none' ? null : parseUsers(get('users'), problem('users'), secret)
  if (users?.length === 0 && !problems.some(each => each.startsWith('users:'))) {
    problem('users')(
      'is empty, and nobody could log in; is the secret that it comes from set, and may this workflow read it (a pull request from a fork may not)? One name:password a line; `auth: none` is for an open registry',
    )
  }

  const tags = parseTags(get('tags'), problem('tags'))
  const images = parseImages(get('image'), tags.length > 0 ? tags : eventTags(event), problem('image'))
  if (mode === 'push' && text('image') === '') problem('image')('is missing; name the image to push')
  if (images.some(image => image.tags.length === 0)) problem('tags')('are missing, and the event tells none')

  const pushName = text('push-user')
  const pushUser = pushName === '' ? users?.[0] : users?.find(({ name }) => name === pushName)
  if (pushName !== '' && users && !pushUser)
    problem('push-user')(`${JSON.stringify(pushName)} is not one of \`users\``)

  const acme = checked(
    'acme-server',
    acmeServers[text('acme-server') || 'letsencrypt'] ?? text('acme-server'),
    value => /^https:\/\/[\w.:[\]-]+(\/[\w./~%?=&-]*)?$/.test(value),
    '`letsencrypt`, `letsencrypt-staging` or an https:// URL',
  )
  const email = checked(
    'email',
    text('email'),
    value => /^[\w.!#%&*+/=?^{|}~][\w.!#%&*+/=?^{|}~-]*@[A-Za-z0-9.-]+$/.test(value),
    'an e-mail address',
  )
  const ca = text('ca') === '' ? undefined : `${text('ca').replaceAll('\r', '')}\n`
  if (ca !== undefined && !/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(ca)) {
    problem('ca')('holds no PEM certificate')
  }

  const desired: Desired = {
    domain,
    directory: checked(
      'directory',
      text('directory') || '/opt/berth',
      value => /^(\/[\w.@-]+)+$/.test(value) && !/\/\.\.?(\/|$)/.test(value) && !systemFolders.test(value),
      'an absolute path to a folder of Berth’s own, such as /opt/berth',
    ),
    install: flag('install'),
    registry: {
      image: checked(
        'registry-image',
        text('registry-image') || 'registry:3.1.2',
        value => /^[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?$/.test(value),
        'the reference of an image',
      ),
      port: integer('registry-port', 1, 65535),
      config: readConfig(get('registry-config'), problem('registry-config')),
    },
    users,
    acme: { server: acme, email: email || undefined, ca },
    renewBefore: integer('renew-before', 1, 365),
  }

  const target = mode === 'push' ? undefined : readTarget()
  if (problems.length > 0) throw new InputError(problems)
  return { mode, desired, target, images, pushUser }

  function readTarget(): Target {
    const isHost = (value: string) => isHostname(value) || isIP(value) !== 0
    const isUser = (value: string) => /^[A-Za-z_][\w.-]*$/.test(value)
    const { knownHosts, fingerprints } = parseKnownHosts(get('ssh-known-hosts'), problem('ssh-known-hosts'))
    const host = checked(
      'ssh-host',
      text('ssh-host').replace(/^\[(.*)\]$/, '$1') || domain,
      isHost,
      'a host name or an IP address',
    )
    const port = integer('ssh-port', 1, 65535)
    if (text('ssh-known-hosts') === '') {
      problem('ssh-known-hosts')(
        `is missing, and an unknown host is never trusted; run \`ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${host || 'HOST'}\` from where you trust the network, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on the server, and paste the lines`,
      )
    }
    const jump = checked(
      'ssh-jump',
      text('ssh-jump'),
      value => parseJump(value) !== undefined,
      'user@host or user@host:port',
    )
    const target: Target = {
      host,
      port,
      user: checked('ssh-user', text('ssh-user') || 'root', isUser, 'a user name'),
      key: '',
      passphrase: get('ssh-key-passphrase') || undefined,
      knownHosts,
      fingerprints,
      jump: parseJump(jump),
      sudoPassword: get('sudo-password') || undefined,
    }
    for (const each of [target.passphrase, target.sudoPassword]) if (each !== undefined) secret(each)
    if (text('ssh-key') === '') {
      problem('ssh-key')(
        'is missing; give a private key that may log in to the server. Is the secret that it comes from set, and may this workflow read it?',
      )
      return target
    }
    try {
      target.key = repairKey(get('ssh-key'))
      for (const each of target.key.split('\n')) if (each !== '' && !each.startsWith('-----')) secret(each)
      if (isEncrypted(target.key) && target.passphrase === undefined) {
        problem('ssh-key-passphrase')('is missing, and `ssh-key` is encrypted')
      }
    } catch (error) {
      problem('ssh-key')((error as Error).message)
    }
    return target
  }
}

function parseJump(text: string): Target['jump'] {
  const match = /^([A-Za-z_][\w.-]*)@(?:\[([0-9a-fA-F:.]+)\]|([^:@[\]]+))(?::(\d{1,5}))?$/.exec(text)
  if (!match) return undefined
  const [, user = '', ipv6, name, port] = match
  const host = ipv6 ?? name ?? ''
  return isHostname(host) || isIP(host) !== 0 ? { user, host, port: Number(port ?? 22) } : undefined
}

function readConfig(text: string, problem: (message: string) => void): Record<string, unknown> {
  if (text.trim() === '') return {}
  try {
    const config: unknown = parse(text)
    if (typeof config === 'object' && config !== null && !Array.isArray(config))
      return config as Record<string, unknown>
    problem('is not a YAML map')
  } catch (error) {
    problem(`is not YAML: ${(error as Error).message.split('\n')[0]}`)
  }
  return {}
}
