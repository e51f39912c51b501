import type { ServerFile } from '../facts.ts'
import { change, type Resource } from '../resource.ts'

interface Renewal {
  hook: ServerFile | undefined
  /** The private authority that certbot trusts. */
  ca: ServerFile | undefined
  /** The setting of certbot's service that says so. */
  trust: ServerFile | undefined
  timer: boolean
}

/** The server renews by itself: certbot's timer, and a hook that makes nginx take the new certificate. */
export const renewal: Resource<Renewal> = {
  name: 'renewal',

  probe: ({ directory }) => [['renewal_probe', directory]],

  read: facts => ({
    hook: facts.file('renewal.hook'),
    ca: facts.file('renewal.ca'),
    trust: facts.file('renewal.trust'),
    timer: facts.get('renewal.timer').trim() === 'active enabled',
  }),

  plan({ directory, acme }, seen) {
    const step = { resource: 'renewal' }
    const trust = `[Service]\nEnvironment=REQUESTS_CA_BUNDLE=${directory}/ca-bundle.crt\n`
    return [
      ...(seen.hook?.content === hook && seen.hook.mode === '755'
        ? []
        : [
            {
              ...step,
              changes: change(seen.hook !== undefined, 'reload nginx when a certificate is renewed'),
              call: ['renewal_hook', hook] as const,
            },
          ]),
      ...(acme.ca !== undefined && (seen.ca?.content !== acme.ca || seen.trust?.content !== trust)
        ? [
            {
              ...step,
              changes: change(seen.ca !== undefined, 'trust the private certificate authority'),
              call: ['renewal_trust', directory, acme.ca, trust] as const,
            },
          ]
        : []),
      ...(acme.ca === undefined && seen.ca !== undefined
        ? [
            {
              ...step,
              changes: [{ action: 'delete' as const, summary: 'trust in the private certificate authority' }],
              call: ['renewal_distrust', directory] as const,
            },
          ]
        : []),
      ...(seen.timer
        ? []
        : [{ ...step, changes: change(false, 'certbot’s timer'), call: ['renewal_timer'] as const }]),
    ]
  },

  remove: (_, seen) =>
    seen.hook === undefined
      ? []
      : [
          {
            resource: 'renewal',
            changes: [{ action: 'delete', summary: 'the hook that reloads nginx' }],
            call: ['renewal_unhook'],
          },
        ],
}

// nginx keeps what it has if the test fails, and certbot reports the hook's exit code in its log.
const hook = `#!/bin/sh
# Written by Berth: nginx serves a renewed certificate only after a reload.
nginx -t -q && systemctl reload nginx
`
