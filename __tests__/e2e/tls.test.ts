import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createServer,
  key,
  runStep,
  rusty,
  type Server,
  type StepRun,
  testssl,
  type World,
  world,
} from '../../lab/index.ts'

jest.setTimeout(600_000)

/** What is served on each nginx that there is between 1.22 and 1.30: Debian 12, 13 and the next. */
const suites = [
  { suite: 'bookworm', nginx: '1.22', quantum: false },
  { suite: 'trixie', nginx: '1.26', quantum: true },
  { suite: 'forky', nginx: '1.30', quantum: true },
].filter(({ suite }) => suite !== 'bookworm' || !rusty)
if (rusty) console.warn('Debian 12 has no sudo in Rust: its nginx 1.22 is left out')

const app = 'tls-test'

let lab: World
const servers = new Map<string, Server>()

beforeAll(async () => {
  lab = await world()
  await lab.runner.sh(
    `mkdir -p ~/${app} && cd ~/${app} && date +%s%N >version && printf 'FROM scratch\\nCOPY version /\\n' >Dockerfile
     DOCKER_BUILDKIT=0 docker build --quiet --tag ${app} .`,
    { user: 'runner' },
  )
  for (const { suite } of suites) servers.set(suite, await createServer({ suite }))
})

afterAll(async () => {
  await Promise.all([...servers.values()].map(server => server.remove()))
  await lab?.runner.run(
    `docker image ls -q --filter 'reference=${app}' | xargs -r docker rmi -f; rm -r ~/${app}`,
    {
      user: 'runner',
    },
  )
})

describe.each(suites)('nginx $nginx of Debian $suite', ({ suite, nginx, quantum }) => {
  const server = () => servers.get(suite) as Server

  async function up(): Promise<StepRun> {
    return runStep(lab.runner, {
      domain: server().domain,
      'ssh-key': (await key()).private,
      'ssh-known-hosts': server().knownHosts,
      users: 'ci:correct horse battery staple',
      'acme-server': lab.acme.directory,
      ca: lab.acme.trust,
      image: app,
    })
  }

  /** What OpenSSL says of a connection with these options. */
  async function talk(options: string, name = server().domain): Promise<string> {
    const { stdout } = await lab.runner.run(
      `openssl s_client -connect ${server().domain}:443 -servername ${name} ${options} </dev/null 2>&1`,
    )
    return stdout
  }

  test('becomes a registry that takes a push, without a warning, and a second run changes nothing', async () => {
    const first = await up()
    expect(first.errors).toEqual([])
    expect(first.outputs.digest).toMatch(/^sha256:/)
    expect(await server().sh('nginx -v 2>&1')).toContain(`nginx/${nginx}.`)
    expect(await server().sh('nginx -t -q 2>&1')).toBe('')
    const second = await up()
    expect(second.errors).toEqual([])
    expect(second.outputs).toMatchObject({ changed: 'false', digest: first.outputs.digest })
  })

  test('speaks TLS 1.2 and 1.3 with Mozilla’s suites and no others', async () => {
    // All that this OpenSSL knows is offered, then all but what was chosen, until nothing suits the server any more. The
    // certificate has an ECDSA key, so Mozilla's three suites for RSA find no use.
    const accepted = await lab.runner.sh(
      `for version in tls1 tls1_1 tls1_2; do
        offered=ALL:COMPLEMENTOFALL
        while :; do
          suite=$(openssl s_client -connect ${server().domain}:443 -servername ${server().domain} -$version \
            -cipher "$offered:@SECLEVEL=0" </dev/null 2>/dev/null | sed -n 's/^New, .*Cipher is //p')
          case $suite in '' | '(NONE)') break ;; esac
          echo "$version $suite"
          offered="$offered:!$suite"
        done
      done | sort`,
    )
    expect(accepted.split('\n')).toEqual([
      'tls1_2 ECDHE-ECDSA-AES128-GCM-SHA256',
      'tls1_2 ECDHE-ECDSA-AES256-GCM-SHA384',
      'tls1_2 ECDHE-ECDSA-CHACHA20-POLY1305',
    ])
    expect(await talk("-tls1_1 -cipher 'ALL:@SECLEVEL=0'")).toContain('alert protocol version')
    expect(await talk('')).toContain('New, TLSv1.3')
  })

  test(`agrees on keys ${quantum ? 'that a quantum computer can’t find out' : 'over X25519'}`, async () => {
    expect(await talk('')).toMatch(quantum ? /Negotiated TLS1.3 group: X25519MLKEM768/ : /: X25519\b/)
  })

  test('has HTTP/2, HSTS for two years, and no stapling', async () => {
    expect(await talk('-alpn h2')).toContain('ALPN protocol: h2')
    expect(await talk('-status')).toContain('OCSP response: no response sent')
    const headers = await lab.runner.sh(`curl -skI https://${server().domain}/v2/`)
    expect(headers).toMatch(/^HTTP\/2 401/)
    expect(headers).toContain('strict-transport-security: max-age=63072000')
  })

  test('shows a name that nobody knows no certificate of ours', async () => {
    const answer = await talk('', 'unknown.example')
    expect(answer).toContain('unrecognized name')
    expect(answer).not.toContain(server().domain)
  })
})

/**
 * What testssl.sh may find: nothing of it is the server's to mend.
 * - The scanner's own OpenSSL has no GOST.
 * - Pebble's certificates say nothing about revocation, as Let's Encrypt's do.
 * - A CAA record is for the owner of the domain to add.
 * - The scanner leaves its first connection before TLS 1.3 has told it how to resume that one, now and then, and takes its own
 *   second one for failed.
 */
const exceptions =
  /^(WARN engine_problem|HIGH cert_revocation|LOW DNS_CAArecord|WARN sessionresumption_ticket):/

test('testssl.sh finds nothing to mend on Debian 12 and 13', async () => {
  const checks = ['--protocols', '--server-defaults', '--headers', '--vulnerable']
  const scanned = suites.filter(({ suite }) => suite !== 'forky')
  const scans = await Promise.all(
    scanned.map(async ({ suite }) => {
      const findings = await testssl((servers.get(suite) as Server).domain, checks, lab.acme.trust)
      return [suite, findings.filter(finding => !exceptions.test(finding))]
    }),
  )
  expect(scans).toEqual(scanned.map(({ suite }) => [suite, []]))
})
