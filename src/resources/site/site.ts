import { Failure } from '../../failure.ts'
import type { ServerFile } from '../../server/facts.ts'
import { ownFile, siteFile } from '../names.ts'
import { change, fileChanges, resource, type Step } from '../resource.ts'
import { dialect, dialects, type Neighbours, oldest, rank, siteConf } from './nginx.ts'

interface Site extends Neighbours {
  /** Version of nginx; empty if it is not installed yet. */
  nginx: string
  file: ServerFile | undefined
  enabled: boolean
  /** Whether nginx has taken the file as it is. */
  loaded: boolean
  running: boolean
  /** Whether nginx starts with the machine. */
  boot: boolean
  /** Another file with a site of the same name; empty if there is none. */
  rival: string
  /** Whether that file serves other names too. */
  shared: boolean
  /** Whether a certificate of the user's own is on the server. */
  own: boolean
  /** Who listens on ports 80 and 443 (`container NAME` or `program NAME`). */
  holders: { port: number; holder: string }[]
}

const nginxUnit = 'nginx.service'

/** Berth's own nginx site. */
export const site = resource<Site>({
  name: 'site',

  libraries: ['site', 'reload'],

  units: () => [nginxUnit],

  probe: ({ domain, directory }) => [['site_probe', siteFile(domain), domain, ownFile(directory)]],

  read(facts) {
    const [rival = '', ...others] = facts.get('site.rival').split(' ')
    return {
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
      own: facts.is('site.own'),
      holders: [80, 443].map(port => ({ port, holder: facts.get(`site.port${port}`) })),
    }
  },

  failures({ domain, adopt }, { holders, rival, shared, nginx }) {
    const old =
      nginx !== '' && rank(nginx) < rank(oldest)
        ? [
            new Failure(
              'serverProgram',
              `the server’s nginx is ${nginx}, and ${oldest} is the oldest that will do; update it`,
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
    if (rival === '' || (adopt && !shared)) return [...old, ...taken]
    const sentence = shared
      ? `${rival} serves ${domain} together with other names; move ${domain} out of it`
      : `${rival} serves ${domain} already; replace it by \`adopt: true\`, or take it away`
    return [...old, ...taken, new Failure('rival', sentence)]
  },

  check: ({ domain }) => ['site_check', siteFile(domain), domain],

  steps(desired, seen) {
    // Before nginx is there, nobody knows which one it will be: the server gets them all and takes what fits.
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

  explain(_, output) {
    const words = /^nginx was told to reload and keeps .*/ms.exec(output)?.[0].trimEnd()
    if (words === undefined) return undefined
    const address = /bind\(\) to (\S+) failed/.exec(words)?.[1]
    return new Failure(
      address === undefined ? 'nginx' : 'port',
      address === undefined
        ? words.replaceAll('\n', '\n  ')
        : `nginx can’t listen on ${address}, for a site or a program of the server does already; the site was taken back, so see who it is with \`nginx -T | grep listen\` and \`ss -ltnp\`, and run again`,
    )
  },

  removal: ({ domain }, { file }) =>
    file === undefined
      ? []
      : [
          {
            resource: 'site',
            changes: [{ action: 'delete', summary: siteFile(domain) }],
            call: ['site_remove', siteFile(domain)],
          },
        ],
})
