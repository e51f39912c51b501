import { expect, test } from '@jest/globals'
import { fingerprint, hostKeyName } from '../../src/server/hostkey.ts'

// Made by ssh-keygen, and the fingerprint by `ssh-keygen -lf`.
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8QhiyQF4KXY8/F7uTkVD2eic8F2FttVy8Lo5kpizEn'
const print = 'SHA256:FWsHbD7sZxrVZtOc022g6E1AqbdcxiEctHjwNhZRbNg'

test('the fingerprint of a known_hosts line', () => {
  expect(fingerprint(`example.com ${key}`)).toBe(print)
  expect(fingerprint(`example.com ${key} a comment`)).toBe(print)
  expect(fingerprint('example.com')).toBeUndefined()
})

test('a host has its port in its name, unless that is SSH’s own', () => {
  expect(hostKeyName('example.com', 22)).toBe('example.com')
  expect(hostKeyName('example.com', 2222)).toBe('[example.com]:2222')
})
