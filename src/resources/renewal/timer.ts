import type { Desired } from '../../desired.ts'
import type { Facts, ServerFile } from '../../server/facts.ts'
import { library, notice } from '../../shell.ts'
import { credentialFile } from '../names.ts'
import { change, type Step } from '../resource.ts'

/**
 * What renews the certificate on the server itself, without a workflow.
 *
 * It is the timer that came with certbot, for all certificates of the server. A second one for this certificate alone would get in
 * the way of the first. Berth only adds to the timer's service a check of what is served afterwards, and a private authority if
 * there is one.
 */
export interface Timer {
  hook: ServerFile | undefined
  /** The private authority that certbot trusts for this domain. */
  ca: ServerFile | undefined
  /** Settings of the timer's service. */
  care: ServerFile | undefined
  trust: ServerFile | undefined
  aws?: ServerFile | undefined
  /** Whether it runs, and will after a reboot. */
  timer: boolean
}

export function readTimer(facts: Facts, aws = false): Timer {
  const unit = units.find(each => facts.unit(`${each}.timer`).known) ?? ownUnit
  const { active, enabled } = facts.unit(`${unit}.timer`)
  return {
    hook: facts.file('renewal.hook'),
    ca: facts.file('renewal.ca'),
    care: facts.file(`renewal.care.${unit}`),
    trust: facts.file(`renewal.trust.${unit}`),
    ...(aws && { aws: facts.file(`renewal.aws.${unit}`) }),
    timer: active && enabled,
  }
}

/** Berth’s own, where certbot came without a timer (pip). */
const ownUnit = 'berth-renewal'

/** In the order of `renewal_unit`: first those that come with certbot, from a package or a snap. */
const units = ['certbot', 'snap.certbot.renew', ownUnit] as const

export const timerUnits = units.map(unit => `${unit}.timer`)

/** The steps to a server that renews by itself. */
export function timerSteps({ domain, acme }: Pick<Desired, 'domain' | 'acme'>, seen: Timer): Step[] {
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
    add(['renewal_care', care], ...change(seen.care !== undefined, 'check what is served after each round'))
  }
  if (acme.ca !== undefined && (seen.ca?.content !== acme.ca || seen.trust?.content !== trust)) {
    add(
      ['renewal_trust', domain, acme.ca, trust],
      ...change(seen.ca !== undefined, 'trust the private certificate authority'),
    )
  }
  if (acme.ca === undefined) steps.push(...distrust(domain, seen))
  const { dns } = acme
  const aws = awsSettings(domain)
  if (dns?.name === 'route53' && dns.credentials !== undefined && seen.aws?.content !== aws) {
    add(
      ['dns_trust', domain, aws],
      ...change(seen.aws !== undefined, 'give the timer the credential for route53'),
    )
  }
  if (!seen.timer) {
    add(['renewal_timer', service, timer], ...change(false, 'a timer that renews the certificate'))
  }
  return steps
}

// certbot runs a hook only once after a renewal. If another site broke nginx’s configuration just then, the old certificate would be
// served until it expires. So the hook checks what is served, and also runs after each round of the timer.
const hook = `#!/bin/sh\n${notice}\n${library('resources/site/reload')}\n${library('resources/renewal/hook')}`

// ExecStopPost runs after a failed round too.
// nginx then loads what it could not load at the renewal.
const care = `${notice}
[Service]
ExecStopPost=/etc/letsencrypt/renewal-hooks/deploy/berth
`

// The authorities of `ca`, and the system’s as they are at that time, because the service also renews the server’s other certificates.
const trust = `${notice}
[Service]
ExecStartPre=/bin/sh -c 'cat /etc/ssl/certs/ca-certificates.crt /etc/letsencrypt/berth/authorities/*.pem >/run/berth-authorities.pem'
Environment=REQUESTS_CA_BUNDLE=/run/berth-authorities.pem
`

// Amazon's library knows only the environment, so all certificates of a server share one account.
function awsSettings(domain: string): string {
  const file = credentialFile(domain)
  return `${notice}
[Service]
Environment=AWS_CONFIG_FILE=${file} AWS_SHARED_CREDENTIALS_FILE=${file}
`
}

// As in Debian's own service. The timer already has a random delay.
const service = `${notice}
[Unit]
Description=Renew certificates with certbot
[Service]
Type=oneshot
ExecStart=/usr/bin/env certbot --quiet renew --no-random-sleep-on-renew
`

const timer = `${notice}
[Unit]
Description=Renew certificates with certbot, twice a day
[Timer]
OnCalendar=*-*-* 00,12:00:00
RandomizedDelaySec=43200
Persistent=true
[Install]
WantedBy=timers.target
`

/** The step after which the server's certbot no longer trusts a private authority for this registry. */
export function distrust(domain: string, { ca }: Pick<Timer, 'ca'>): Step[] {
  if (ca === undefined) return []
  const summary = 'trust in the private certificate authority'
  return [
    {
      resource: 'renewal',
      changes: [{ action: 'delete', summary }],
      call: ['renewal_distrust', domain],
    },
  ]
}
