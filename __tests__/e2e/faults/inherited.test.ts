import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createServer, type Server } from '../../../lab/index.ts'
import { optional } from '../../../src/resources/site/inherited.ts'
import { inheritable } from '../directives.ts'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

const here = scene()
const run = (script: string) => here.server.sh(script)

/** Why Berth's servers leave a directive to whoever has set it for all sites. */
const left: [why: string, names: RegExp][] = [
  ['it belongs to another way of proxying', /^(fastcgi|uwsgi|scgi|grpc|memcached|memc)_/],
  [
    'it belongs to a cache, or a store, that is off',
    /^(proxy_(cache|store|no_cache)|\w*cache_purge|srcache|cache_purge)_?/,
  ],
  ['it belongs to TLS between nginx and the registry, which is a socket', /^proxy_ssl_/],
  [
    'it belongs to a filter that is off',
    /^(gzip|gunzip|brotli|ssi|sub_filter|subs|addition|charset|userid|auth_gss|auth_pam|dav|modsecurity|mirror|open_file_cache|source_charset|override_charset)(_|$)/,
  ],
  [
    'it belongs to OCSP, tickets or client certificates, which are off',
    /^ssl_(ocsp|stapling|client_certificate|verify_depth|crl|trusted_certificate|session_ticket_key)/,
  ],
  [
    'it works on files, and only challenges are files',
    /^(aio|aio_write|directio|directio_alignment|read_ahead|sendfile|sendfile_max_chunk|etag|if_modified_since|index|types|types_hash_\w+|autoindex|autoindex_\w+|fancyindex|fancyindex_\w+|gzip_static|brotli_static|mp4_\w+|image_filter_\w+|xslt_\w+|xml_entities|max_ranges|min_delete_depth|create_full_put_path|open_log_file_cache|log_not_found)$/,
  ],
  [
    'it only says how much memory nginx takes, or when it sends',
    /^(connection_pool_size|request_pool_size|output_buffers|postpone_output|postpone_gzipping|send_lowat|proxy_send_lowat|subrequest_output_buffer_size|tcp_nodelay|tcp_nopush|client_body_temp_path|proxy_temp_path|proxy_headers_hash_\w+|http2_\w+|http3\w*|quic_\w+|reset_timedout_connection|keepalive_disable|keepalive_min_timeout|keepalive_time|ssl_dhparam|ssl_password_file|ssl_certificate_cache|ssl_certificate_compression|ssl_ech_file|proxy_socket_keepalive)$/,
  ],
  [
    'it only sets variables that the site does not use',
    /^(set_(?!real)\w+|js_\w+|secure_link\w*|ancient_browser\w*|modern_browser\w*|auth_request_set|upstream_list|report_uploads|track_uploads|upload_progress_\w+|push_stream_\w+)$/,
  ],
  [
    'it says what is logged',
    /^(log_subrequest|rewrite_log|uninitialized_variable_warn|limit_conn_(log_level|status|dry_run))$/,
  ],
  [
    'it changes a redirect, and the only one is absolute',
    /^(absolute_redirect|port_in_redirect|server_name_in_redirect|msie_\w+)$/,
  ],
  [
    'the registry sends nothing of the kind',
    /^(proxy_cookie_\w+|proxy_ignore_headers|proxy_pass_header|proxy_pass_trailers|add_trailer\w*|early_hints|proxy_force_ranges|proxy_next_upstream\w*)$/,
  ],
  [
    'nginx reads names and paths as the registry does',
    /^(merge_slashes|ignore_invalid_headers|underscores_in_headers|resolver|resolver_timeout)$/,
  ],
  [
    'it tells who the client is, which only knows who has put a proxy in front',
    /^(set_real_ip_from|real_ip_header|real_ip_recursive)$/,
  ],
  ['it is a program of the administrator’s own, and meant', /^(lua_\w+|\w+_by_lua\w*|more_\w+)$/],
  [
    'it would break every site that is proxied, and nothing undoes it',
    /^(post_action|proxy_set_body|proxy_method)$/,
  ],
  ['it only takes a file in', /^include$/],
  ['`allow all` takes its place', /^deny$/],
  ['it would make port 80 speak TLS for every site', /^ssl$/],
]

/** What people have in `http{}`: each line has been in somebody's report, or would be as bad. */
const others = `
proxy_cache_path /var/cache/nginx-others keys_zone=others:1m;
proxy_cache others;
proxy_cache_valid any 10m;
proxy_cache_methods GET HEAD;
proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
proxy_intercept_errors on;
proxy_bind 127.0.0.1;
proxy_buffering off;
proxy_temp_file_write_size 64k;
proxy_limit_rate 1k;
proxy_pass_request_headers off;
proxy_redirect https:// ftp://;
auth_basic "others";
auth_basic_user_file /etc/nginx/others.users;
auth_delay 20s;
deny all;
satisfy any;
auth_request /ask;
limit_conn_zone $server_name zone=others_conn:64k;
limit_conn others_conn 1;
limit_req_zone $server_name zone=others_req:64k rate=1r/m;
limit_req zone=others_req;
limit_req_dry_run on;
limit_rate 1k;
client_max_body_size 1k;
client_body_in_file_only clean;
client_header_buffer_size 64;
large_client_header_buffers 1 512;
lingering_close off;
keepalive_requests 1;
error_page 401 404 502 /sorry.html;
recursive_error_pages on;
open_file_cache max=1000 inactive=60s;
open_file_cache_valid 60s;
open_file_cache_errors on;
ssi on;
ssi_types *;
sub_filter e E;
sub_filter_once off;
sub_filter_types *;
add_before_body /banner;
addition_types *;
charset koi8-r;
charset_types *;
expires max;
userid on;
mirror /mirror;
gunzip on;
gzip_types *;
add_header Docker-Distribution-Api-Version others;
ssl_client_certificate /etc/nginx/others.pem;
ssl_verify_client on;
ssl_conf_command MinProtocol TLSv1.3;
ssl_ecdh_curve secp521r1;
`

test('what others have set for all sites has no effect on the registry, nor on its renewal', async () => {
  await run(`mkdir -p /var/cache/nginx-others && touch /etc/nginx/others.users
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -out /etc/nginx/others.pem -subj /CN=others -days 9 2>&1
    sed -i '/ssl_protocols/d' /etc/nginx/nginx.conf`)
  await here.server.write('/etc/nginx/conf.d/others.conf', others)
  await run('nginx -t -q')
  // What other modules have for all sites is switched off where it is seen.
  succeeded(await here.step())
  await run('nginx -t -q && systemctl restart nginx')
  const { digest } = succeeded(await here.step({ image: `${here.app} => team/app:2` })).outputs
  expect(digest).toBe(here.digest)
  expect(await here.pulls('team/app:2')).toBe(true)

  const get = (path: string, login: string) =>
    run(
      `curl -sk -o /dev/null -w '%{http_code} %{time_total}' ${login} --resolve ${here.domain}:443:127.0.0.1 https://${here.domain}${path}`,
    )
  const ci = `-u 'ci:${here.passwords.ci}' -H 'Accept: */*'`
  expect(await get('/v2/team/app/manifests/2', ci)).toMatch(/^200 /)
  expect(await get('/v2/team/app/manifests/2', '')).toMatch(/^401 [01]\./)
  // Docker's own address of an upload has a query of some 600 characters.
  expect(await get(`/v2/team/app/tags/list?n=9&last=${'x'.repeat(6000)}`, ci)).toMatch(/^200 /)
  expect(await get('/v2/', `${ci} --tls-max 1.2`)).toMatch(/^200 /)

  await run(
    `REQUESTS_CA_BUNDLE=/etc/letsencrypt/berth/authorities/${here.domain}.pem certbot renew --cert-name ${here.domain} --force-renewal --no-random-sleep-on-renew 2>&1`,
  )
  expect(succeeded(await here.step({ mode: 'plan' })).outputs.plan).toBe('[]')
  await run('rm /etc/nginx/conf.d/others.conf')
})

describe('every directive that http{} can hand down', () => {
  const binaries: [name: string, elf: Buffer][] = []
  const servers: Server[] = []
  let site = ''

  const fetch = async (server: Server, path: string) =>
    Buffer.from(await server.sh(`base64 -w 0 ${path}`), 'base64')

  beforeAll(async () => {
    site = await run(`cat /etc/nginx/sites-available/berth-${here.domain}.conf`)
    for (const suite of ['bookworm', 'forky']) servers.push(await createServer({ suite }))
    for (const server of [here.server, ...servers])
      binaries.push([`nginx of ${server.name}`, await fetch(server, '/usr/sbin/nginx')])
    await run(`apt-get -q update >/dev/null && mkdir -p /root/modules && cd /root/modules &&
      apt-get -q download $(apt-cache search --names-only '^libnginx-mod-http' | cut -d ' ' -f 1) >/dev/null 2>&1
      for each in *.deb; do dpkg -x "$each" .; done`)
    for (const path of (await run('ls /root/modules/usr/lib/nginx/modules/*.so')).split('\n'))
      binaries.push([path, await fetch(here.server, path)])
    await run('rm -r /root/modules')
  })
  afterAll(() => Promise.all(servers.map(server => server.remove())))

  test('is set by Berth, or there is a reason not to', () => {
    expect(binaries.length).toBeGreaterThan(20)
    const set = new Set([...site.matchAll(/^ *([a-z_0-9]+) /gm)].map(([, name]) => name))
    const seen = new Set(binaries.flatMap(([, elf]) => inheritable(elf)))
    expect(seen.size).toBeGreaterThan(600)
    const open = [...seen].filter(
      name => !set.has(name) && !(name in optional) && !left.some(([, names]) => names.test(name)),
    )
    expect(open).toEqual([])
  })
})
