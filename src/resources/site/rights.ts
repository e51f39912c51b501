import { type Access, type Desired, type Rights, rightsOf } from '../../desired.ts'
import { prefix } from '../names.ts'

/**
 * Who may pull and push what (`access`), as parts of the site. Each is empty if there are no rules.
 *
 * nginx comes here only after it has checked the password, so that nobody without one learns the rules.
 */

type Ruled = Pick<Desired, 'domain' | 'users' | 'access' | 'page'>

/** What belongs before the site's servers. */
export function rightsMaps({ domain, users, access, page }: Ruled): string {
  if (users === null || access === undefined) return ''
  return ruleMaps(
    prefix(domain),
    access,
    users.map(({ name }) => name),
    page,
  )
}

/** What belongs in the location that proxies, before anything is read of the request’s body. */
export function rightsLocation(desired: Ruled): string {
  const { domain, users, access } = desired
  if (users === null || access === undefined) return ''
  const id = prefix(domain)
  return `
${rightsDenied(desired)}        if ($${id}_source_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_source_denied"}]}'; }
        proxy_set_header Content-Type $${id}_content_type;
`
}

/** What belongs in every location that gives something away. */
export function rightsDenied({ domain, users, access }: Ruled): string {
  if (users === null || access === undefined) return ''
  const id = prefix(domain)
  return `        if ($${id}_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_denied"}]}'; }
`
}

// No name that the registry accepts has a percent sign, an empty part or one made of dots, so no path that is written in another way
// matches. In a query, Docker writes the slash as %2F.
const part = '[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?'
const repository = `${part}(?:/${part})*`
const quotedRepository = `${part}(?:(?:/|%2[Ff])${part})*`
/** A tag or a digest. */
const reference = '(?:[\\w.+:-]|%3[Aa])+'
const query = '(?:\\?[!-~]*)?'
// The registry decodes the names of parameters, so it would understand `%66rom` or a second `from` when nginx does not.
const parameter = '(?!from=)[a-z_-]+=[\\w.:%+~/=-]*'
const mountQuery = `(?:\\?(?:${parameter}(?:&${parameter})*)?)?`
const mountFromQuery = `\\?(?:${parameter}&)*from=${quotedRepository}(?:&${parameter})*`

/**
 * Limits the length of the whole request. A name has at most 255 characters, and a client’s query some hundreds. Matching longer ones
 * piece by piece would cost a worker 180 ms.
 */
const bounded = '(?=[^?]{1,700}(?:\\?.{0,2000})?\\z)'

function ruleMaps(id: string, access: Access, names: readonly string[], page: boolean): string {
  const lines = (each: readonly string[]) => each.map(line => `    ${line}\n`).join('')
  const rules = ruleLines(names, access)
  const everything = groups(names, access)
    .filter(({ rights }) => [...rights.pull, ...rights.push].includes('**'))
    .flatMap(group => chunks(group.names.map(escaped), 2000))
    .map(each => `"~^(?:${each}) list all repositories\\z" "";`)
  const repo = `(?<${id}_repository>${repository})`
  const asks = (methods: string, path: string, what: string) =>
    `"~^(?:${methods}) ${bounded}${path}\\z" "${what}";`
  const v2 = `/v2/${repo}`
  const pageAsks = [
    asks('GET|HEAD', `/page/(?:page\\.css|page\\.js|user|repositories)?${query}`, 'log in'),
    asks('GET|HEAD', `/page/tags/${repo}`, `pull $${id}_repository`),
  ]
  return `# What is asked for, from a list of all that a client may ask; deleting is pushing.
map "$request_method $request_uri" $${id}_asks {
    default "ask for this path";
    ${asks('GET|HEAD', `/(?:v2/?)?${query}`, 'log in')}
    ${asks('GET|HEAD', `/v2/_catalog${query}`, 'list all repositories')}
    ${asks('GET|HEAD', `${v2}/(?:manifests/${reference}|blobs/${reference}|referrers/${reference}|tags/list)${query}`, `pull $${id}_repository`)}
    ${asks('PUT|DELETE', `${v2}/manifests/${reference}${query}`, `push $${id}_repository`)}
    ${asks('DELETE', `${v2}/blobs/${reference}${query}`, `push $${id}_repository`)}
    ${asks('GET|HEAD|PATCH|PUT|DELETE', `${v2}/blobs/uploads/[\\w.=-]+${query}`, `push $${id}_repository`)}
    ${asks('POST', `${v2}/blobs/uploads/${mountQuery}`, `push $${id}_repository`)}
    ${asks('POST', `${v2}/blobs/uploads/${mountFromQuery}`, `push $${id}_repository`)}
${page ? lines(pageAsks) : ''}}
# A layer may be taken over from another repository. Its name may be quoted, and is then up to three times as long.
map "$request_method $request_uri" $${id}_source {
    default "";
    "~^POST ${bounded}[^?]*\\?(?:.*&)?from=(?<${id}_from>[^&]*)(?:&|\\z)" $${id}_from;
}
# The registry would read a form's fields before those of the URL: a layer's source must not hide in a body.
map $request_method $${id}_content_type {
    default $content_type;
    POST application/octet-stream;
}
# The rules. What they do not allow is denied, with these words.
map "$remote_user $${id}_asks" $${id}_denied {
    default "$remote_user may not $${id}_asks";
    "~ log in\\z" "";
${lines([...everything, ...rules])}}
map "$remote_user pull $${id}_source" $${id}_source_denied {
    default "$remote_user may not pull $${id}_source";
    "~ pull \\z" "";
${lines(rules)}}
`
}

function ruleLines(names: readonly string[], access: Access): string[] {
  return groups(names, access).flatMap(group =>
    (['pull', 'push'] as const).flatMap(verb =>
      chunks(group.rights[verb].map(patternRegex), 1500).flatMap(patterns =>
        chunks(group.names.map(escaped), 2000).map(
          // Nobody can push without reading what is there.
          each => `"~^(?:${each}) ${verb === 'push' ? '(?:pull|push)' : 'pull'} (?:${patterns})\\z" "";`,
        ),
      ),
    ),
  )
}

/** Groups of users with the same rights, in the order of their first members. */
export function groups(names: readonly string[], access: Access): { names: string[]; rights: Rights }[] {
  const byRights = new Map<string, { names: string[]; rights: Rights }>()
  for (const name of names) {
    const rights = rightsOf(name, access)
    const key = JSON.stringify([rights.pull, rights.push])
    const group = byRights.get(key) ?? { names: [], rights }
    group.names.push(name)
    byRights.set(key, group)
  }
  return [...byRights.values()]
}

/** Splits the alternatives of a regular expression, because nginx takes no parameter of more than 4 KB. */
export function chunks(alternatives: readonly string[], limit: number, separator = '|'): string[] {
  const pieces: string[] = []
  for (const each of alternatives) {
    const last = pieces.at(-1)
    if (last === undefined || last.length + each.length >= limit) pieces.push(each)
    else pieces[pieces.length - 1] = `${last}${separator}${each}`
  }
  return pieces
}

/** `*` matches any part of a name between slashes, `**` matches slashes too. */
export function patternRegex(pattern: string): string {
  return pattern
    .split(/(\*\*|\*|\/)/)
    .map(each =>
      each === '**' ? '.*' : each === '*' ? '[^/%]*' : each === '/' ? '(?:/|%2[Ff])' : escaped(each),
    )
    .join('')
}

export function escaped(text: string): string {
  return text.replace(/[.+]/g, '\\$&')
}
