import { expect, test } from '@jest/globals'
import { renewable, setting } from '../../../src/resources/renewal/conf.ts'
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
