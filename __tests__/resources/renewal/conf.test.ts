import { describe, expect, test } from '@jest/globals'
import { renewable, renewableByDns, setting } from '../../../src/resources/renewal/conf.ts'
import { conf, domain, file, server } from '../lineage.ts'

test('settings of Berth’s are left alone, byte for byte', () => expect(renewable(conf, domain)).toBe(conf))

test('a certificate that was set up standalone is renewed through nginx from now on', () => {
  const standalone = conf
    .replace(
      'authenticator = webroot\nwebroot_path = /var/www/berth,',
      'authenticator = standalone\npre_hook = systemctl stop nginx\nautorenew = False',
    )
    .replace(/\[\[webroot_map\]\][\s\S]*/, '')
  const changed = renewable(standalone, domain) ?? ''
  expect(changed).not.toMatch(/standalone|pre_hook|autorenew/)
  expect(changed).toContain('account = 0123456789abcdef')
  expect(changed).toContain(`[[webroot_map]]\n${domain} = /var/www/berth\n`)
  expect(renewable(changed, domain)).toBe(changed)
})

test('half of the settings are none', () => {
  expect(renewable(conf.replace(/^account = .*$/m, ''), domain)).toBeUndefined()
  expect(renewable(conf.slice(0, 60), domain)).toBeUndefined()
})

test('a setting, of a file that may not be there', () => {
  expect(setting(file(conf), 'server')).toBe(server)
  expect(setting(file(conf), 'pre_hook')).toBeUndefined()
  expect(setting(undefined, 'server')).toBeUndefined()
})

describe('by DNS', () => {
  const path = `/etc/letsencrypt/berth/dns/${domain}`
  const byDns = (content: string, name: string, credentials: string | undefined) =>
    renewableByDns(content, domain, { name, credentials })?.replaceAll('@WAIT@', '25') ?? ''

  test.each<[string, string | undefined, string]>([
    ['cloudflare', 'x', `dns_cloudflare_propagation_seconds = 25\ndns_cloudflare_credentials = ${path}\n`],
    ['google', undefined, 'dns_google_propagation_seconds = 25\n'],
    ['route53', 'x', 'authenticator = dns-route53\n'],
    ['hook', 'x', `manual_auth_hook = ${path} set && sleep 25\nmanual_cleanup_hook = ${path} clear\n`],
  ])('%s: once, however long it waits', (name, credentials, expected) => {
    const changed = `${byDns(conf, name, credentials)}\n`
    expect(changed).toContain(expected)
    expect(changed).not.toMatch(/webroot/)
    expect(byDns(changed, name, credentials)).toBe(changed)
    expect(renewableByDns(changed.replace('25', '90'), domain, { name, credentials })).not.toContain('@')
  })

  test('from one provider to another, and back to port 80, nothing is left of the one before', () => {
    const hook = byDns(conf, 'hook', 'x')
    const cloudflare = byDns(hook, 'cloudflare', 'x')
    expect(cloudflare).not.toMatch(/manual/)
    const back = renewable(cloudflare, domain) ?? ''
    expect(back).not.toMatch(/dns_|pref_challs|@/)
    expect(back.trim().split('\n').sort()).toEqual(
      conf
        .trim()
        .split('\n')
        .filter(each => each !== '')
        .sort(),
    )
    expect(renewable(byDns(back, 'hook', 'x'), domain)).not.toMatch(/manual|pref_challs/)
  })
})
