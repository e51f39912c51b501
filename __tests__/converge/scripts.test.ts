import { expect, test } from '@jest/globals'
import { planUp } from '../../src/converge/plan.ts'
import { applyScript, factsScript } from '../../src/converge/scripts.ts'
import { recorded } from '../recorded.ts'

const { desired, facts } = recorded('trixie', 'bare')

test('facts hold no secret, and do not depend on passwords', () => {
  const script = factsScript(desired)
  for (const { password } of desired.users ?? []) expect(script).not.toContain(password)
})

test('apply holds no plain password, and the checksum of what was seen', () => {
  const script = applyScript(desired, facts, planUp(desired, facts).steps)
  for (const { password } of desired.users ?? []) expect(script).not.toContain(password)
  expect(script).toContain(`still ${facts.checksum} look`)
})

test('the registry starts while the certificate is ordered, and whatever else waits for the step before it', () => {
  const script = applyScript(desired, facts, planUp(desired, facts).steps)
  const calls = [...script.matchAll(/^(begin|step) (\d+ \w+)/gm)].map(([, how, call]) => `${how} ${call}`)
  expect(calls.filter(call => call.startsWith('begin'))).toEqual([expect.stringMatching(/ registry_up$/)])
  expect(calls[calls.findIndex(call => call.startsWith('begin')) + 1]).toMatch(/ certificate_order$/)
})
