import { createHash } from 'node:crypto'
import { type Access, type Desired, type Rights, rightsOf } from '../../desired.ts'

/**
 * What stands before the registry in nginx: who may pull and push what (`access`), and the slowing of those who guess
 * passwords. Each function is a part of the site, empty where there is nothing to guard.
 *
 * The name in a Basic header is what a client says, before the registry has checked its password. So it is only ever a
 * reason to refuse: what passes here still meets the registry, which refuses a wrong password.
 */

type Guarded = Pick<Desired, 'domain' | 'users' | 'access'>

/** Seconds that each wrong password costs the address it comes from, and how many of its wrong answers may wait. */
const guess = { rate: '1r/s', burst: 20 }

/** What belongs before the site's servers. */
export function accessMaps(desired: Guarded): string {
  const { domain, users, access } = desired
  if (users === null) return ''
  const id = prefix(domain)
  return [
    `# Without credentials a 401 is how every client begins, so only an answer to credentials counts as a guess.
map $http_authorization $${id}_guesser {
    default $binary_remote_addr;
    "" "";
}
limit_req_zone $${id}_guesser zone=${id}_guesses:1m rate=${guess.rate};
`,
    ...(access
      ? [
          ruleMaps(
            id,
            access,
            users.map(({ name }) => name),
          ),
        ]
      : []),
    '',
  ].join('\n')
}

/** What belongs into the location that proxies, beside its other `proxy_set_header`. */
export function accessLocation({ domain, users, access }: Guarded): string {
  if (users === null) return ''
  const id = prefix(domain)
  const rules = `
        # Who has no right to what is asked for is told so before a byte of it is read.
        if ($${id}_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_denied"}]}'; }
        if ($${id}_source_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_source_denied"}]}'; }
        # One header, and only of a user whom the rules know; without it the registry asks for credentials.
        proxy_set_header Authorization $${id}_authorization;
        proxy_set_header Content-Type $${id}_content_type;
`
  return `${access ? rules : ''}
        proxy_intercept_errors on;
        error_page 401 = @refused;
`
}

/**
 * Where an answer of 401 goes. A wrong password waits here; nobody with the right one comes along. The registry is asked
 * again without credentials, so that the answer is its own.
 */
export function accessRefused({ domain, users, registry }: Guarded & Pick<Desired, 'registry'>): string {
  if (users === null) return ''
  return `
    location @refused {
        limit_req zone=${prefix(domain)}_guesses burst=${guess.burst};
        limit_req_status 429;
        limit_req_log_level warn;
        proxy_pass http://127.0.0.1:${registry.port};
        proxy_http_version 1.1;
        proxy_pass_request_body off;
        proxy_set_header Authorization "";
        proxy_set_header Content-Length "";
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        # It is there already, from the first answer.
        proxy_hide_header WWW-Authenticate;
    }
`
}

// Variables are global in nginx, and their names must be short: several registries may live on one server.
export function prefix(domain: string): string {
  return `berth_${createHash('sha256').update(domain).digest('hex').slice(0, 8)}`
}

// No name that the registry takes has a percent sign, an empty part or one of dots, so a path that is spelled otherwise
// is not on the list. In a query, Docker writes the slash as %2F.
const part = '[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?'
const repository = `${part}(?:/${part})*`
const quotedRepository = `${part}(?:(?:/|%2[Ff])${part})*`
/** A tag or a digest. */
const reference = '(?:[\\w.+:-]|%3[Aa])+'
const query = '(?:\\?[!-~]*)?'
// The registry decodes the names of parameters: with `%66rom` or a second `from` it would see what nginx does not.
const parameter = '(?!from=)[a-z_-]+=[\\w.:%+~/=-]*'
const mountQuery = `(?:\\?(?:${parameter}(?:&${parameter})*)?)?`
const mountFromQuery = `\\?(?:${parameter}&)*from=${quotedRepository}(?:&${parameter})*`

function ruleMaps(id: string, access: Access, names: readonly string[]): string {
  const lines = (each: readonly string[]) => each.map(line => `    ${line}\n`).join('')
  const rules = ruleLines(names, access)
  const everything = groups(names, access)
    .filter(({ rights }) => [...rights.pull, ...rights.push].includes('**'))
    .flatMap(group => chunks(group.names.map(escaped), 2000))
    .map(each => `"~^(?:${each}) list all repositories\\z" "";`)
  const known = chunks(names.map(escaped), 2000)
  const repo = `(?<${id}_repository>${repository})`
  return `# Who the client says it is: one of the users, or nobody. Two headers, or one in an odd spelling, are nobody's.
map "$remote_user $http_authorization" $${id}_user {
    default "";
${lines(known.map(each => `"~^(?:${each}) [Bb][Aa][Ss][Ii][Cc] [A-Za-z0-9+/]+=*\\z" $remote_user;`))}}
map $${id}_user $${id}_authorization {
    default $http_authorization;
    "" "";
}
# What is asked for, from a list of all that a client may ask; deleting is pushing.
map "$request_method $request_uri" $${id}_asks {
    default "ask for this path";
    "~^(?:GET|HEAD) /(?:v2/?)?${query}\\z" "log in";
    "~^(?:GET|HEAD) /v2/_catalog${query}\\z" "list all repositories";
    "~^(?:GET|HEAD) /v2/${repo}/(?:manifests/${reference}|blobs/${reference}|referrers/${reference}|tags/list)${query}\\z" "pull $${id}_repository";
    "~^(?:PUT|DELETE) /v2/${repo}/manifests/${reference}${query}\\z" "push $${id}_repository";
    "~^DELETE /v2/${repo}/blobs/${reference}${query}\\z" "push $${id}_repository";
    "~^(?:GET|HEAD|PATCH|PUT|DELETE) /v2/${repo}/blobs/uploads/[\\w.=-]+${query}\\z" "push $${id}_repository";
    "~^POST /v2/${repo}/blobs/uploads/${mountQuery}\\z" "push $${id}_repository";
    "~^POST /v2/${repo}/blobs/uploads/${mountFromQuery}\\z" "push $${id}_repository";
}
# A layer may be taken over from another repository.
map "$request_method $request_uri" $${id}_source {
    default "";
    "~^POST [^?]*\\?(?:.*&)?from=(?<${id}_from>[^&]*)" $${id}_from;
}
# The registry would read a form's fields before those of the URL: a layer's source must not hide in a body.
map $request_method $${id}_content_type {
    default $content_type;
    POST application/octet-stream;
}
# The rules. What they do not allow is denied, with these words; whoever shows no credentials is the registry's to ask.
map "$${id}_user $${id}_asks" $${id}_denied {
    default "$${id}_user may not $${id}_asks";
    "~^ " "";
    "~ log in\\z" "";
${lines([...everything, ...rules])}}
map "$${id}_user pull $${id}_source" $${id}_source_denied {
    default "$${id}_user may not pull $${id}_source";
    "~^ " "";
    "~ pull \\z" "";
${lines(rules)}}
`
}

function ruleLines(names: readonly string[], access: Access): string[] {
  return groups(names, access).flatMap(group =>
    (['pull', 'push'] as const).flatMap(verb =>
      chunks(group.rights[verb].map(patternRegex), 1500).flatMap(patterns =>
        chunks(group.names.map(escaped), 2000).map(
          // Nobody can push without looking at what is there.
          each => `"~^(?:${each}) ${verb === 'push' ? '(?:pull|push)' : 'pull'} (?:${patterns})\\z" "";`,
        ),
      ),
    ),
  )
}

/** Users with the same rights, in the order of their first. */
function groups(names: readonly string[], access: Access): { names: string[]; rights: Rights }[] {
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

/** Alternatives of a regular expression, in pieces: nginx takes no parameter of more than 4 KB. */
function chunks(alternatives: readonly string[], limit: number): string[] {
  const pieces: string[] = []
  for (const each of alternatives) {
    const last = pieces.at(-1)
    if (last === undefined || last.length + each.length >= limit) pieces.push(each)
    else pieces[pieces.length - 1] = `${last}|${each}`
  }
  return pieces
}

/** `*` is any part of a name between slashes, `**` goes over slashes too. */
export function patternRegex(pattern: string): string {
  return pattern
    .split(/(\*\*|\*|\/)/)
    .map(each =>
      each === '**' ? '.*' : each === '*' ? '[^/%]*' : each === '/' ? '(?:/|%2[Ff])' : escaped(each),
    )
    .join('')
}

function escaped(text: string): string {
  return text.replace(/[.+]/g, '\\$&')
}
