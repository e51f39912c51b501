import type { Desired } from '../../desired.ts'
import type { Facts, ServerFile } from '../../server/facts.ts'
import { library, notice } from '../../shell.ts'
import { change, type Step } from '../resource.ts'

/**
 * What renews on the server itself, without any workflow.
 *
 * It is the timer that certbot came with, for all certificates of the server: a second one for this certificate alone
 * would have to be kept from meeting the first. All that Berth adds to the timer's service is a look at what is served
 * afterwards, and a private authority if there is one.
 */
export interface Timer {
  hook: ServerFile | undefined
  /** The private authority that certbot trusts for this domain. */
  ca: ServerFile | undefined
  /** Settings of the timer's service. */
  care: ServerFile | undefined
  trust: ServerFile | undefined
  /** Whether it runs, and will after a reboot. */
  timer: boolean
}

export function readTimer(facts: Facts): Timer {
  const unit = units.find(each => facts.unit(`${each}.timer`).known) ?? ownUnit
  const { active, enabled } = facts.unit(`${unit}.timer`)
  return {
    hook: facts.file('renewal.hook'),
    ca: facts.file('renewal.ca'),
    care: facts.file(`renewal.care.${unit}`),
    trust: facts.file(`renewal.trust.${unit}`),
    timer: active && enabled,
  }
}

/** Berth’s own, where certbot came without a timer (pip). */
const ownUnit = 'berth-renewal'

/** The one that certbot came with, from a package or a snap, comes first. As `renewal_unit` has them. */
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

// certbot runs it after a renewal and then never again: were nginx’s configuration broken just then (by another site), the
// old certificate would be served until it expires. So it asks what is served, and is run after each round of the timer too.
const hook = `#!/bin/sh\n${notice}\n${library('resources/site/reload')}\n${library('resources/renewal/hook')}`

// ExecStopPost runs after a failed round too.
// What nginx did not take at a renewal, it takes now.
const care = `${notice}
[Service]
ExecStopPost=/etc/letsencrypt/renewal-hooks/deploy/berth
`

// The system’s authorities come with it, as they are at that time: the service renews the other certificates of the server too.
// The authorities of `ca`, besides the system's own.
const trust = `${notice}
[Service]
ExecStartPre=/bin/sh -c 'cat /etc/ssl/certs/ca-certificates.crt /etc/letsencrypt/berth/authorities/*.pem >/run/berth-authorities.pem'
Environment=REQUESTS_CA_BUNDLE=/run/berth-authorities.pem
`

// As Debian has it for a certbot that comes with a timer; the timer has a random delay already.
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
