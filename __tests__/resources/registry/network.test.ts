import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { needsNetwork } from '../../../src/resources/registry/config.ts'
import { registry } from '../../../src/resources/registry/registry.ts'
import { library } from '../../../src/shell.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { recorded } from '../../recorded.ts'

let programs: Programs

beforeEach(() => {
  programs = new Programs()
})
afterEach(() => programs.remove())

const iptables = "printf '*nat\\n:DOCKER - [0:0]\\nCOMMIT\\n'"

test.each([
  ['Docker’s rules in iptables', { 'iptables-save': iptables }, 'yes'],
  ['in nftables', { nft: "printf 'table ip docker-bridges\\n'" }, 'yes'],
  ['no rules', { 'iptables-save': "printf '*nat\\n:DOCKER_OUTPUT - [0:0]\\nCOMMIT\\n'", nft: ':' }, 'no'],
  ['none that Docker is to write', { systemctl: 'echo dockerd --iptables=false' }, 'yes'],
  ['no Docker at work', { systemctl: 'exit 3' }, 'yes'],
])('%s', (_, given: Record<string, string>, expected) => {
  const usual = { systemctl: '[ "$1" = --quiet ]', 'iptables-save': 'exit 1', nft: 'exit 1' }
  for (const [name, script] of Object.entries({ ...usual, ...given })) programs.add(name, script)
  const libraries = ['server/protocol', 'server/facts', 'resources/registry/network']
  const { stdout } = sh(libraries, `PATH=${programs.folder}:$PATH\nfact_if registry.rules network_rules`)
  expect(stdout).toBe(`berth:registry.rules=${expected}\n`)
})

test('rules that are gone are said of a registry that needs a network, and of no other', () => {
  const { desired, facts } = recorded('trixie', 'converged')
  const talkative = {
    ...desired,
    registry: { ...desired.registry, config: { notifications: { endpoints: [] } } },
  }
  const probes = (wanted: typeof desired) => registry.probe(wanted).map(([name]) => name)
  expect(probes(desired)).not.toContain('network_probe')
  expect(probes(talkative)).toContain('network_probe')

  const seen = registry.read(facts, desired)
  const words = (cutOff: boolean) =>
    registry.warnings?.(talkative, { ...seen, cutOff }).map(({ message }) => message)
  expect(words(false)).toEqual([])
  expect(words(true)).toEqual([expect.stringContaining('Docker’s rules are gone from the server’s firewall')])
})

test.each([
  ['images on disk', {}, false],
  ['a check of another service, by HTTP', { health: { http: [{ uri: 'https://db.example.com' }] } }, true],
  ['by TCP', { health: { tcp: [{ addr: 'db.example.com:5432' }] } }, true],
  ['a check of a file', { health: { file: [{ file: '/tmp/down' }] } }, false],
  ['figures for Prometheus', { http: { debug: { addr: ':5001' } } }, true],
  ['mails', { log: { hooks: [{ type: 'mail' }] } }, true],
  ['a mirror of another registry', { proxy: { remoteurl: 'https://registry-1.docker.io' } }, true],
])('%s: needs a network is %s', (_, config, needed) => {
  const { desired } = recorded('trixie', 'bare')
  expect(needsNetwork({ ...desired, registry: { ...desired.registry, config } })).toBe(needed)
})

test.each([
  ['an authority that somebody has given the server since', '1 minute', 'touch own/company.crt', 'no'],
  ['one that somebody has taken away', '1 minute', 'touch own/company.crt; rm own/company.crt', 'no'],
  ['one that the server does not trust yet', '2 hours ago', 'touch own/company.crt', 'yes'],
  ['what the distribution has updated', '1 minute', '', 'yes'],
])('%s', (_, updated, change, expected) => {
  const script = library('resources/registry/network')
    .replaceAll('/etc/ssl/certs/ca-certificates.crt', './all')
    .replaceAll('/usr/local/share/ca-certificates', './own')
  // A file system’s clock goes in steps.
  const { stdout } = sh(
    ['server/protocol', 'server/facts'],
    `${script}
cd ${programs.folder} && mkdir own
until [ start -nt own ]; do touch start; done
${change === '' ? '' : `until find own -cnewer start | grep -q .; do ${change}; done`}
touch -d '${updated}' all
fact_if registry.trust network_trust start`,
  )
  expect(stdout).toBe(`berth:registry.trust=${expected}\n`)
})
