import { isIP } from 'node:net'
import type { AcmeDns, Mode } from '../desired.ts'
import { isHostname } from './hosts.ts'
import type { Reader } from './reader.ts'

/** Reads `acme-dns` and `acme-dns-credentials`: who sets the record that answers the authority. */
export function readDns(reader: Reader, mode: Mode): AcmeDns | undefined {
  const text = reader
    .raw('acme-dns-credentials')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r', '')
    .trim()
  for (const secret of secretsOf(text)) reader.secret(secret)
  const name = reader.checked(
    'acme-dns',
    reader.text('acme-dns'),
    value => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(value),
    '`hook`, or the name of one of certbot’s plugins, such as cloudflare',
  )
  const mistake = reader.mistake('acme-dns-credentials')
  if (name === '') {
    if (text !== '') mistake('is given without `acme-dns`; name there what it is for')
    return undefined
  }
  if (name === 'standalone')
    reader.mistake('acme-dns')(
      'can’t be standalone, whose name server answers only while certbot runs, so that no record can be looked at before an order; use the plugin for your provider, or `hook`',
    )
  if (reader.text('certificate') !== '')
    reader.mistake('acme-dns')('is for certificates by ACME, but `certificate` is your own; omit one of them')
  // These need none.
  if (name === 'hook' && mode !== 'down' && mode !== 'push') {
    if (text === '')
      mistake(
        'is missing; give a script that sets and clears a record (is the secret that it comes from set?)',
      )
    else if (!text.startsWith('#!'))
      mistake('is not a script; with `acme-dns: hook` it must begin with a line such as `#!/bin/sh`')
  }
  return { name, credentials: text === '' ? undefined : `${text}\n` }
}

/**
 * The parts of a credential that must be masked one by one, because GitHub masks a secret only where it appears as a whole.
 *
 * In a file of settings these are the values; in a script or in JSON, the words that look random.
 */
export function secretsOf(text: string): string[] {
  const values = [...text.matchAll(/^[ \t]*(?:export\s+)?([\w.-]+)\s*[=:]\s*(.+?)\s*$/gm)]
    .filter(([, key = '']) => !publicKeys.test(key))
    // What a function of a script calls `create` would be missed in each line of the log.
    .filter(([line, key = '']) => !text.startsWith('#!') || !/^\s/.test(line) || secretKeys.test(key))
    .map(([, key = '', value = '']) => ({ key, value: value.replace(/^(["'])(.*)\1$/, '$2') }))
  const named = /^(#!|\{)/.test(text)
    ? [...text.matchAll(namedSecret), ...text.matchAll(login)].map(([, value = '']) => value)
    : []
  const words = text.replace(/^[ \t]*[\w.-]+\s*[=:]/gm, '').split(/[\s"'`=,;:(){}[\]<>|&$]+|\\n/)
  return [
    ...new Set([
      ...values
        .filter(({ key, value }) => value.length >= 6 && !(secretKeys.test(key) ? isFile : isPublic)(value))
        .map(({ value }) => value),
      ...named.filter(value => !isFile(value)),
      ...words.filter(word => word.length >= 16 && /\d/.test(word) && /[a-z]/i.test(word) && !isPublic(word)),
    ]),
  ]
}

/** A value after a name that sounds secret, such as `X-Api-Key: …` or `--token …`; not a variable. */
const namedSecret =
  /(?:--[\w-]*(?:passw\w*|secret|token|key)[= ]|(?:passw\w*|secret\w*|token|key|authorization)["']?[ \t]*[=:])[ \t]*(?:Basic |Bearer |Token )?["']?([^\s"'`$=,;(){}[\]<>|&-][^\s"'`$,;(){}[\]<>|&]{5,})/gi

/** The password that curl is told. */
const login = /\s(?:-u|--user)[ =]?["']?[^\s"'`:$-][^\s"'`:$]*:([^\s"'`$]{6,})/g

/** Settings whose values are secret, whatever they look like: a key of AWS may begin with a slash, as a path does. */
const secretKeys = /secret|passw|token|key$/i

/** A file that is where files with keys are. */
function isFile(value: string): boolean {
  return /^\/(etc|home|opt|root|run|srv|usr|var)\/[\w./-]+$/.test(value)
}

/** Settings whose values are not secret, such as the name of a TSIG key. */
const publicKeys = /(name|algorithm|server|port|email|endpoint|region|zone|project)$/i

/** Values that anybody may know, and that readers of a log would miss. */
function isPublic(value: string): boolean {
  const host = value.replace(/\.$/, '')
  return (
    isIP(value) !== 0 ||
    (host.includes('.') && isHostname(host) && /\.[a-z]{2,}$/i.test(host)) ||
    /^(hmac-\w+|[\w.+-]+@[\w.-]+|\d{1,6}|\/[\w./-]*|.*:\/\/[\w.:/-]*)$/i.test(value)
  )
}
