import { expect, test } from '@jest/globals'
import type { Target } from '../../src/desired.ts'
import { readShared, sealKey } from '../../src/inputs/derived.ts'
import { Reader } from '../../src/inputs/reader.ts'

test('the sealing key is the same for the same SSH key only', () => {
  expect(sealKey('one')).toHaveLength(32)
  expect(sealKey('one')).toEqual(sealKey('one'))
  expect(sealKey('one')).not.toEqual(sealKey('two'))
})

function shared(key: string, domain: string, addresses = ['10.0.0.1', '10.0.0.2']) {
  const secrets: string[] = []
  const reader = new Reader(
    () => '',
    text => secrets.push(text),
  )
  const targets: Target[] = addresses.map(address => ({
    ...{ host: address, port: 22, address, user: 'root', key, passphrase: undefined, plainKey: true },
    ...{ knownHosts: [], fingerprints: [], jump: undefined, sudoPassword: undefined },
  }))
  return { shared: readShared(reader, targets, domain), secrets }
}

test('uploads in flight are signed by what every server of a registry knows, and no other registry', () => {
  const secret = (...of: Parameters<typeof shared>) => shared(...of).shared?.secret
  expect(secret('one', 'a.example.com')).toMatch(/^[0-9a-f]{64}$/)
  expect(secret('one', 'a.example.com')).toBe(secret('one', 'a.example.com'))
  expect(secret('one', 'a.example.com')).not.toBe(secret('one', 'b.example.com'))
  expect(secret('one', 'a.example.com')).not.toBe(secret('two', 'a.example.com'))
})

test('it is masked, and comes with the way to the other servers', () => {
  const { shared: both, secrets } = shared('one', 'a.example.com')
  expect(both?.peers).toEqual(['10.0.0.2'])
  expect(secrets).toEqual([both?.secret])
})

test('a server that is alone shares nothing', () => {
  expect(shared('one', 'a.example.com', ['10.0.0.1']).shared).toBeUndefined()
})
