import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import type { Keep } from '../../src/desired.ts'
import { gather, noLogs, otherLogs, readLog } from '../../src/retention/logs.ts'
import { recorded } from '../recorded.ts'

const { desired } = recorded('trixie', 'bare')
const packed = (text: string) => gzipSync(text).toString('base64')
const rule = (pulled: number | undefined): Keep => [
  { pattern: '**', tags: [], last: 1, days: undefined, pulled, untagged: undefined, empty: false },
]

/** A server that gives an answer, and what it was asked. */
function server(answer: string) {
  const scripts: string[] = []
  return {
    scripts,
    async run(script: string) {
      scripts.push(script)
      return answer
    },
  }
}

const here = `berth:retention.domain=${desired.domain}\n`

test('layers stay packed, for the server that collects; pulls are read here', async () => {
  const [layers, pulls] = [packed('GET /v2/a/blobs/sha256:aa'), packed('pull a latest 5\n')]
  const log = await readLog(
    server(`${here}berth:retention.layers=${layers}\nberth:retention.pulls=${pulls}\n`),
    desired,
    rule(7),
  )
  const logs = gather([log])
  expect(logs).toEqual({ layers: [layers], pulls: ['pull a latest 5\n'] })
  expect(otherLogs(logs)).toEqual([`OTHER_LOGS=${layers}`])
})

test('pulls are asked for only if a rule counts them', async () => {
  const [without, counting] = [server(here), server(here)]
  expect(gather([await readLog(without, desired, rule(undefined))]).pulls).toEqual([''])
  await readLog(counting, desired, rule(7))
  const call = ({ scripts }: typeof without) => scripts[0]?.match(/^retention_logs .*/m)?.[0]
  expect(call(without)).toBe(`retention_logs ${desired.directory} ${desired.domain}`)
  expect(call(counting)).not.toBe(call(without))
})

test('a server that is alone has no other logs', () => {
  expect(otherLogs(noLogs)).toEqual([])
})

test('a server without this registry says so', async () => {
  await expect(
    readLog(server('berth:retention.domain=another.example\n'), desired, undefined),
  ).rejects.toThrow(`this server has no registry ${desired.domain} set up by Berth`)
})
