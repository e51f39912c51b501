import { X509Certificate } from 'node:crypto'
import type { Desired } from '../../desired.ts'
import { due, type Lineage, order, readLineage } from '../certificate/certificate.ts'
import { orderFailure } from '../certificate/failure.ts'
import { chainFile, ownFile, siteFile } from '../names.ts'
import { change, resource, type Step } from '../resource.ts'
import { renewable, setting } from './conf.ts'
import { readTimer, type Timer, timerSteps, timerUnits } from './timer.ts'

interface Renewal extends Timer {
  lineage: Lineage
}

/** The certificate is the right one, is served, and the server renews it by itself. */
export const renewal = resource<Renewal>({
  name: 'renewal',

  units: () => timerUnits,

  probe: ({ domain }) => [['renewal_probe', domain]],

  read: facts => ({ ...readTimer(facts), lineage: readLineage(facts) }),

  steps(desired, seen) {
    const { domain, directory, certificate } = desired
    if (certificate) {
      const leaf = new X509Certificate(certificate.chain)
      return serve(domain, ownFile(directory), leaf.fingerprint256, seen.lineage)
    }
    return [...timerSteps(desired, seen), ...current(desired, seen.lineage)]
  },

  explain: orderFailure,

  removal: ({ domain }, seen) =>
    seen.hook === undefined
      ? []
      : [
          {
            resource: 'renewal',
            changes: [{ action: 'delete', summary: 'the hook that reloads nginx' }],
            call: ['renewal_unhook', siteFile(domain)],
          },
        ],
})

/** The steps to the right certificate. None while there is no certificate at all, which is `certificate`’s to mend. */
function current(desired: Desired, lineage: Lineage): Step[] {
  const { domain, acme, renewBefore } = desired
  const { leaf, conf } = lineage
  if (!leaf) return []
  const step = { resource: 'renewal' }
  const now = Date.now()
  const server = setting(conf, 'server')
  const settings = conf === undefined ? undefined : renewable(conf.content, domain)
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
      changes: change(true, `renew, because it is only valid until ${until}`),
      call: order(desired, lineage, 'renewal_order'),
    })
  } else {
    steps.push(...serve(domain, chainFile(desired), leaf.fingerprint256, lineage))
  }
  return steps
}

/** certbot says that it has renewed, also when nginx never took the new certificate. */
function serve(domain: string, file: string, wanted: string | undefined, { served }: Lineage): Step[] {
  return wanted === undefined || served === undefined || served.fingerprint256 === wanted
    ? []
    : [
        {
          resource: 'renewal',
          changes: change(true, 'reload nginx, which serves another certificate than the one on disk'),
          call: ['certificate_serve', domain, siteFile(domain), file],
        },
      ]
}
