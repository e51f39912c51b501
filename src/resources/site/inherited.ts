/**
 * What every site inherits from nginx's `http{}`, and what Berth's servers set instead. An inherited cache would give images away
 * without a password, and inherited limits and filters would break pushes in ways that nobody understands.
 *
 * Lists such as `limit_conn` have no value for "none", so a limit that never applies takes their place. A test goes through all
 * directives of nginx that can be inherited.
 */

/** What belongs before the servers: limits that count nobody. */
export function limitZones(id: string): string {
  return `map "" $${id}_nobody { default ""; }
limit_conn_zone $${id}_nobody zone=${id}_nobody:64k;
limit_req_zone $${id}_nobody zone=${id}_no_request:64k rate=1000r/s;
`
}

/** For every server. `named` are the directives of `optional` that this nginx's configuration names. */
export function serverDefaults(id: string, named: readonly string[]): string {
  return `    allow all;
    satisfy all;
    auth_basic off;
    auth_delay 0;
    limit_conn ${id}_nobody 65535;
    limit_rate 0;
    limit_rate_after 0;
    error_page 599 /;
    recursive_error_pages off;
    open_file_cache off;
    disable_symlinks off;
    ssi off;
    mirror off;
${Object.entries(optional)
  .filter(([name]) => named.includes(name))
  .map(([name, value]) => `    ${name} ${value};\n`)
  .join('')}`
}

/** For a server that nothing else limits. */
export function noRequestLimit(id: string): string {
  return `    limit_req zone=${id}_no_request;\n`
}

/** For the server that clients push to. */
export const clientDefaults = `    client_header_timeout 60s;
    client_header_buffer_size 4k;
    large_client_header_buffers 4 32k;
    client_body_in_file_only off;
    client_body_in_single_buffer off;
    keepalive_timeout 75s;
    keepalive_requests 1000;
    lingering_close on;
    lingering_time 30s;
    lingering_timeout 5s;
    limit_req_dry_run off;
    charset off;
    expires off;
    userid off;
    ssl_verify_client off;
    ssl_early_data off;
    ssl_ecdh_curve auto;
    ssl_buffer_size 16k;
    ssl_stapling off;
    ssl_ocsp off;
    ssl_reject_handshake off;
`

/** For a location that layers go through, in both directions at once: in pieces, and never by way of the disk. */
export const streaming = `        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
        proxy_buffer_size 256k;
        proxy_buffers 8 256k;
        proxy_busy_buffers_size 512k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
`

/** For every location that proxies. */
export const proxyDefaults = `        proxy_cache off;
        proxy_store off;
        proxy_bind off;
        proxy_buffering on;
        proxy_intercept_errors off;
        proxy_ignore_client_abort off;
        proxy_limit_rate 0;
        proxy_pass_request_headers on;
        proxy_pass_request_body on;
        proxy_redirect off;
        proxy_temp_file_write_size 512k;
`

/**
 * Directives of modules that not every nginx has, and of later versions. They can be set only where nginx knows them, as it does if its
 * configuration names them.
 */
export const optional: Readonly<Record<string, string>> = {
  add_after_body: '""',
  add_before_body: '""',
  add_header_inherit: 'on',
  auth_gss: 'off',
  auth_pam: 'off',
  auth_request: 'off',
  brotli: 'off',
  dav_methods: 'off',
  gunzip: 'off',
  max_headers: '1000',
  modsecurity: 'off',
  slice: '0',
  srcache_fetch_skip: '1',
  srcache_store_skip: '1',
  sub_filter_types: 'text/none',
  subs_filter_types: 'text/none',
}
