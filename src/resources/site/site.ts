import { Failure } from '../../failure.ts'
import type { ServerFile } from '../../server/facts.ts'
import { readLineage, readPeers } from '../certificate/certificate.ts'
import { ownFile, siteFile } from '../names.ts'
import { change, fileChanges, resource, type Step } from '../resource.ts'
import { optional } from './inherited.ts'
import { type Neighbour, neighbourFailure, readNeighbours } from './neighbours.ts'
import { dialect, dialects, type Neighbours, oldest, rank, siteConf } from './nginx.ts'
import { passedTo, peersTrust } from './peers.ts'

interface Site extends Neighbours {
  /** Version of nginx; empty if it is not installed yet. */
  nginx: string
  file: ServerFile | undefined
  enabled: boolean
  /** Whether nginx has loaded the file as it is. */
  loaded: boolean
  running: boolean
  /** Whether nginx starts with the machine. */
  boot: boolean
  /** Another file with a site of the same name; empty if there is none. */
  rival: string
  /** Whether that file serves other names too. */
  shared: boolean
  /** Other sites that leave no room for Berth’s servers. */
  neighbours: Neighbour[]
  /** Bytes that nginx reserves for a site’s name; `undefined` if it does not say. */
  names: number | undefined
  /** Whether nginx reads any of the folders that sites are put in. */
  included: boolean
  /** Whether a certificate of the user's own is on the server. */
  own: boolean
  /** The authorities that nginx trusts for the other servers. */
  trust: ServerFile | undefined
  /** Names of other servers for which this one finds no address. */
  lost: string[]
  /** Addresses that nginx still passes requests on to, and that are no longer servers of the registry. */
  former: string[]
  /** Whether there are as many servers as before, so that these may be the same ones with new addresses. */
  moved: boolean
  /** Who listens on ports 80 and 443 (`container NAME` or `program NAME`). */
  holders: { port: number; holder: string }[]
}

const nginxUnit = 'nginx.service'

/** Berth's own nginx site. */
export const site = resource<Site>({
  name: 'site',

  libraries: ['site', 'configuration', 'reload', 'peers'],

  units: () => [nginxUnit],

  probe: ({ domain, directory, shared }) => [
    ['site_probe', siteFile(domain), domain, ownFile(directory), Object.keys(optional).join(' ')],
    ['site_peers_probe', directory, ...(shared?.peers ?? [])],
  ],

  read(facts, { domain }) {
    const [rival = '', ...others] = facts.get('site.rival').split(' ')
    const { name, webroot, named, peers } = readLineage(facts, domain)
    const passed = passedTo(facts.file('site.file')?.content ?? '', domain)
    return {
      lineage: name,
      webroot,
      named,
      peers,
      lost: readPeers(facts)
        .filter(({ address }) => address === '')
        .map(({ name }) => name),
      former: passed.filter(each => !peers.includes(each)),
      moved: peers.length >= passed.length,
      trust: facts.file('site.trust'),
      nginx: facts.get('site.nginx'),
      ipv6: facts.is('site.ipv6'),
      file: facts.file('site.file'),
      enabled: facts.is('site.enabled'),
      loaded: facts.is('site.loaded'),
      running: facts.unit(nginxUnit).active,
      boot: facts.unit(nginxUnit).enabled,
      rival,
      shared: others.length > 0,
      others: facts.get('site.others'),
      neighbours: readNeighbours(facts.get('site.neighbours'), facts.get('certificate.addresses').split(' ')),
      names: Number(facts.get('site.names')) || undefined,
      included: facts.get('site.folder') !== '',
      own: facts.is('site.own'),
      holders: [80, 443].map(port => ({ port, holder: facts.get(`site.port${port}`) })),
    }
  },

  failures({ domain, adopt }, { holders, rival, shared, nginx, neighbours, included, names, running, lost }) {
    const old =
      nginx !== '' && rank(nginx) < rank(oldest)
        ? [
            new Failure(
              'serverProgram',
              `the server’s nginx is ${nginx}, and ${oldest} is the oldest that works; update it`,
            ),
          ]
        : []
    const taken = holders
      .filter(({ holder }) => holder !== '' && holder !== 'program nginx')
      .map(
        ({ port, holder }) =>
          new Failure(
            'port',
            `port ${port} is taken by ${holder}, and nginx needs it; stop it or move it to another port`,
          ),
      )
    const foreign =
      !running && holders.some(({ holder }) => holder === 'program nginx')
        ? [
            new Failure(
              'port',
              'an nginx that is not the service nginx.service uses port 80 or 443 (OpenResty, a control panel’s, or one started by hand); stop it for good, or give the registry another server, and run again',
            ),
          ]
        : []
    const long = names !== undefined && names < bytesFor(domain) ? [longName(domain)] : []
    const unread = included
      ? []
      : [
          new Failure(
            'nginx',
            'nginx would not read the registry’s site, because its nginx.conf includes neither sites-enabled nor conf.d; add `include /etc/nginx/conf.d/*.conf;` to its `http` block, make that folder, and run again',
          ),
        ]
    // A site that is taken over is removed.
    const staying = neighbours.filter(({ file }) => !adopt || shared || file !== rival)
    const peerless = lost.map(
      name =>
        new Failure(
          'servers',
          `this server finds no address for ${name}, another one of the registry; write one behind it in \`ssh-host\` that the servers reach each other at, as \`${name} 10.0.0.2\``,
        ),
    )
    const failures = [
      ...[...old, ...taken, ...foreign, ...long, ...unread, ...peerless],
      ...staying.map(neighbourFailure),
    ]
    if (rival === '' || (adopt && !shared)) return failures
    const sentence = shared
      ? `${rival} serves ${domain} together with other names; move ${domain} out of it`
      : `${rival} serves ${domain} already; take it over with \`adopt: true\`, or remove it`
    return [...failures, new Failure('rival', sentence)]
  },

  warnings: ({ domain }, { former, moved }) =>
    former.map(
      address =>
        new Failure(
          'servers',
          moved
            ? `${address} is no longer the address of a server of ${domain}; if that was another machine, a registry still runs there with the users, rights and keys of its last run, so remove it with mode \`down\` and its \`ssh-host\` alone`
            : `${address} is no longer listed as a server of ${domain}, and still runs with the users, rights and keys of its last run; remove the registry there, with mode \`down\` and its \`ssh-host\` alone, or put its line back`,
        ),
    ),

  check: ({ domain }) => ['site_check', siteFile(domain), domain],

  steps(desired, seen) {
    // Before nginx is installed its version is not known, so the server gets all dialects and takes the one that fits.
    const known = seen.nginx === '' ? undefined : dialect(seen.nginx)
    const wanted = (known ? [known] : dialects).map(
      each => [each.since, siteConf(desired, each, seen)] as const,
    )
    const file = siteFile(desired.domain)
    const reasons = [
      !seen.enabled && 'enable it',
      !seen.loaded && 'reload nginx, which has not taken it yet',
      !seen.running && 'start nginx',
      !seen.boot && 'let nginx start with the machine',
    ].filter(reason => typeof reason === 'string')
    const changes = [
      ...fileChanges(file, seen.file, wanted[0]?.[1] ?? '', '644'),
      ...(seen.file && reasons.length > 0 ? change(true, `${file}: ${reasons.join(', ')}`) : []),
    ]
    const steps: Step[] = []
    const trust = desired.shared && desired.acme.ca
    const trusting =
      trust === undefined ? [] : fileChanges(peersTrust(desired.directory), seen.trust, trust, '644')
    if (trust !== undefined && trusting.length > 0) {
      steps.push({ resource: 'site', changes: trusting, call: ['site_trust', desired.directory, trust] })
    }
    if (changes.length > 0) {
      steps.push({ resource: 'site', changes, call: ['site_write', file, ...wanted.flat()] })
    }
    if (seen.rival !== '') {
      steps.push({
        resource: 'site',
        changes: [
          { action: 'delete', summary: `${seen.rival}, which is kept in ${desired.directory}/before-berth` },
        ],
        call: ['site_retire', seen.rival, desired.directory],
      })
    }
    if (seen.trust && trust === undefined) {
      steps.push(distrust(desired.directory))
    }
    // Only now does no site need it any more.
    if (seen.own && !desired.certificate) {
      steps.push({
        resource: 'site',
        changes: [{ action: 'delete', summary: 'your own certificate and its key' }],
        call: ['site_forget', ownFile(desired.directory)],
      })
    }
    return steps
  },

  explain({ domain }, output) {
    if (/could not build (the )?server_names_hash/.test(output)) return longName(domain)
    const words = /^nginx was told to reload but keeps .*/ms.exec(output)?.[0].trimEnd()
    if (words === undefined) return undefined
    const address = /bind\(\) to (\S+) failed/.exec(words)?.[1]
    return new Failure(
      address === undefined ? 'nginx' : 'port',
      address === undefined
        ? words.replaceAll('\n', '\n  ')
        : `nginx can’t listen on ${address}, because another site or program on the server already does; Berth took its site back, so see which one it is with \`nginx -T | grep listen\` and \`ss -ltnp\`, and run again`,
    )
  },

  removal: ({ domain, directory }, { file, trust }) => [
    ...(file === undefined
      ? []
      : [
          {
            resource: 'site',
            changes: [{ action: 'delete' as const, summary: siteFile(domain) }],
            call: ['site_remove', siteFile(domain)] as const,
          },
        ]),
    ...(trust === undefined ? [] : [distrust(directory)]),
  ],
})

function distrust(directory: string): Step {
  const changes: Step['changes'] = [{ action: 'delete', summary: peersTrust(directory) }]
  return { resource: 'site', changes, call: ['site_distrust', directory] }
}

/** Bytes that nginx needs for a name: its buckets have a power of two, with a pointer before and after the name. */
function bytesFor(name: string): number {
  const bytes = 16 + Math.ceil((name.length + 2) / 8) * 8
  return 2 ** Math.ceil(Math.log2(bytes))
}

function longName(domain: string): Failure {
  return new Failure(
    'nginx',
    `${domain} is too long for nginx as it is set; put \`server_names_hash_bucket_size ${bytesFor(domain)};\` into the \`http\` block of /etc/nginx/nginx.conf on the server, and run again`,
  )
}
