import { describe, expect, test } from '@jest/globals'
import { challengeConf, dialects, siteConf } from '../../../src/resources/site/nginx.ts'
import { passedTo } from '../../../src/resources/site/peers.ts'
import { site } from '../../../src/resources/site/site.ts'
import { Facts } from '../../../src/server/facts.ts'
import { sh } from '../../library.ts'
import { recorded } from '../../recorded.ts'

const { desired, output } = recorded('trixie', 'converged')
const { domain } = desired
const shared = { peers: ['web2', 'web3'], secret: 'abc' }
const several = { ...desired, shared }

/** A server that finds the others there. */
const seeing = (peers: string, change = (text: string) => text) => {
  const text = output.replace(/^berth:site\.peers=.*$/m, `berth:site.peers=${peers}`)
  return site.read(Facts.parse(change(text)), several)
}
const found = seeing('web2=10.0.0.2 web3=2001:db8::3 ')
const [dialect] = dialects
const text = (peers: readonly string[]) => siteConf(several, dialect, { ...found, peers })

test('alone, a server has nothing of all that', () => {
  for (const conf of [text([]), challengeConf(domain, { ...found, peers: [] })])
    expect(conf).not.toMatch(/peer|backup|127\./i)
})

describe('beside others', () => {
  const conf = text(found.peers)

  test('its own registry comes first, and the others over TLS by the registry’s name', () => {
    const [own = '', backup = ''] =
      /upstream \w+ \{\n\s*server (unix:.*);\n\s*server (127\.\S+:80) backup /.exec(conf)?.slice(1) ?? []
    expect(own).toBe('unix:/opt/berth/registry.sock max_fails=0')
    const forwards = conf.slice(conf.indexOf(`listen ${backup};`))
    expect(forwards).toContain('proxy_ssl_verify on;')
    expect(forwards).toContain(`proxy_ssl_name ${domain};`)
    expect(forwards).toContain('proxy_ssl_trusted_certificate /opt/berth/peers.pem;')
    expect(conf).toContain('server 10.0.0.2:443 max_fails=0;\n    server [2001:db8::3]:443 max_fails=0;')
    const { ca: _, ...acme } = desired.acme
    const trusting = siteConf({ ...several, acme: { ...acme, ca: undefined } }, dialect, found)
    expect(trusting).toContain('proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;')
  })

  test('without its storage it asks them at once, unless one of them asks', () => {
    const inS3 = {
      ...several,
      registry: { ...desired.registry, config: { storage: { filesystem: null, s3: {} } } },
    }
    const away = siteConf(inS3, dialect, found)
    const id = /upstream (\w+) \{/.exec(away.slice(away.indexOf('registry.sock') - 60))?.[1]
    const [, loopback] = /server (127\.\S+:80) backup/.exec(away) ?? []
    expect(away).toContain(`upstream ${id}_elsewhere {\n    server ${loopback} max_fails=0;\n}`)
    expect(away).toContain(
      `map $http_x_berth_peer $${id}_detour {\n    default "";\n    "" ${id}_elsewhere;\n}`,
    )
    const [main = ''] = away.slice(away.indexOf('ssl_certificate ')).split(/^server \{$/m)
    // In the server, before its locations: an `if` in a location is a location of its own.
    expect(main.indexOf(`{ set $${id}_way $${id}_detour; }`)).toBeGreaterThan(0)
    expect(main.indexOf(`{ set $${id}_way $${id}_detour; }`)).toBeLessThan(main.indexOf('location / {'))
    expect(main).toContain(`proxy_pass http://$${id}_way;`)
    const alone = siteConf(inS3, dialect, { ...found, peers: [] })
    expect(alone).toContain(`proxy_pass http://${id};`)
    expect(alone).not.toMatch(/_way|_detour|_elsewhere/)
  })

  test('a challenge that is not here is looked for there, also before there is a certificate', () => {
    for (const each of [conf, challengeConf(domain, found)]) {
      expect(each).toContain('root /var/www/berth; try_files $uri @peers; }')
      expect(each).toContain('server 10.0.0.2:80 max_fails=0;')
      expect(each).toContain('if ($http_x_berth_peer) { return 404; }')
    }
    const elsewhere = challengeConf(domain, { ...found, webroot: '/var/www/html' })
    expect(elsewhere).toContain('location @elsewhere { root /var/www/html; try_files $uri @peers; }')
  })

  test('no other registry on the same server has its loopback address', () => {
    const address = (name: string) =>
      /listen (127\.\S+):80;/.exec(siteConf({ ...several, domain: name }, dialect, found))?.[1]
    expect(address('a.example.com')).not.toBe(address('b.example.com'))
    expect(address('a.example.com')).toMatch(/^127(\.[1-9]\d*){3}$/)
  })

  test('where it is, is found in its own site', () => {
    expect(passedTo(conf, domain)).toEqual(['10.0.0.2', '2001:db8::3'])
    expect(passedTo(text([]), domain)).toEqual([])
  })

  test('one that is none any more is told once', () => {
    const words = site.warnings?.(several, { ...found, former: ['10.0.0.4'], moved: false }) ?? []
    expect(words.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^10\.0\.0\.4 is no longer listed as a server of .* mode `down` and its `ssh-host` alone/,
      ),
    ])
    expect(site.warnings?.(several, found)).toEqual([])
  })

  test('one that may only have another address now is not told to go', () => {
    const words = site.warnings?.(several, { ...found, former: ['10.0.0.4'], moved: true }) ?? []
    expect(words.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^10\.0\.0\.4 is no longer the address of a server of .*; if that was another machine/,
      ),
    ])
    const file = Buffer.from(conf).toString('base64')
    const known = (peers: string) =>
      seeing(peers, facts => facts.replace(/^(berth:site\.file=).*$/m, `$1644 root:root ${file}`))
    expect(known('web2=10.0.0.9 web3=2001:db8::3 ')).toMatchObject({ moved: true, former: ['10.0.0.2'] })
    expect(known('web3=2001:db8::3 ')).toMatchObject({ moved: false, former: ['10.0.0.2'] })
  })

  test('one that it does not find is in the way', () => {
    const lost = seeing('web2=10.0.0.2 web3= ')
    expect(lost.peers).toEqual(['10.0.0.2'])
    expect(site.failures?.(several, lost)?.map(({ message }) => message)).toEqual([
      expect.stringContaining('finds no address for web3'),
    ])
  })

  test('what nginx is to trust is there before its site says so, and goes when there are no others', () => {
    const names = (wanted: typeof desired, seen: typeof found) =>
      site.steps(wanted, seen).map(({ call: [name] }) => name)
    expect(names(several, found)).toEqual(['site_trust', 'site_write'])
    const trust = { content: desired.acme.ca ?? '', mode: '644', owner: 'root:root' }
    expect(names(several, { ...found, trust })).toEqual(['site_write'])
    expect(names(desired, { ...found, peers: [], trust })).toEqual(['site_distrust'])
    expect(site.removal?.(desired, { ...found, trust }).map(({ call: [name] }) => name)).toEqual([
      'site_remove',
      'site_distrust',
    ])
  })
})

describe('on the server', () => {
  const run = (lines: string) => sh(['server/protocol', 'server/facts', 'resources/site/peers'], lines).stdout

  test('addresses are found once for each name, IPv4 first and always in the same order', () => {
    const getent = `timeout() { shift; "$@"; }
getent() {
  case "$1 $2" in
  'ahostsv4 web2') printf '10.0.0.9 STREAM web2\\n10.0.0.2 STREAM\\n' ;;
  'ahostsv6 web3') echo '2001:db8::3 STREAM web3' ;;
  *) return 2 ;;
  esac
}`
    expect(run(`${getent}\nsite_peers_probe /nonexistent web2 web3 web4`)).toBe(
      'berth:site.trust=absent\nberth:site.peers=web2=10.0.0.2 web3=2001:db8::3 web4= \n',
    )
    expect(run('site_peers_probe /nonexistent')).toBe('berth:site.trust=absent\nberth:site.peers=\n')
  })
})
