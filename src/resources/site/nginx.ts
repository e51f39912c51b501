import type { Desired } from '../../desired.ts'
import { notice, withoutComments } from '../../shell.ts'
import { brakeMaps, brakePassed, brakeServer, isLocked } from '../brake/brake.ts'
import { guardLocation, guardMaps, guardServer, guardWay } from '../guard/guard.ts'
import { berthWebroot, chainFile, htpasswdFile, prefix } from '../names.ts'
import { pageLocations, pageMaps, pageServer } from '../page/nginx.ts'
import {
  clientDefaults,
  limitZones,
  noRequestLimit,
  proxyDefaults,
  serverDefaults,
  streaming,
} from './inherited.ts'
import {
  challengeLocation,
  challengeUpstream,
  failover,
  peerMap,
  peerServer,
  registryUpstream,
} from './peers.ts'
import { rightsLocation, rightsMaps } from './rights.ts'

/** Differences between versions of nginx, newest first, each with the version that brought it. */
export const dialects = [
  { since: '1.25.1', http2: true },
  { since: '1.19.4', http2: false },
] as const

/** The oldest nginx that can refuse a client without showing a certificate. */
export const oldest = '1.19.4'

type Dialect = (typeof dialects)[number]

/** What a site has to fit in with. */
export interface Neighbours {
  ipv6: boolean
  /** certbot's name for the registry's certificate. */
  lineage: string
  /** Another folder with certbot's challenge for this domain, for somebody else's certificate. */
  webroot: string | undefined
  /** Those directives of `optional` that the configuration of other sites names. */
  named: readonly string[]
  /** `4`, `6` or both: for which of IPv4 and IPv6 another site answers for unknown names on port 443. */
  others: string
  /** IP addresses of the registry’s other servers. */
  peers: readonly string[]
}

/** A file that exists while nginx is about to be reloaded. */
const draining = '/run/berth-draining'

/** The dialect that a version of nginx understands. */
export function dialect(version: string): Dialect {
  return dialects.find(({ since }) => rank(version) >= rank(since)) ?? dialects[1]
}

/** A number to compare versions by: `1.25.1` is 1025001. A collator would take Node 20 ms to load. */
export function rank(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  return (major * 1000 + minor) * 1000 + patch
}

/** What the server on port 80 has to fit in with. */
type Port80 = Pick<Neighbours, 'ipv6' | 'webroot' | 'named' | 'peers'>

/** Port 80: the authority's challenge, and a redirect to HTTPS. Before the first certificate, this is the whole site. */
export function challengeConf(domain: string, { ipv6, webroot, named, peers }: Port80): string {
  const id = prefix(domain)
  const last = peers.length === 0 ? '' : ' try_files $uri @peers;'
  const fallback = webroot === undefined ? last : ' try_files $uri @elsewhere;'
  // Somebody else's certificate that has this name too is renewed by it.
  const elsewhere = webroot === undefined ? '' : `\n    location @elsewhere { root ${webroot};${last} }`
  return `${notice}
${limitZones(id)}${challengeUpstream(domain, peers)}server {
    ${listen('80', ipv6)}
    server_name ${domain};
    server_tokens off;
    access_log /var/log/nginx/${domain}.access.log;
    error_log /var/log/nginx/${domain}.error.log;
${serverDefaults(id, named)}${noRequestLimit(id)}
    location /.well-known/acme-challenge/ { root ${berthWebroot};${fallback} }${elsewhere}${challengeLocation(domain, peers)}
    location / { return 301 https://${domain}$request_uri; }
}
`
}

function listen(port: string, ipv6: boolean): string {
  return [`listen ${port};`, ...(ipv6 ? [`listen [::]:${port};`] : [])].join('\n    ')
}

/** Berth's servers for ports 80 and 443, and one for unknown names unless another site answers for them. */
export function siteConf(desired: Site, dialect: Dialect, neighbours: Neighbours): string {
  const { domain, certificate } = desired
  const id = prefix(domain)
  const { ipv6, others, lineage, named, peers } = neighbours
  const chain = chainFile(desired, lineage)
  const key = certificate ? chain : `/etc/letsencrypt/live/${lineage}/privkey.pem`
  const tls = dialect.http2 ? `${listen('443 ssl', ipv6)}\n    http2 on;` : listen('443 ssl http2', ipv6)
  const text = `# The registry's socket, whichever of its containers serves.
${registryUpstream(desired, peers)}
${guardMaps(desired)}${isLocked(desired) ? peerMap(domain, peers) + brakeMaps(desired) + rightsMaps(desired) : ''}${pageMaps(desired)}
server {
    ${tls}
    server_name ${domain};
    server_tokens off;
    access_log /var/log/nginx/${domain}.access.log;
    error_log /var/log/nginx/${domain}.error.log;

    ssl_certificate ${chain};
    ssl_certificate_key ${key};

${protocols}
    ssl_session_timeout 1d;
    ssl_session_cache shared:berth:10m;
    gzip off;

    # A reload closes connections that are idle, while a client may be about to use one again: HTTP/1.1 can't tell it in
    # time. So shortly before a reload none is kept. HTTP/2 has words of its own for that.
    set $${id}_connection "";
    if (-f ${draining}) { set $${id}_connection close; }
    if ($server_protocol = HTTP/2.0) { set $${id}_connection ""; }
${headers(id, '    ')}    add_header Docker-Distribution-Api-Version registry/2.0 always;

    # Layers are as large as they are, and go straight through: a proxy that first writes them to its own disk halves
    # the speed of an upload. In pieces of some size, for with the default of 4 to 64 KB the switching costs more than the work.
    client_max_body_size 0;
    client_body_buffer_size 1m;
    http2_body_preread_size 1m;
    http2_chunk_size 128k;
    chunked_transfer_encoding on;
    client_body_timeout 60s;
    default_type application/json;

    # In place of what is meant for other sites.
${serverDefaults(id, named)}${clientDefaults}${isLocked(desired) ? brakeServer(desired, peers.length > 0) : noRequestLimit(id)}${guardServer(desired, peers.length > 0)}${pageServer(desired)}
${pageLocations(desired, headers(id, '        '), isLocked(desired) ? brakePassed(desired) : '')}${locations(desired, peers)}}
${peerServer(desired, named, peers)}${stranger(dialect, others, ipv6)}`
  return `${challengeConf(domain, neighbours)}\n${withoutComments(text)}`
}

/** The headers of every answer. */
function headers(id: string, indent: string): string {
  return `${indent}add_header Connection $${id}_connection always;
${indent}add_header Strict-Transport-Security "max-age=63072000" always;
${indent}add_header X-Content-Type-Options nosniff always;
`
}

type Site = Pick<
  Desired,
  'domain' | 'registry' | 'directory' | 'certificate' | 'users' | 'access' | 'page' | 'acme'
>

/**
 * nginx lets in whoever is in the file of users, which it reads for each request, and only then checks what they may do: `try_files`
 * comes after the check of the password, and finds nothing. The registry itself checks no password.
 */
function locations(desired: Site, peers: Neighbours['peers']): string {
  if (!isLocked(desired)) return `    location / {${proxy(desired, peers)}    }\n`
  return `    location / {
        # Even where all sites have "satisfy any": an address is not a password.
        satisfy all;
        auth_basic "Registry";
        auth_basic_user_file ${htpasswdFile(desired)};
        root /nonexistent;
        try_files /none @registry;
    }
    error_page 401 @unauthorized;
    location @unauthorized {
        return 401 '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}';
    }
    location @registry {
        auth_basic off;
${brakePassed(desired)}        proxy_set_header Authorization "";
${rightsLocation(desired)}${proxy(desired, peers)}    }
`
}

function proxy(desired: Site, peers: Neighbours['peers']): string {
  return `${guardLocation(desired, peers.length > 0)}
        proxy_pass http://${guardWay(desired, peers.length > 0)};
${streaming}\
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        # nginx has said it already.
        proxy_hide_header Docker-Distribution-Api-Version;
        proxy_connect_timeout 60s;
        proxy_send_timeout 900s;
        proxy_read_timeout 900s;
        send_timeout 900s;
${failover(desired, peers)}${proxyDefaults}`
}

/**
 * Mozilla's intermediate configuration, version 6.0, without its curves: OpenSSL 3.5's own list begins with the post-quantum
 * X25519MLKEM768, and an older OpenSSL would refuse a list that has it. Tickets are off because nginx would encrypt them with one
 * key for as long as it runs.
 */
const protocols = `    # Mozilla's intermediate configuration, version 6.0.
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_prefer_server_ciphers off;
    ssl_session_tickets off;
    # The same once more, so that commands for other sites are none for this one.
    ssl_conf_command Options -SessionTicket;`

/** A server that shows no certificate to whoever asks for an unknown name, unless another site answers for those. */
function stranger({ http2 }: Dialect, others: string, ipv6: boolean): string {
  const kind = http2 ? 'ssl' : 'ssl http2'
  const listens = [
    ...(others.includes('4') ? [] : [`listen 443 ${kind} default_server;`]),
    ...(others.includes('6') || !ipv6 ? [] : [`listen [::]:443 ${kind} default_server;`]),
  ]
  if (listens.length === 0) return ''
  return `
server {
    ${listens.join('\n    ')}
    server_name _;
    ssl_reject_handshake on;
    # A connection for our name may still ask for another.
    return 421;

${protocols}
}
`
}
