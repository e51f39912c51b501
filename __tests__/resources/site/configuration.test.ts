import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'

/** What `site_configuration` reads in an output of `nginx -T`. */
function configured(text: string, domain = 'registry.example.com'): Record<string, string> {
  const script = `${readFileSync('src/resources/site/configuration.sh', 'utf8')}\nsite_configuration own.conf ${domain} 'mirror ssi'`
  const lines = execFileSync('sh', ['-c', script], { input: text }).toString().trimEnd().split('\n')
  return Object.fromEntries(lines.map(each => [each.split(' ')[0], each.replace(/^\S+ ?/, '').trimEnd()]))
}

describe('what else nginx has', () => {
  const file = (path: string, text: string) => `# configuration file ${path}:\n${text}\n\n`
  const own = file('/etc/nginx/sites-enabled/own.conf', 'server { server_name registry.example.com; }')

  test.each([
    ['server { server_name registry.example.com; }', '/etc/nginx/a'],
    ['server { server_name "registry.example.com"; }', '/etc/nginx/a'],
    ['server { server_name _ Registry.Example.com; }', '/etc/nginx/a'],
    ['server {\n  server_name\n    .registry.example.com;\n}', '/etc/nginx/a'],
    [
      'server { server_name registry.example.com; } server { server_name www.example.com; }',
      '/etc/nginx/a and others',
    ],
    ['# server_name registry.example.com;', ''],
    ['server { add_header X "; server_name registry.example.com;"; }', ''],
    ['server { server_name example.com; }', ''],
  ])('%s', (text, rival) => {
    expect(configured(own + file('/etc/nginx/a', text)).rival).toBe(rival)
  })

  test('the first of two files for the same name', () => {
    const text = 'server { server_name registry.example.com; }'
    expect(configured(file('/etc/nginx/a', text) + file('/etc/nginx/b', text)).rival).toBe('/etc/nginx/a')
  })

  test.each([
    ['listen 443 ssl default_server;', '4'],
    ['listen [::]:443 default ssl;', '6'],
    ['listen 192.0.2.1:443 default_server; listen [::]:443 default_server;', '46'],
    ['listen 80 default_server; listen 443 ssl; listen 8443 default_server;', ''],
    ['# listen 443 default_server;', ''],
  ])('where unknown names go: %s', (text, others) => {
    expect(configured(file('/etc/nginx/a', `server { ${text}\n}`)).others).toBe(others)
  })

  test('bytes for a name', () => {
    const size = 'http {\n  server_names_hash_bucket_size 128;\n}'
    expect(configured(file('/etc/nginx/nginx.conf', size)).names).toBe('128')
    expect(configured(file('/etc/nginx/nginx.conf', size.replace('server', '# server'))).names).toBe('64')
    expect(configured('').names).toBe('')
  })

  test('directives that are named, but for those in Berth’s own sites', () => {
    expect(configured(file('/etc/nginx/a', 'http { ssi on; # mirror /x;\n}')).named).toBe('ssi')
    expect(configured(file('/etc/nginx/a', 'location / { mirror /x; }')).named).toBe('mirror')
    expect(configured(file('/etc/nginx/berth-other.conf', 'mirror /x;')).named).toBe('')
  })

  test('an apostrophe in a comment quotes nothing', () => {
    const text = "# don't\nserver { server_name registry.example.com; } # can't"
    expect(configured(file('/etc/nginx/a', text)).rival).toBe('/etc/nginx/a')
  })

  test('who leaves no room', () => {
    const configuration = `nginx version: nginx/1.26
# configuration file /etc/nginx/nginx.conf:
stream { server { listen 443; return ""; }
  include /etc/nginx/streams/*; }
http {
  server { listen 80 default_server; location / { proxy_pass http://x; } }
}
# configuration file /etc/nginx/streams/a:
server { listen 192.0.2.9:443; proxy_pass 192.0.2.1:1; }
server { listen 443 udp; proxy_pass 192.0.2.1:1; }
# configuration file /etc/nginx/conf.d/a.conf:
server {
  listen [::]:443 ssl
    ipv6only=off; # listen 192.0.2.4:80
  listen 192.0.2.1:443 ssl; listen 192.0.2.1; listen [2001:db8::1]:80; listen [2001:db8::2];
  listen 443 ssl proxy_protocol;
  listen 8443; listen *:80; listen 0.0.0.0:443; listen [::]:80; listen unix:/x; listen [::1]:8080; listen localhost:443;
  return 200 '{ "a": "b;" }';
  location / { proxy_pass http://a; }
}
# configuration file /etc/nginx/sites-enabled/own.conf:
server { listen 192.0.2.7:443; }
`
    expect(configured(configuration).neighbours?.split(';')).toEqual([
      'stream 443 /etc/nginx/nginx.conf',
      'stream 192.0.2.9:443 /etc/nginx/streams/a',
      'dual [::]:443 /etc/nginx/conf.d/a.conf',
      'address 192.0.2.1:443 /etc/nginx/conf.d/a.conf',
      'address 192.0.2.1 /etc/nginx/conf.d/a.conf',
      'address [2001:db8::1]:80 /etc/nginx/conf.d/a.conf',
      'address [2001:db8::2] /etc/nginx/conf.d/a.conf',
      'proxy 443 /etc/nginx/conf.d/a.conf',
      'address localhost:443 /etc/nginx/conf.d/a.conf',
      '',
    ])
  })
})
