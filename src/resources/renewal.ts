import { X509Certificate } from 'node:crypto'
import type { Desired } from '../desired.ts'
import type { ServerFile } from '../facts.ts'
import { change, type Resource, type Step } from '../resource.ts'
import { explainOrder } from './authority.ts'
import { due, type Lineage, order, readLineage } from './certificate.ts'
import { chainFile, ownFile, siteFile } from './nginx.ts'

interface Renewal {
  hook: ServerFile | undefined
  /** The private authority that certbot trusts for this domain. */
  ca: ServerFile | undefined
  /** Settings of the timer's service. */
  care: ServerFile | undefined
  trust: ServerFile | undefined
  timer: boolean
  lineage: Lineage
}

/**
 * The certificate is the right one, is served, and the server renews it by itself.
 *
 * It does so with the timer that certbot came with, for all certificates of the server: a second one for this
 * certificate alone would have to be kept from meeting the first. All that Berth adds to the timer's service is a look at
 * what is served afterwards, and a private authority if there is one.
 */
export const renewal: Resource<Renewal> = {
  name: 'renewal',

  probe: ({ domain }) => [['renewal_probe', domain]],

  read: facts => ({
    hook: facts.file('renewal.hook'),
    ca: facts.file('renewal.ca'),
    care: facts.file('renewal.care'),
    trust: facts.file('renewal.trust'),
    timer: facts.get('renewal.timer').trim() === 'active enabled',
    lineage: readLineage(facts),
  }),

  plan(desired, seen) {
    const { domain, directory, certificate } = desired
    if (certificate) {
      const leaf = new X509Certificate(certificate.chain)
      return serve(domain, ownFile(directory), leaf.fingerprint256, seen.lineage)
    }
    return [...unattended(desired, seen), ...current(desired, seen.lineage)]
  },

  explain: explainOrder,

  remove: ({ domain }, seen) =>
    seen.hook === undefined
      ? []
      : [
          {
            resource: 'renewal',
            changes: [{ action: 'delete', summary: 'the hook that reloads nginx' }],
            call: ['renewal_unhook', siteFile(domain)],
          },
        ],
}

function unattended({ domain, acme }: Desired, seen: Renewal): Step[] {
  const steps: Step[] = []
  const add = (call: Step['call'], ...changes: Step['changes']) =>
    steps.push({ resource: 'renewal', changes, call })
  if (seen.hook?.content !== hook || seen.hook.mode !== '755') {
    add(
      ['renewal_hook', hook],
      ...change(seen.hook !== undefined, 'reload nginx when a certificate is renewed'),
    )
  }
  if (seen.care?.content !== care) {
    add(['renewal_care', care], ...change(seen.care !== undefined, 'look at what is served after each round'))
  }
  if (acme.ca !== undefined && (seen.ca?.content !== acme.ca || seen.trust?.content !== trust)) {
    add(
      ['renewal_trust', domain, acme.ca, trust],
      ...change(seen.ca !== undefined, 'trust the private certificate authority'),
    )
  }
  if (acme.ca === undefined && seen.ca !== undefined) {
    add(['renewal_distrust', domain], {
      action: 'delete',
      summary: 'trust in the private certificate authority',
    })
  }
  if (!seen.timer) {
    add(['renewal_timer', service, timer], ...change(false, 'a timer that renews the certificate'))
  }
  return steps
}

/** The steps to the right certificate. None while there is no certificate at all, which is `certificate`’s to mend. */
function current(desired: Desired, lineage: Lineage): Step[] {
  const { domain, acme, renewBefore } = desired
  const { leaf, conf, state } = lineage
  if (!leaf) return []
  const step = { resource: 'renewal' }
  const now = Date.now()
  const server = setting(conf, 'server')
  const settings = conf === undefined ? undefined : renewable(conf.content, domain)
  const reason =
    settings === undefined
      ? 'order anew, for certbot has lost the settings to renew it with'
      : server !== acme.server
        ? `order from ${acme.server}, for it came from ${server}`
        : !leaf.checkHost(domain)
          ? `order anew, for it does not cover ${domain}`
          : leaf.validToDate.getTime() < now
            ? `order anew, for it expired on ${leaf.validToDate.toISOString()}`
            : undefined
  if (reason !== undefined) return [{ ...step, changes: change(true, reason), call: order(desired, lineage) }]

  const steps: Step[] = []
  if (settings !== undefined && settings !== conf?.content) {
    steps.push({
      ...step,
      changes: change(true, 'renew through nginx’s port 80, without stopping it'),
      call: ['renewal_conf', domain, settings],
    })
  }
  const contact = `${acme.server} ${acme.email}\n`
  if (acme.email !== undefined && lineage.contact?.content !== contact) {
    steps.push({
      ...step,
      changes: change(true, `tell the authority your address, ${acme.email}`),
      call: ['certificate_contact', domain, acme.server, acme.email, acme.ca ?? ''],
    })
  }
  if (due(leaf, renewBefore, now)) {
    const until = leaf.validToDate.toISOString()
    steps.push({
      ...step,
      changes: change(true, `renew, for it is valid until ${until} only`),
      call: order(desired, lineage, 'renewal_order'),
    })
  } else if (state === 'whole') {
    steps.push(...serve(domain, chainFile(desired), leaf.fingerprint256, lineage))
  }
  return steps
}

/** certbot says that it has renewed, also when nginx never took the new certificate. */
function serve(domain: string, file: string, wanted: string | undefined, { served }: Lineage): Step[] {
  return wanted === undefined || served === '' || served === wanted
    ? []
    : [
        {
          resource: 'renewal',
          changes: change(true, 'reload nginx, which serves another certificate than the one on disk'),
          call: ['certificate_serve', domain, siteFile(domain), file],
        },
      ]
}

const needed = ['cert', 'privkey', 'chain', 'fullchain', 'server', 'account', 'authenticator']

/** What keeps a certificate that was set up by hand from being renewed beside a running nginx, or at all. */
const obstructive =
  /^(installer|pre_hook|post_hook|autorenew|standalone_\w+|http01_\w+|nginx_\w+|apache_\w+)\s*=/

/**
 * certbot’s settings for a certificate, made to renew it through Berth’s site; unchanged if they do already, `undefined`
 * if something is missing that only an order can bring.
 */
export function renewable(content: string, domain: string): string | undefined {
  const lines = content.split('\n')
  const has = (line: RegExp | string) =>
    lines.some(each => (typeof line === 'string' ? each.trim() === line : line.test(each)))
  if (!needed.every(name => has(new RegExp(`^${name} = .`)))) return undefined
  if (has('authenticator = webroot') && has(`${domain} = ${webroot}`) && !has(obstructive)) return content
  const map = lines.findIndex(line => line.trim() === '[[webroot_map]]')
  const kept = (map < 0 ? lines : lines.slice(0, map)).filter(
    line => !obstructive.test(line) && !/^(authenticator|webroot_path)\s*=/.test(line) && line !== '',
  )
  return [
    ...kept,
    'authenticator = webroot',
    `webroot_path = ${webroot},`,
    '[[webroot_map]]',
    `${domain} = ${webroot}`,
    '',
  ].join('\n')
}

const webroot = '/var/www/berth'

function setting(file: ServerFile | undefined, name: string): string | undefined {
  return new RegExp(`^${name} = (.*)$`, 'm').exec(file?.content ?? '')?.[1]
}

// certbot runs it after a renewal and then never again: were nginx’s configuration broken just then (by another site), the
// old certificate would be served until it expires. So it asks what is served, and is run after each round of the timer too.
const hook = `#!/bin/sh
# Written by Berth: makes nginx take the certificates on disk, if it serves others.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
systemctl --quiet is-active nginx || exit 0
if ! command -v openssl >/dev/null; then
  nginx -t -q && exec systemctl reload nginx
  exit 1
fi
fingerprint() { openssl x509 -noout -fingerprint -sha256 2>/dev/null; }
setting() { sed -n "s/^ *$1 \\(.*\\);/\\1/p" "$2" | head -n 1; }
old() {
  for site in /etc/nginx/sites-enabled/berth-*.conf /etc/nginx/conf.d/berth-*.conf; do
    file=$(setting ssl_certificate "$site" 2>/dev/null)
    [ -f "$file" ] || continue
    name=$(setting server_name "$site")
    served=$(timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$name" </dev/null 2>/dev/null | fingerprint)
    [ "$served" = "$(fingerprint <"$file")" ] || return 0
  done
  return 1
}
old || exit 0
nginx -t -q || exit 1
systemctl reload nginx
for _ in 1 2 3 4 5 6 7 8 9 10; do
  old || exit 0
  sleep 0.5
done
echo "nginx was reloaded and does not serve the certificate of $name in $file" >&2
exit 1
`

// ExecStopPost runs after a failed round too.
const care = `# Written by Berth: what nginx did not take at a renewal, it takes now.
[Service]
ExecStopPost=/etc/letsencrypt/renewal-hooks/deploy/berth
`

// The system’s authorities come with it, as they are at that time: the service renews the other certificates of the server too.
const trust = `# Written by Berth: the authorities of \`ca\`, besides the system's own.
[Service]
ExecStartPre=/bin/sh -c 'cat /etc/ssl/certs/ca-certificates.crt /etc/letsencrypt/berth/authorities/*.pem >/run/berth-authorities.pem'
Environment=REQUESTS_CA_BUNDLE=/run/berth-authorities.pem
`

// As Debian has it for a certbot that comes with a timer.
const service = `# Written by Berth, for certbot came without a timer.
[Unit]
Description=Renew certificates with certbot
[Service]
Type=oneshot
ExecStart=/usr/bin/env certbot --quiet renew
`

const timer = `# Written by Berth, for certbot came without a timer.
[Unit]
Description=Renew certificates with certbot, twice a day
[Timer]
OnCalendar=*-*-* 00,12:00:00
RandomizedDelaySec=43200
Persistent=true
[Install]
WantedBy=timers.target
`
