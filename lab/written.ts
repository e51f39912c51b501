import { planUp } from '../src/converge/plan.ts'
import type { Desired } from '../src/desired.ts'
import type { Facts } from '../src/server/facts.ts'

/**
 * What of a server’s answer are Berth’s own words, by fact, and where today’s sources have them: in an argument of the call
 * that writes them. Recordings go without them, so that a changed template needs no server to be recorded anew.
 */
const written: Readonly<Record<string, readonly [call: string, argument: number]>> = {
  'users.htpasswd': ['users_write', 2],
  'registry.start': ['registry_up', 4],
  'registry.config': ['registry_up', 5],
  'brake.script': ['brake_up', 3],
  'brake.unit': ['brake_up', 4],
  'page.script': ['page_serve', 3],
  'page.unit': ['page_serve', 4],
  'site.file': ['site_write', 3],
  'renewal.hook': ['renewal_hook', 1],
  'renewal.care.certbot': ['renewal_care', 1],
  'renewal.ca': ['renewal_trust', 2],
  'renewal.trust.certbot': ['renewal_trust', 3],
  'guard.script': ['guard_up', 3],
  'guard.unit': ['guard_up', 4],
}

/** The answer of a converged server without Berth’s own words. */
export function withoutOwn(output: string): string {
  return rewritten(output, () => '')
}

/** The same with the words of today’s sources, for a server that was `ready` before. */
export function withOwn(output: string, desired: Desired, ready: Facts): string {
  const calls = planUp(desired, ready).steps.map(({ call }) => call)
  return rewritten(output, (name, argument) => {
    const text = calls.find(([each]) => each === name)?.[argument]
    if (text === undefined)
      throw new Error(`no step calls ${name} with ${argument} arguments; see lab/written.ts`)
    return text
  })
}

function rewritten(output: string, textOf: (call: string, argument: number) => string): string {
  const texts = new Map<string, string>()
  for (const [name, where] of Object.entries(written)) {
    const [, path] = new RegExp(`^berth:${name}=file \\S+ (.*)$`, 'm').exec(output) ?? []
    if (path !== undefined) texts.set(path, textOf(...where))
  }
  // The name of a generation is made from its texts.
  const generation = /^berth:registry\.generation=(.+)$/m.exec(output)?.[1] ?? ''
  const renamed = (line: string) => line.replaceAll(generation, textOf('registry_up', 3) || '00000000')
  return output
    .replace(/^berth:registry\..*$/gm, renamed)
    .replace(/^(berth:files\.seen=)(.*)$/m, (_, start, seen) => start + repacked(seen, texts, renamed))
}

/** Files as `files` of facts.sh packs them, with other contents for some. */
function repacked(
  seen: string,
  texts: ReadonlyMap<string, string>,
  renamed: (path: string) => string,
): string {
  const all = Buffer.from(seen, 'base64')
  let at = all.indexOf('\n\n')
  const lines = all.toString('utf8', 0, at).split('\n')
  at += 2
  const files = lines.map(line => {
    const [, path = '', rest = '', bytes] = /^(\S+) (.*) (\d+)$/.exec(line) ?? []
    const old = all.subarray(at, at + Number(bytes))
    at += Number(bytes)
    const text = texts.get(path)
    return { path: renamed(path), rest, content: text === undefined ? old : Buffer.from(text) }
  })
  const listing = files.map(({ path, rest, content }) => `${path} ${rest} ${content.length}\n`).join('')
  return Buffer.concat([Buffer.from(`${listing}\n`), ...files.map(({ content }) => content)]).toString(
    'base64',
  )
}
