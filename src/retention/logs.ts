import { gzipSync } from 'node:zlib'
import type { Desired, Keep } from '../desired.ts'
import { Failure } from '../failure.ts'
import { lastMarker } from '../server/protocol.ts'
import type { Server } from '../server/server.ts'
import { compose, library, line, quote } from '../shell.ts'
import { unpack } from './packed.ts'

/** What the logs of the other servers say about clients. */
export interface Logs {
  /** Lines about layers that were requested, packed, one text for each server. */
  layers: readonly string[]
  /** Lines for `parseInventory`, one text for each server. */
  pulls: readonly string[]
}

/** For a server that is alone. */
export const noLogs: Logs = { layers: [], pulls: [] }

/** What one server’s log says; both texts are packed. */
export interface ServerLog {
  layers: string
  pulls: string
}

/** Asks a server for it. Throws if this registry is not there. */
export async function readLog(
  server: Pick<Server, 'run'>,
  { directory, domain }: Desired,
  keep: Keep | undefined,
): Promise<ServerLog> {
  const said = await server.run(
    compose(
      ['server/protocol', 'server/facts', 'retention/retention'],
      [line(['retention_logs', directory, domain, ...pullsProgram(keep)])],
    ),
  )
  if (lastMarker(said, 'retention.domain') !== domain) throw noRegistry(domain)
  return {
    layers: lastMarker(said, 'retention.layers') ?? '',
    pulls: lastMarker(said, 'retention.pulls') ?? gzipSync('').toString('base64'),
  }
}

export function gather(logs: readonly ServerLog[]): Logs {
  return { layers: logs.map(({ layers }) => layers), pulls: logs.map(({ pulls }) => unpack(pulls)) }
}

/** The program that reads pulls from a log, if a rule needs them. */
export function pullsProgram(keep: Keep | undefined): string[] {
  return keep?.some(({ pulled }) => pulled !== undefined) ? [library('retention/pulls.pl')] : []
}

/** The line of a script that tells `retention_bucket` of the other servers. */
export function otherLogs({ layers }: Logs): string[] {
  return layers.length === 0 ? [] : [`OTHER_LOGS=${quote(layers.join(' '))}`]
}

export function noRegistry(domain: string): Failure {
  return new Failure(
    'noRegistry',
    `this server has no registry ${domain} set up by Berth; set it up with mode \`up\` first`,
  )
}
