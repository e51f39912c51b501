import { X509Certificate } from 'node:crypto'
import type { AcmeDns, Desired } from '../../desired.ts'
import type { Failure } from '../../failure.ts'
import {
  credentialSum,
  due,
  type Lineage,
  order,
  orderWords,
  readLineage,
  rehearsal,
} from '../certificate/certificate.ts'
import { orderFailure } from '../certificate/failure.ts'
import { chainFile, ownFile, siteFile } from '../names.ts'
import { change, resource, type Step } from '../resource.ts'
import { renewable, renewableByDns, setting, unmeasured } from './conf.ts'
import { hindering, preventing, readSettings, type Setting, settingsFailure } from './settings.ts'
import { distrust, readTimer, type Timer, timerSteps, timerUnits } from './timer.ts'

interface Renewal extends Timer {
  lineage: Lineage
  /** certbot’s settings for all certificates. */
  settings: Setting[]
}

/** Makes sure that the certificate is the right one and is served, and that the server renews it by itself. */
export const renewal = resource<Renewal>({
  name: 'renewal',

  units: () => timerUnits,

  probe: ({ domain, acme }) => [
    ['renewal_probe', domain],
    ...(acme.dns?.name === 'route53' ? [['renewal_probe_aws', domain] as const] : []),
  ],

  read: (facts, { domain, acme }) => ({
    ...readTimer(facts, acme.dns?.name === 'route53'),
    lineage: readLineage(facts, domain),
    settings: readSettings(facts.get('renewal.settings')),
  }),

  failures(desired, { lineage, settings }) {
    if (desired.certificate || lineage.leaf) return []
    return list(settingsFailure(preventing(hindering(settings, desired, lineage)), desired))
  },

  warnings: (desired, { lineage, settings }) =>
    desired.certificate ? [] : list(settingsFailure(hindering(settings, desired, lineage), desired)),

  steps(desired, seen) {
    const { domain, directory, certificate, acme } = desired
    if (certificate) {
      const leaf = new X509Certificate(certificate.chain)
      const steps = serve(domain, ownFile(directory), leaf.fingerprint256, seen.lineage)
      return [...steps, ...forget(domain, seen.lineage)]
    }
    const steps = [...timerSteps(desired, seen), ...current(desired, seen.lineage)]
    return acme.dns ? steps : [...steps, ...forget(domain, seen.lineage)]
  },

  explain: orderFailure,

  removal: ({ domain }, seen) => [
    ...forget(domain, seen.lineage),
    ...(seen.hook === undefined
      ? []
      : [
          {
            resource: 'renewal',
            changes: [{ action: 'delete' as const, summary: 'the hook that reloads nginx' }],
            call: ['renewal_unhook', siteFile(domain)] as const,
          },
        ]),
    ...distrust(domain, seen),
  ],
})

function list(failure: Failure | undefined): Failure[] {
  return failure ? [failure] : []
}

/** The steps to the right certificate. None while there is no certificate at all: `certificate` brings the first one. */
function current(desired: Desired, lineage: Lineage): Step[] {
  const { domain, acme, renewBefore } = desired
  const { leaf, conf } = lineage
  if (!leaf) return []
  const step = { resource: 'renewal' }
  const now = Date.now()
  const server = setting(conf, 'server')
  const settings = conf && renewed(conf.content, desired)
  const reason =
    settings === undefined
      ? 'order again, because certbot has lost the settings to renew it'
      : server !== acme.server
        ? `order from ${acme.server}, because it came from ${server}`
        : !leaf.checkHost(domain)
          ? `order again, because it does not cover ${domain}`
          : leaf.validToDate.getTime() < now
            ? `order again, because it expired on ${leaf.validToDate.toISOString()}`
            : undefined
  if (reason !== undefined) return [{ ...step, changes: change(true, reason), call: order(desired, lineage) }]

  const steps: Step[] = []
  const dueNow = due(leaf, renewBefore, now)
  if (acme.dns && settings !== undefined) {
    // An order also brings the credential and the settings.
    if (!dueNow) steps.push(...byDns(desired, acme.dns, lineage, settings))
  } else if (settings !== undefined && settings !== conf?.content) {
    steps.push({
      ...step,
      changes: change(true, 'renew through nginx’s port 80, without stopping it'),
      call: ['renewal_conf', lineage.name, settings],
    })
  }
  const contact = `${acme.server} ${acme.email}\n`
  if (acme.email !== undefined && lineage.contact?.content !== contact) {
    steps.push({
      ...step,
      changes: change(true, `tell the authority your address, ${acme.email}`),
      call: ['certificate_contact', domain, lineage.name, acme.server, acme.email, acme.ca ?? ''],
    })
  }
  if (dueNow) {
    const until = leaf.validToDate.toISOString()
    steps.push({
      ...step,
      changes: change(true, `renew, because it is only valid until ${until}`),
      call: order(desired, lineage, 'renewal_order'),
    })
  } else {
    steps.push(...serve(domain, chainFile(desired, lineage.name), leaf.fingerprint256, lineage))
  }
  return steps
}

function renewed(content: string, { domain, acme }: Desired): string | undefined {
  return acme.dns ? renewableByDns(content, domain, acme.dns) : renewable(content, domain)
}

/** The step to settings and a credential that renew by DNS. They are rehearsed, and nothing is ordered. */
function byDns(
  desired: Desired,
  dns: AcmeDns,
  { name, conf, credential }: Lineage,
  settings: string,
): Step[] {
  const moves = settings !== conf?.content
  if (!moves && credential === credentialSum(dns)) return []
  return [
    {
      resource: 'renewal',
      changes: change(
        true,
        moves ? `renew by DNS (${dns.name})` : `replace the credential for DNS (${dns.name})`,
      ),
      call: [
        'dns_renew',
        orderWords(desired, name),
        desired.acme.ca ?? '',
        dns.credentials ?? '',
        rehearsal,
        unmeasured(settings),
      ],
    },
  ]
}

function forget(domain: string, { name, credential }: Lineage): Step[] {
  return credential === 'absent'
    ? []
    : [
        {
          resource: 'renewal',
          changes: [{ action: 'delete', summary: 'the credential for DNS' }],
          call: ['dns_forget', domain, name],
        },
      ]
}

/** The step that makes nginx serve the certificate on disk: certbot reports success even if nginx never loaded it. */
function serve(domain: string, file: string, wanted: string | undefined, { served }: Lineage): Step[] {
  return wanted === undefined || served === undefined || served.fingerprint256 === wanted
    ? []
    : [
        {
          resource: 'renewal',
          changes: change(true, 'reload nginx, which serves a different certificate from the one on disk'),
          call: ['certificate_serve', domain, siteFile(domain), file],
        },
      ]
}
