import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { isMachineMade } from '../../src/inputs/password.ts'

test.each([
  'Password123!Password123!',
  'correcthorsebatterystaple',
  '12345678901234567890',
  'passwordpassword1234',
  'MyDogAte3BigBonesIn2024',
  'Correct-Horse-Battery-Staple-42',
  'ThisIsMySuperSecretPassword2024!',
  'C0rr3ctH0rs3B4tt3rySt4pl3!!',
  'IchLiebeMeineFrau1984!undMeinenHund',
  'ci-production-deploy-key-2026-XYZ',
  // Ten characters of chance, and what people put around them.
  'Canary-bookworm-ci-5UlwGf2mXq',
  'Canary-x-ci-5UlwGf2mXq',
  'qwertyuiopASDFGHJKL1234567890',
  '1q2w3e4r5t6y7u8i9o0p1Q2W3E',
  'Zaq12wsxCde34rfvBgt56yhnMju78',
  'abcABC123abcABC123abcABC123',
  'Xk9#mP2$Xk9#mP2$Xk9#mP2$',
  'deadbeefdeadbeefdeadbeefdeadbeef',
  '0123456789abcdef0123456789abcdef',
  'MyDaughterEmmaBorn12.03.2014!',
  'Mx7Kp2MyRegistryPassword2024',
  'Hamburg20095Wandsbek22041HH',
  'Fq7-VwGolf1998-BmwX5-AudiA6',
  // “correcthorsebatterystaple”, “hunter2hunter2hunter2” and “password1234567890 abc” in other letters.
  'Y29ycmVjdGhvcnNlYmF0dGVyeXN0YXBsZQ==',
  'aHVudGVyMmh1bnRlcjJodW50ZXIy',
  '70617373776f726431323334353637383930206162630a',
  // UUIDs, of which only some are random, and none in more than 122 bits.
  '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  'b3c85b0e-5f0d-4c1e-9a37-1d2f6e84c9aa',
  'CI-B3C85B0E-5F0D-4C1E-9A37-1D2F6E84C9AA',
  // Made by a machine, of too few bits.
  'S7mCkD4rZ0qvXh2LwPnB',
  'f3b1c9d27e4a8560',
])('%s may have been thought of', password => {
  expect(isMachineMade(password)).toBe(false)
})

test.each([
  'PLkz7QmXcE2vTn5RbW9dHs4a',
  'nHzd4vQOYmF0o6xq8xJm0p1pZtVb2c3d',
  'k3J9/vQ2xL+8ZpRw5TnYbC7dHsGmXf1e',
  '7f3a9c1e5d8b2046f1c7e93a5b0d8264',
  'MZXW6YTBOI4HK3DPNF2XG5DJMVZA7QRL',
])('%s was made by a machine', password => {
  expect(isMachineMade(password)).toBe(true)
})

/** The same bytes each time, as random as any. */
const bytes = (index: number, count: number) =>
  createHash('sha512').update(`password ${index}`).digest().subarray(0, count)

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const alphanumeric = (index: number, count: number) =>
  [...bytes(index, 64)]
    .filter(byte => byte < 4 * letters.length)
    .slice(0, count)
    .map(byte => letters[byte % letters.length])
    .join('')

test.each([
  ['openssl rand -base64 16', (index: number) => bytes(index, 16).toString('base64'), 0.95],
  ['openssl rand -base64 24', (index: number) => bytes(index, 24).toString('base64'), 0.985],
  ['openssl rand -base64 32', (index: number) => bytes(index, 32).toString('base64'), 0.99],
  ['openssl rand -hex 16', (index: number) => bytes(index, 16).toString('hex'), 0.995],
  ['openssl rand -hex 32', (index: number) => bytes(index, 32).toString('hex'), 0.995],
  ['32 bytes in base64url', (index: number) => bytes(index, 32).toString('base64url'), 0.99],
  ['pwgen -s 24', (index: number) => alphanumeric(index, 24), 0.96],
  ['pwgen -s 32', (index: number) => alphanumeric(index, 32), 0.98],
])('what `%s` makes is nearly always known for what it is', (_, make, share) => {
  const many = Array.from({ length: 2000 }, (_, index) => make(index))
  expect(many.filter(isMachineMade).length / many.length).toBeGreaterThan(share)
})
