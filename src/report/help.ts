/**
 * Where each message leads: a heading of docs/troubleshooting.md, and what the messages have in common that it is about. The
 * first that fits counts. A new message needs a pattern here, and the heading where there is none yet; a test collects
 * all messages of the sources and names those that lead nowhere.
 *
 * A heading is also the title of the annotation, which GitHub does not mask: it must be the same for everybody.
 */
const topics: readonly (readonly [heading: string, ...patterns: RegExp[]])[] = [
  // What begins with the name of an input.
  ['The SSH key can’t be used', /^ssh-key/, /`ssh-key(-passphrase)?` (is|can’t|does)/],
  ['The host key is missing or another one', /^ssh-known-hosts: /, /`ssh-known-hosts`/],
  ['Users, passwords and access', /^(users|access|auth|push-user): /],
  ['The certificate that you bring is not accepted', /^certificate(-key)?: /],
  ['An image or a tag has no valid name', /^(image|tags): /],
  ['An input is missing or wrong', /^[a-z][a-z-]*: /, /not there yet|this mode needs|NUL byte/],

  // Between the runner and the server.
  ['Another run is at work', /another run|another workflow at work|keeps changing/],
  ['Somebody else pushes the same tag', /another workflow pushing the same tag/],
  ['A tag would move', /`immutable`/],
  ['The disk is full', /disk is (nearly )?full/, /enlarge (the|its) disk/],
  ['The server’s clock is wrong', /clock shows/],
  ['The runner lacks a program', /this runner has no `ssh`|this runner has no Docker|this runner has none/],
  ['The runner’s Docker does not answer', /^Docker can’t|DOCKER_HOST|the engine ended/],
  [
    'The server does not let SSH in',
    /let `.*` in with this key|let the key in and closed|closed the connection while|takes no keys from|runs no commands for this user/,
  ],
  ['Berth can’t become root', /become root|sudo (wants|does not|asks)|no sudo/],
  [
    'The connection was lost',
    /cut off|connection to .* was lost|the run was cancelled|^cancelled$|did not say/,
  ],
  [
    'SSH does not reach the server',
    /SSH/,
    /`ssh-(host|port|jump)`/,
    /no connection to|jump host|can’t be reached through/,
  ],

  // On the server.
  ['Docker does not start on the server', /Docker does not start/],
  ['Another package manager is at work', /another package manager/],
  ['A program is missing on the server', /the server lacks|that would remove/],
  ['A port is taken', /port .* is taken by|shows another certificate for/],
  [
    'Another site or registry is in the way',
    /set up by hand|`adopt: true`|together with other names|holds images already/,
  ],
  ['nginx refuses its configuration', /nginx refuses/],
  ['The server has no registry yet', /has no registry .* of Berth’s/],

  // Certificates.
  [
    'The certificate authority gives no certificate',
    /CAA|`acme-(eab|server)|nonces|by its policy|another `email`|status page/,
  ],
  [
    'The certificate authority sees another world',
    /though this runner can|other parts of the world|another certbot/,
  ],
  [
    'A private authority is not trusted',
    /trusts?\b.*(authority|certificate)|authority is given as `ca`|trust `ca`|give (a private one|that) as `ca`/,
  ],
  [
    'The certificate is not renewed',
    /certificate of .* (was renewed|is valid for)|serves a certificate|newer one as|authority gave one/,
  ],
  [
    'The certificate is not the right one',
    /certificate that .* shows (has expired|is not valid yet|is for other)|shows no certificate/,
  ],
  ['GitHub can’t be told', /can’t be kept: /],
  [
    'DNS does not lead to the server',
    /DNS|neither an A nor an AAAA|does not resolve|no certificate authority can reach|record of .* leads|point it to this/,
  ],
  [
    'Port 80 can’t be reached',
    /port 80|the runner did not see|whether it sees|instead of this server’s token/,
  ],

  // The registry and what is pushed.
  ['The registry does not start', /the registry (is back|did not come back|does not start)/],
  [
    'The registry does not let a user in',
    /does not let `.*` in \(|with the new password|should (ask for credentials|be open)|old hash in htpasswd/,
  ],
  ['A user may not push', /may not push/],
  ['A proxy is in the way', /a proxy in front of .* refuses/],
  [
    'The image is not there',
    /no image|does not hold exactly one|in the workspace|neither a `docker save`|=> repository|that is the|did you mean/,
  ],
  ['The registry does not answer', /port 443|over HTTPS|is answered with/],
  ['A push stops half way', /could not be pushed|can’t push|lacks parts of|was pushed as/],
  ['A step on the server failed', / failed[:;]|the server (said|refused)|was not possible/],
]

/** The heading of docs/troubleshooting.md under which a message is explained; `undefined` if there is none. */
export function topic(message: string): string | undefined {
  return topics.find(([, ...patterns]) => patterns.some(pattern => pattern.test(message)))?.[0]
}

/** All headings that messages lead to. */
export const headings: readonly string[] = topics.map(([heading]) => heading)

/** What GitHub makes of a heading to link to it. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
}

/**
 * A page of docs/ on GitHub, as of the version of Berth that runs: `env` tells where that came from. Without it, as in
 * a local run or with `uses: ./`, it is the path.
 */
export function page(file: string, env: Record<string, string | undefined>): string {
  const { GITHUB_SERVER_URL: server, GITHUB_ACTION_REPOSITORY: repository, GITHUB_ACTION_REF: ref } = env
  return server && repository ? `${server}/${repository}/blob/${ref || 'HEAD'}/docs/${file}` : `docs/${file}`
}

/** The page that explains a message. */
export function helpFor(message: string, env: Record<string, string | undefined>): string {
  const heading = topic(message)
  return page('troubleshooting.md', env) + (heading === undefined ? '' : `#${anchor(heading)}`)
}
