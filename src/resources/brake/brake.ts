import { type Desired, ownAuth } from '../../desired.ts'
import type { ServerFile, Unit } from '../../server/facts.ts'
import { library, notice } from '../../shell.ts'
import { htpasswdFile, prefix } from '../names.ts'
import { change, fileChanges, resource } from '../resource.ts'

interface Brake {
  script: ServerFile | undefined
  unit: ServerFile | undefined
  /** Whether it runs, and will after a reboot. */
  watching: boolean
  /** Whether nginx’s workers can enter its folder. Otherwise nginx takes it for not running, and slows nobody down. */
  reachable: boolean
}

/**
 * Slows down password guessing. The site limits requests with credentials that were not yet seen to be right, before nginx checks
 * the password. A service tells nginx which credentials were right.
 */
export const brake = resource<Brake>({
  name: 'brake',

  units: ({ domain }) => [`${unit(domain)}.service`],

  probe: ({ domain, directory }) => [['brake_probe', unit(domain), directory]],

  read: (facts, { domain }) => ({
    script: facts.file('brake.script'),
    unit: facts.file('brake.unit'),
    watching: isWatching(facts.unit(`${unit(domain)}.service`)),
    reachable: ['', facts.get('site.group')].includes(facts.get('brake.group')),
  }),

  steps(desired, seen) {
    const { domain, directory } = desired
    const service = `${unit(domain)}.service`
    if (!isLocked(desired)) return seen.unit === undefined ? [] : [release(desired)]
    const script = `#!/usr/bin/perl\n${notice}\n${library('resources/brake/watcher.pl')}`
    const content = serviceUnit(desired)
    const changes = [
      ...fileChanges(`${directory}/watcher.pl`, seen.script, script, '644'),
      ...fileChanges(service, seen.unit, content, '644'),
      ...(seen.unit && !seen.watching ? change(true, `start ${service}`) : []),
      ...(seen.unit && !seen.reachable ? change(true, `restart ${service}, which nginx can’t reach`) : []),
    ]
    if (changes.length === 0) return []
    return [{ resource: 'brake', changes, call: ['brake_up', unit(domain), directory, script, content] }]
  },

  removal: (desired, seen) => (seen.unit === undefined ? [] : [release(desired)]),
})

function release({ domain, directory }: Desired) {
  const changes = [{ action: 'delete' as const, summary: `${unit(domain)}.service` }]
  return { resource: 'brake', changes, call: ['brake_down', unit(domain), directory] as const }
}

type Guarded = Pick<Desired, 'domain' | 'directory' | 'users' | 'registry'>

/** Whether nginx asks for passwords: the registry is not open, and does not ask itself. */
export function isLocked(desired: Pick<Desired, 'users' | 'registry'>): boolean {
  return desired.users !== null && !ownAuth(desired)
}

/**
 * How many passwords may be tried: by one address, or one /64 network, 20 at once and then one a second; and by all together, of
 * users whose password takes up to 25 ms to check, 20 at once and then ten a second.
 */
const guesses = { rate: '1r/s', burst: 20 }
const slowGuesses = { rate: '10r/s', burst: 20 }

/** Makes the digits of a hash by which credentials are told apart: a text for each digit, so that the digits differ. */
const digits = Array.from({ length: 8 }, (_, index) => `digit ${index}${'.'.repeat(index % 4)}|`)

/** What belongs before the site's servers. */
export function brakeMaps({ domain }: Guarded): string {
  const id = prefix(domain)
  const hash = digits.map((_, index) => `$${id}_${index}`).join('')
  return `# Who guesses is an IPv4 address or an IPv6 network: in binary, so that no spelling can go wrong.
map $binary_remote_addr $${id}_network {
    default $binary_remote_addr;
    "~(?s)\\A(?<${id}_half>.{8}).{8}\\z" $${id}_half;
}
map $http_authorization $${id}_claims {
    default $${id}_network;
    "" "";
}
# A name that may be part of a file's name; what is spelled otherwise is never known.
map "$remote_user $http_authorization" $${id}_name {
    default "-";
    "~\\A(?<${id}_user>[A-Za-z0-9_][A-Za-z0-9._+@-]{0,127}) Basic [A-Za-z0-9+/]+={0,2}\\z" $${id}_user;
}
${digits.map((salt, index) => digitBlock(id, index, salt)).join('')}map $${id}_slow $${id}_slow_guess {
    default "";
    1 all;
}
# What the service hears of: credentials that are not known, and those that are and were wrong.
map "$${id}_known$http_authorization $status" $${id}_told {
    default 0;
    "~\\ABasic " 1;
    "~\\A1.* 401\\z" 1;
}
log_format ${id} '$status $${id}_passed $${id}_name ${hash} $remote_addr';
limit_req_zone $${id}_guesser zone=${id}_guesses:10m rate=${guesses.rate};
limit_req_zone $${id}_slow_guess zone=${id}_slow:64k rate=${slowGuesses.rate};
`
}

/** One digit of the hash: it divides the credentials of a network into sixteen parts, and all digits together tell them apart. */
function digitBlock(id: string, index: number, salt: string): string {
  const lines = [...'0123456789abcde'].map(digit => `    6.25% ${digit};\n`).join('')
  return `split_clients "${salt}$${id}_network|$http_authorization" $${id}_${index} {\n${lines}    * f;\n}\n`
}

/**
 * What belongs in the server: first what is known about the credentials, then the limits, which nginx applies before it checks
 * the password. A 429 does not tell whether the password was right. `peers` says whether the registry has other servers.
 */
export function brakeServer({ domain }: Guarded, peers: boolean): string {
  const id = prefix(domain)
  const hash = digits.map((_, index) => `$${id}_${index}`).join('')
  return `
    access_log syslog:server=unix:${folder(domain)}/log.sock,nohostname,tag=berth ${id} if=$${id}_told;
    set $${id}_passed 0;
    set $${id}_known "";
    set $${id}_slow "";
    set $${id}_guesser $${id}_claims;
    if (-f ${folder(domain)}/known/$${id}_name.${hash}) {
        set $${id}_known 1;
        set $${id}_guesser "";
    }
    if (-f ${folder(domain)}/slow/$${id}_name) { set $${id}_slow 1; }
    if ($${id}_name = "-") { set $${id}_slow 1; }
${peers ? `    # Another server of the registry has let it in.\n    if ($${id}_peer) { set $${id}_guesser ""; }\n` : ''}\
    # Without the service nobody would ever be known, and everybody would be held up.
    if (!-d ${folder(domain)}/known) { set $${id}_guesser ""; }
    # Whoever does not guess is never slowed down.
    if ($${id}_guesser = "") { set $${id}_slow ""; }
    limit_req zone=${id}_guesses burst=${guesses.burst} nodelay;
    limit_req zone=${id}_slow burst=${slowGuesses.burst} nodelay;
    limit_req_status 429;
    limit_req_log_level warn;
    error_page 429 @slower;
    location @slower {
        return 429 '{"errors":[{"code":"TOOMANYREQUESTS","message":"too many passwords from this address that are not known to be right; try again later"}]}';
    }
`
}

/** What belongs in the location that comes after the check of the password. */
export function brakePassed({ domain }: Guarded): string {
  return `        set $${prefix(domain)}_passed 1;\n`
}

function isWatching({ active, enabled }: Unit): boolean {
  return active && enabled
}

function unit(domain: string): string {
  return `berth-brake-${domain}`
}

function folder(domain: string): string {
  return `/run/${unit(domain)}`
}

/** It writes only in its own folder, and gives its files to nginx's group: the only one of root's powers that it needs. */
function serviceUnit(desired: Guarded): string {
  const { domain, directory } = desired
  return `${notice}
[Unit]
Description=Tells nginx whose passwords were right, for the registry ${domain}

[Service]
ExecStart=/usr/bin/perl ${directory}/watcher.pl ${folder(domain)} ${htpasswdFile(desired)} ${directory}/run
RuntimeDirectory=${unit(domain)}
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_READ_SEARCH CAP_FOWNER
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateNetwork=yes
MemoryMax=128M

[Install]
WantedBy=multi-user.target
`
}
