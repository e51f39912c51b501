import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { password } from '../../../lab/index.ts'
import { moment } from '../moment.ts'
import { type Registry, registry, succeeded } from '../registry.ts'

// Rights that change in one run with users: nobody may have more for a moment, or after a run that was cut off, than before or
// after it.

jest.setTimeout(240_000)

let here: Registry

beforeAll(async () => {
  here = await registry()
})
afterAll(() => here?.server.remove())

const passwords = { ci: password(), alice: password(), bob: password(), carol: password() }
type Name = keyof typeof passwords

interface Settings {
  users: Name[]
  access: string
}

const open: Settings = { users: ['ci', 'alice', 'carol'], access: '' }
const ruled: Settings = {
  users: ['ci', 'alice', 'bob'],
  access: 'ci: push\nalice: { pull: team/** }\nbob: { pull: team/app }\n',
}

const inputs = ({ users, access }: Settings) => ({
  users: users.map(name => `${name}:${passwords[name]}`).join('\n'),
  access,
  page: 'true',
})

const asks = {
  'pull team/app': 'https://DOMAIN/v2/team/app/tags/list',
  'pull secret/app': 'https://DOMAIN/v2/secret/app/tags/list',
  'see secret/app on the page': 'https://DOMAIN/page/tags/secret/app',
  'push team/app': '-X POST https://DOMAIN/v2/team/app/blobs/uploads/',
}

/**
 * What each of all users may do, as the registry answers: 404 is that the repository is not there, which only who may pull learns. Who
 * is no user any more is held up as one who guesses, so curl asks again after a 429.
 */
async function rights(): Promise<Set<string>> {
  const { domain } = here.server
  const found = new Set<string>()
  for (const name of Object.keys(passwords) as Name[]) {
    for (const [what, request] of Object.entries(asks)) {
      const status = await here.world.consumer.sh(
        `curl -sk --retry 60 --retry-delay 1 -o /dev/null -w '%{http_code}' -K - ${request.replace('DOMAIN', domain)}`,
        { input: `user = "${name}:${passwords[name]}"` },
      )
      if (['200', '202', '404'].includes(status)) found.add(`${name} may ${what}`)
      else expect(['401', '403']).toContain(status)
    }
  }
  return found
}

const site = () => `/etc/nginx/sites-available/berth-${here.server.domain}.conf`
/** A file that something is mounted on can’t be replaced. */
const busy = (file: () => string) => ({
  before: () => here.server.sh(`mount --bind ${file()} ${file()}`),
  after: () => here.server.sh(`umount ${file()}`),
})
const failures: Record<string, { before?(): Promise<unknown>; after?(): Promise<unknown>; cancel?: RegExp }> =
  {
    'the file of users can’t be written': busy(() => '/opt/berth/htpasswd'),
    'the site can’t be written': busy(site),
    'the run is cancelled at the plan': { cancel: moment('the plan') },
    'the run is cancelled after the first change of users': { cancel: moment('users') },
    'the run is cancelled after the site': { cancel: moment('site') },
  }

describe.each([
  ['rules come, bob comes, carol goes', open, ruled],
  ['rules go, carol comes, bob goes', ruled, open],
])('%s', (_, from, to) => {
  test.each(Object.keys(failures))('%s', async failure => {
    const { before, after, cancel } = failures[failure] ?? {}
    succeeded(await here.step(inputs(from)))
    const had = await rights()
    await before?.()
    const run = await here.step(inputs(to), cancel ? { cancel } : {})
    await after?.()
    expect(run.code).not.toBe(0)
    const meanwhile = await rights()
    succeeded(await here.step(inputs(to)))
    const has = await rights()
    const more = [...meanwhile].filter(right => !had.has(right) && !has.has(right))
    expect(more).toEqual([])
    // Nobody of those who stay loses for a while what they have before and after.
    expect([...had].filter(right => has.has(right) && !meanwhile.has(right))).toEqual([])
  })
})
