import { output, run } from './process.ts'

const stable = ['bookworm', 'trixie']

/** The sources.list of a Debian suite, from the mirrors that this machine itself uses; empty if it has none, for apt has its own. */
export async function sources(suite: string): Promise<string> {
  const { main, security } = await mirrors()
  if (main === undefined) return ''
  const lines = [`deb ${main} ${suite} main`]
  if (stable.includes(suite)) {
    lines.push(`deb ${main} ${suite}-updates main`)
    if (security !== undefined) lines.push(`deb ${security} ${suite}-security main`)
  }
  return `${lines.join('\n')}\n`
}

/** What this machine's apt.conf says about reaching a mirror: proxies, and mirrors with an expired Release file. */
export async function settings(suite: string): Promise<string> {
  const wanted = /^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date)\b/i
  const lines = (await output('apt-config', ['dump'])).split('\n').filter(line => wanted.test(line))
  // That of a suite in the making is valid for a week, and many a mirror is older.
  if (!stable.includes(suite)) lines.push('Acquire::Check-Valid-Until "false";')
  return lines.map(line => `${line}\n`).join('')
}

async function mirrors() {
  // Only the configured sources, not the lists: that is quick, and works where apt-get update has not run yet.
  const options = [
    '--no-release-info',
    '-o',
    'Dir::State::lists=/nonexistent',
    '--format',
    '$(RELEASE) $(REPO_URI)',
  ]
  const { stdout } = await run('apt-get', ['indextargets', ...options, 'Created-By: Packages'])
  // Containers don't have this machine's certificates, so only plain http will do; apt checks signatures anyway.
  const find = (release: RegExp) => release.exec(stdout)?.[1]
  const suites = stable.join('|')
  return {
    main: find(new RegExp(`^(?:${suites}) (http://\\S*debian)/?$`, 'm')),
    security: find(new RegExp(`^(?:${suites})-security (http://\\S*debian-security)/?$`, 'm')),
  }
}
