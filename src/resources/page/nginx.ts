import { type Desired, rightsOf } from '../../desired.ts'
import { isLocked } from '../brake/brake.ts'
import { htpasswdFile, prefix } from '../names.ts'
import { chunks, escaped, groups, rightsDenied } from '../site/rights.ts'
import { catalogSocket, pageFolder } from './place.ts'

/**
 * The page as parts of the site. Each is empty without `page`.
 *
 * As everywhere in the site, nginx first checks the password and only then, in a named location, asks what the user may do.
 */
type Paged = Pick<Desired, 'domain' | 'directory' | 'users' | 'access' | 'registry' | 'page'>

/** What belongs before the site's servers. */
export function pageMaps(desired: Paged): string {
  if (!desired.page) return ''
  const id = prefix(desired.domain)
  return `upstream ${id}_catalog { server unix:${catalogSocket(desired)}; }
# Docker and its like don't ask for HTML.
map "$request_method $request_uri $http_accept" $${id}_browser {
    default "";
    "~^(?:GET|HEAD) /(?:\\?[^ ]*)? .*text/html" 1;
    "~^(?:GET|HEAD) /page(?:\\?[^ ]*)? " 1;
}
# All files that there are.
map $uri $${id}_file {
    default none;
    /page/ index.html;
    /page/page.css page.css;
    /page/page.js page.js;
}
${seesMaps(desired)}`
}

/** What belongs in the server, before its locations. */
export function pageServer({ domain, page }: Paged): string {
  return page ? `\n    if ($${prefix(domain)}_browser) { return 302 /page/; }\n` : ''
}

/** The patterns of what a user may pull, spread over variables, because nginx limits the length of a parameter. */
function seesMaps({ domain, users, access }: Paged): string {
  const parts = seesParts({ users, access })
  return parts
    .map((lines, index) => {
      const text = lines.map(([names, patterns]) => `    "~^(?:${names})\\z" "${patterns}";\n`).join('')
      return `map $remote_user $${prefix(domain)}_sees_${index} {\n    default "";\n${text}}\n`
    })
    .join('')
}

/** For each variable, the users by name, as a regular expression, and their patterns. */
function seesParts({ users, access }: Pick<Desired, 'users' | 'access'>): [string, string][][] {
  if (users === null || access === undefined) return []
  const parts: [string, string][][] = []
  const names = users.map(({ name }) => name)
  for (const group of groups(names, access)) {
    const { pull, push } = rightsOf(group.names[0] ?? '', access)
    const patterns = [...new Set([...pull, ...push])]
    for (const [index, piece] of chunks(patterns, 3000, ' ').entries()) {
      const lines = chunks(group.names.map(escaped), 2000).map(each => [each, piece] as [string, string])
      parts[index] = [...(parts[index] ?? []), ...lines]
    }
  }
  return parts
}

function sees(desired: Paged): string {
  if (desired.access === undefined) return '**'
  return seesParts(desired)
    .map((_, index) => `$${prefix(desired.domain)}_sees_${index}`)
    .join(' ')
}

/**
 * What belongs in the server, beside the other locations. `headers` are those of the server, which a location with headers of its
 * own would lose. `passed` is what the brake needs to know.
 */
export function pageLocations(desired: Paged, headers: string, passed: string): string {
  if (!desired.page) return ''
  const { domain, directory } = desired
  const id = prefix(domain)
  const cache = (value: string) => `${headers}        add_header Cache-Control ${value} always;\n`
  const page = `${cache('no-cache')}        add_header Content-Security-Policy "${policy(domain)}" always;
        add_header Referrer-Policy no-referrer always;
        add_header Cross-Origin-Opener-Policy same-origin always;
        types { text/html html; text/css css; text/javascript js; }
        root ${pageFolder(directory)};
        try_files /$${id}_file =404;
`
  const user = `${cache('no-store')}        return 200 '{"user":"${isLocked(desired) ? '$remote_user' : ''}","sees":"${sees(desired)}"}';\n`
  const data = `${cache('no-store')}        client_max_body_size 1k;
        proxy_pass http://${id}_catalog;
        proxy_pass_request_headers off;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header X-Berth-Sees "${sees(desired)}";
        proxy_buffers 16 64k;
        proxy_read_timeout 320s;
`
  const places = [
    { path: '/page/', name: 'page', content: page },
    { path: '= /page/user', name: 'page_user', content: user },
    { path: '= /page/repositories', name: 'page_data', content: data },
    { path: '^~ /page/tags/', name: 'page_data', content: data },
  ]
  if (!isLocked(desired))
    return places.map(({ path, content }) => `    location ${path} {\n${content}    }\n`).join('')
  const ways = places.map(
    ({ path, name }) => `    location ${path} {
        satisfy all;
        auth_basic "Registry";
        auth_basic_user_file ${htpasswdFile(desired)};
        error_page 401 @page_unauthorized;
        error_page 429 @slower;
        root /nonexistent;
        try_files /none @${name};
    }
`,
  )
  const behind = places.slice(0, 3).map(
    ({ name, content }) => `    location @${name} {
        auth_basic off;
${passed}${rightsDenied(desired)}${content}    }
`,
  )
  return `${ways.join('')}${behind.join('')}    location @page_unauthorized {
        default_type text/plain;
        return 401 'This registry asks for a name and a password. Reload the page to enter them.';
    }
    # A browser keeps one password for all of this, the last that was not refused: the page gives it this one, which opens nothing
    # else. None is looked at here, so it is no guess.
    location = /page/logout {
        access_log off;
        add_header WWW-Authenticate 'Basic realm="Registry"' always;
        if ($http_authorization != "Basic bm9ib2R5Om5vdGhpbmc=") { return 401 '{}'; }
        return 204;
    }
`
}

/** A policy by which the browser runs and requests nothing but these files, above all nothing that somebody has pushed. */
function policy(domain: string): string {
  return [
    "default-src 'none'",
    `script-src https://${domain}/page/page.js`,
    `style-src https://${domain}/page/page.css`,
    `connect-src https://${domain}/v2/ https://${domain}/page/`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}
