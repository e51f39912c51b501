import type { Desired } from '../../desired.ts'
import { notice, withoutComments } from '../../shell.ts'
import { brakeMaps, brakePassed, brakeServer, isLocked } from '../brake/brake.ts'
import { guardLocation, guardMaps } from '../guard/guard.ts'
import { chainFile, htpasswdFile, prefix, socket } from '../names.ts'
import { rightsLocation, rightsMaps } from './rights.ts'

/** What differs between versions of nginx: the newest first, each from the version that brought it. */
export const dialects = [
  { since: '1.25.1', http2: true },
  { since: '1.19.4', http2: false },
] as const

/** The oldest nginx that can refuse a stranger without showing a certificate. */
export const oldest = '1.19.4'

type Dialect = (typeof dialects)[number]

/** What a site has to fit in with. */
export interface Neighbours {
  ipv6: boolean
  /** On which of `4` and `6` another site answers on port 443 for names that nobody knows. */
  others: string
}

/** Is there while nginx is about to be reloaded. */
const draining = '/run/berth-draining'

/** The one that a version of nginx understands. */
export function dialect(version: string): Dialect {
  return dialects.find(({ since }) => rank(version) >= rank(since)) ?? dialects[1]
}

/** To compare versions: `1.25.1` is 1025001. To compare as a language collates would have Node load all of that first, for 20 ms. */
export function rank(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  return (major * 1000 + minor) * 1000 + patch
}

/** Port 80: the authority's challenge, and the way to HTTPS. It is all there is before the first certificate. */
export function challengeConf(domain: string, ipv6: boolean): string {
  return `${notice}
server {
    ${listen('80', ipv6)}
    server_name ${domain};
    server_tokens off;
    access_log /var/log/nginx/${domain}.access.log;
    error_log /var/log/nginx/${domain}.error.log;

    location /.well-known/acme-challenge/ { root /var/www/berth; }
    location / { return 301 https://${domain}$request_uri; }
}
`
}

function listen(port: string, ipv6: boolean): string {
  return [`listen ${port};`, ...(ipv6 ? [`listen [::]:${port};`] : [])].join('\n    ')
}

/** Both of Berth's servers, and one for strangers where no other site wants them. */
export function siteConf(desired: Site, dialect: Dialect, { ipv6, others }: Neighbours): string {
  const { domain, certificate } = desired
  const id = prefix(domain)
  const chain = chainFile(desired)
  const key = certificate ? chain : `/etc/letsencrypt/live/${domain}/privkey.pem`
  const tls = dialect.http2 ? `${listen('443 ssl', ipv6)}\n    http2 on;` : listen('443 ssl http2', ipv6)
  const text = `# The registry's socket, whichever of its containers serves.
upstream ${id} { server unix:${socket(desired)}; }

${guardMaps(desired)}${isLocked(desired) ? brakeMaps(desired) + rightsMaps(desired) : ''}
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
    add_header Connection $${id}_connection always;
    add_header Strict-Transport-Security "max-age=63072000" always;
    add_header X-Content-Type-Options nosniff always;
    add_header Docker-Distribution-Api-Version registry/2.0 always;

    # Layers are as large as they are, and go straight through: a proxy that first writes them to its own disk halves
    # the speed of an upload. In pieces of some size, for with the default of 4 to 64 KB the switching costs more than the work.
    client_max_body_size 0;
    client_body_buffer_size 1m;
    http2_body_preread_size 1m;
    http2_chunk_size 128k;
    chunked_transfer_encoding on;
    client_body_timeout 60s;
    default_type application/json;
${isLocked(desired) ? brakeServer(desired) : ''}
${locations(desired)}}
${stranger(dialect, others, ipv6)}`
  return `${challengeConf(domain, ipv6)}\n${withoutComments(text)}`
}

type Site = Pick<Desired, 'domain' | 'registry' | 'directory' | 'certificate' | 'users' | 'access'>

/**
 * nginx lets in whom it finds in the file of users, which it reads in each request, and asks what they may do only then:
 * `try_files` comes after the check of the password, and finds nothing. The registry itself asks nobody.
 */
function locations(desired: Site): string {
  if (!isLocked(desired)) return `    location / {${proxy(desired)}    }\n`
  return `    location / {
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
${rightsLocation(desired)}${proxy(desired)}    }
`
}

function proxy(desired: Site): string {
  return `${guardLocation(desired)}
        proxy_pass http://${prefix(desired.domain)};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
        proxy_buffer_size 256k;
        proxy_buffers 8 256k;
        proxy_busy_buffers_size 512k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        # nginx has said it already.
        proxy_hide_header Docker-Distribution-Api-Version;
        proxy_connect_timeout 60s;
        proxy_send_timeout 900s;
        proxy_read_timeout 900s;
        send_timeout 900s;
`
}

/**
 * Mozilla's intermediate configuration, version 6.0. It names no curves: OpenSSL 3.5's own list begins with the
 * post-quantum X25519MLKEM768, and an older OpenSSL would refuse a list that has it. Tickets would be encrypted with a key
 * that lives as long as nginx does.
 */
const protocols = `    # Mozilla's intermediate configuration, version 6.0.
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_prefer_server_ciphers off;
    ssl_session_tickets off;`

/** Who asks for a name that nobody knows gets no certificate, where no other site has claimed such visitors. */
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
