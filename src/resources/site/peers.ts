import { createHash } from 'node:crypto'
import type { Desired } from '../../desired.ts'
import { isLocked } from '../brake/brake.ts'
import { prefix, socket } from '../names.ts'
import { noRequestLimit, proxyDefaults, serverDefaults, streaming } from './inherited.ts'

/**
 * Parts of the site of a registry with several servers: nginx asks the others for challenges that it does not have, and passes on to
 * them what its own registry can’t answer. Each part is empty if there is only one server.
 *
 * A request goes from one server to another at most once, and has a header that says so.
 */
type Site = Pick<Desired, 'domain' | 'directory' | 'registry' | 'users' | 'shared'> & {
  acme: Pick<Desired['acme'], 'ca'>
}

/** The header by which a server says that it asks for another. */
const header = 'X-Berth-Peer'
const asked = '$http_x_berth_peer'

/** IP addresses, each as nginx takes it before a port. */
function servers(peers: readonly string[], port: number): string {
  return peers
    .map(each => `    server ${each.includes(':') ? `[${each}]` : each}:${port} max_fails=0;\n`)
    .join('')
}

/** What belongs before the server on port 80. */
export function challengeUpstream(domain: string, peers: readonly string[]): string {
  return peers.length === 0 ? '' : `upstream ${prefix(domain)}_challenges {\n${servers(peers, 80)}}\n`
}

/** What belongs in that server: where to look for a challenge that is not here. The timeouts are short, in case a server is down. */
export function challengeLocation(domain: string, peers: readonly string[]): string {
  if (peers.length === 0) return ''
  return `
    location @peers {
        if (${asked}) { return 404; }
        proxy_pass http://${prefix(domain)}_challenges;
        proxy_set_header Host ${domain};
        proxy_set_header ${header} 1;
        proxy_connect_timeout 1s;
        proxy_read_timeout 2s;
        proxy_send_timeout 2s;
        proxy_next_upstream error timeout invalid_header http_404 http_500 http_502 http_503 http_504;
${proxyDefaults}    }`
}

/**
 * Where nginx finds the registry: always its own first. The others are behind a server of this nginx, because they need TLS and the
 * socket must not have it, and an upstream has only one of the two. So nginx itself knows what may be sent again.
 */
export function registryUpstream(desired: Site, peers: readonly string[]): string {
  const id = prefix(desired.domain)
  const own = `unix:${socket(desired)}`
  if (peers.length === 0) return `upstream ${id} { server ${own}; }\n`
  return `upstream ${id} {
    server ${own} max_fails=0;
    server ${loopback(desired.domain)}:80 backup max_fails=0;
}
upstream ${id}_elsewhere {
    server ${loopback(desired.domain)}:80 max_fails=0;
}
upstream ${id}_peers {
${servers(peers, 443)}}
# Where to ask if this server can't answer; nowhere if another one asks, for that one goes on to the next.
map ${asked} $${id}_detour {
    default "";
    "" ${id}_elsewhere;
}
`
}

/** What belongs in the location that proxies to the registry. */
export function failover(desired: Site, peers: readonly string[]): string {
  if (peers.length === 0) return ''
  // A registry without its storage answers 503.
  return `        proxy_next_upstream error http_503;
${isLocked(desired) ? '        proxy_set_header X-Berth-Authorization $http_authorization;\n' : ''}`
}

/**
 * The way to the others, for this nginx alone. Each of them must show a certificate for the registry’s name, and checks the password
 * itself.
 */
export function peerServer(desired: Site, named: readonly string[], peers: readonly string[]): string {
  const { domain } = desired
  if (peers.length === 0) return ''
  const id = prefix(domain)
  return `
server {
    listen ${loopback(domain)}:80;
    server_name ${domain};
    server_tokens off;
    access_log off;
    error_log /var/log/nginx/${domain}.error.log;
    default_type application/json;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    large_client_header_buffers 4 64k;
${serverDefaults(id, named)}${noRequestLimit(id)}
    location / {
        # Asked by one of the others: they have tried each other.
        if (${asked}) { return 503 '{"errors":[{"code":"UNAVAILABLE","message":"no server of this registry answers"}]}'; }
        proxy_pass https://${id}_peers;
        proxy_ssl_server_name on;
        proxy_ssl_name ${domain};
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 5;
        proxy_ssl_trusted_certificate ${trustOf(desired)};
${streaming}\
        proxy_set_header ${header} 1;
${isLocked(desired) ? '        proxy_set_header Authorization $http_x_berth_authorization;\n        proxy_set_header X-Berth-Authorization "";\n' : ''}\
        # This server says them itself.
        proxy_hide_header Strict-Transport-Security;
        proxy_hide_header X-Content-Type-Options;
        proxy_connect_timeout 2s;
        proxy_send_timeout 900s;
        proxy_read_timeout 900s;
        proxy_next_upstream error timeout http_502 http_503;
${proxyDefaults}    }
}
`
}

/** The file with the authorities that must have signed the other servers’ certificates. */
export function peersTrust(directory: string): string {
  return `${directory}/peers.pem`
}

function trustOf({ directory, acme }: Site): string {
  return acme.ca === undefined ? '/etc/ssl/certs/ca-certificates.crt' : peersTrust(directory)
}

/** A loopback address that no other registry on this machine uses. nginx has port 80 of all addresses anyway. */
function loopback(domain: string): string {
  const bytes = createHash('sha256').update(domain).digest().subarray(0, 3)
  return ['127', ...[...bytes].map(byte => 1 + (byte % 254))].join('.')
}

/** What belongs before the site’s servers, for the brake: the other servers have already limited what they pass on. */
export function peerMap(domain: string, peers: readonly string[]): string {
  if (peers.length === 0) return ''
  return `map $remote_addr $${prefix(domain)}_peer {\n    default "";\n${peers.map(each => `    ${each} 1;\n`).join('')}}\n`
}

/** The addresses to which a site passes requests on. */
export function passedTo(content: string, domain: string): string[] {
  const [, upstream = ''] =
    new RegExp(`^upstream ${prefix(domain)}_peers \\{\\n([^}]*)\\}`, 'm').exec(content) ?? []
  return [...upstream.matchAll(/^ *server \[?([0-9a-f.:]+?)\]?:443 /gm)].map(([, address = '']) => address)
}
