import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { library } from '../../../src/shell.ts'
import { Programs } from '../../programs.ts'

let programs: Programs
beforeEach(() => {
  programs = new Programs()
})
afterEach(() => programs.remove())

/**
 * DNS without a network. `records` are (name, kind, value), `zones` those that 192.0.2.1 serves. `own` are those of them that the
 * server’s resolver has itself.
 */
const dns = `
import sys
import rehearsal
from rehearsal import CNAME, NS, SOA, TXT, AUTHORITATIVE

A = 1
domain = "registry.example.com"
challenge = "_acme-challenge." + domain
records, zones, own = [], [], []


def under(name):
    """The records of a name: its own or, only if there is no such name, those of a wildcard."""
    if any(each == name or each.endswith("." + name) for each, _, _ in records if not each.startswith("*")):
        return [(kind, value) for each, kind, value in records if each == name]
    parent = name.partition(".")[2]
    while parent and not any(each == parent or each.endswith("." + parent) for each, _, _ in records if not each.startswith("*")):
        parent = parent.partition(".")[2]
    return [(kind, value) for each, kind, value in records if each == "*." + parent]


def zone_of(name):
    return max((each for each in zones if name == each or name.endswith("." + each)), key=len, default="")


def ask(server, name, kind, recursive=False):
    found = [(0, name, each, value) for each, value in under(name) if each in (kind, CNAME)]
    zone = zone_of(name)
    flags = AUTHORITATIVE if zone in own or not recursive else 0
    if kind == SOA and name == zone:
        return flags, [(0, zone, SOA, "")]
    return flags, found if any(each == kind for _, _, each, _ in found) else [*found, (1, zone, SOA, "")]


def addresses(name, *_, **__):
    if name == "ns.test":
        return [(0, 0, 0, "", ("192.0.2.1", 53))]
    if any(kind == A for kind, _ in under(name)):
        return [(0, 0, 0, "", ("192.0.2.2", 443))]
    raise OSError("no such name")


def serve(*names):
    for name in names:
        zones.append(name)
        records.append((name, NS, "ns.test"))


rehearsal.ask = ask
rehearsal.resolve = lambda name, kind: ask("resolver", name, kind, True)
rehearsal.socket.getaddrinfo = addresses
`

/** What lines of Python print. */
function run(lines: string): string {
  writeFileSync(programs.file('rehearsal.py'), library('resources/certificate/rehearsal.py'))
  const { stdout, stderr } = spawnSync('python3', ['-B', '-c', `${dns}\n${lines}`], {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: programs.folder },
  })
  return (stdout + stderr).trim()
}

describe('a CNAME', () => {
  test('of a wildcard is in nobody’s way: the record is seen under the name itself', () => {
    expect(
      run(`
serve("example.com")
records.append(("*.example.com", CNAME, "proxy.example.com"))
records.append(("proxy.example.com", A, ""))
place = rehearsal.Place(domain)
print(place.lacking("VALUE"))
records.append((challenge, TXT, "VALUE"))
print(place.lacking("VALUE"), rehearsal.propagation(place, ["dns-cloudflare"]))`),
    ).toBe("['192.0.2.1']\n[] 120")
  })

  test('of the name itself is in the way of a plugin, which is not waited for long', () => {
    expect(
      run(`
serve("example.com", "example.net")
records.append((challenge, CNAME, "a.example.net"))
place = rehearsal.Place(domain)
print(place.cname, rehearsal.propagation(place, ["--authenticator", "dns-cloudflare"]))`),
    ).toBe('a.example.net 20')
  })

  test('is followed by a script, which has as much time as without one', () => {
    expect(
      run(`
serve("example.com", "example.net")
records.append((challenge, CNAME, "a.example.net"))
place = rehearsal.Place(domain)
print(place.lacking("VALUE"), rehearsal.propagation(place, ["--authenticator", "manual"]))
records.append(("a.example.net", TXT, "VALUE"))
print(place.lacking("VALUE"))`),
    ).toBe("['192.0.2.1'] 120\n[]")
  })

  test('that leads to name servers which can’t be asked leaves nothing to look at', () => {
    expect(
      run(`
serve("example.com")
zones.append("example.net")
records.append((challenge, CNAME, "a.example.net"))
print(rehearsal.Place(domain).lacking("VALUE"))`),
    ).toBe('None')
  })
})

describe('a zone of one label', () => {
  test('is one’s own if the server’s resolver has it', () => {
    expect(
      run(`
serve("internal")
own.append("internal")
print(rehearsal.Place("registry.internal").way)`),
    ).toBe("[('_acme-challenge.registry.internal', ['192.0.2.1'])]")
  })

  test('or if the domain has an address', () => {
    expect(
      run(`
serve("lan")
records.append(("registry.lan", A, ""))
print(rehearsal.Place("registry.lan").way)`),
    ).toBe("[('_acme-challenge.registry.lan', ['192.0.2.1'])]")
  })

  test('is not the zone of a domain that nobody has registered', () => {
    expect(
      run(`
serve("com")
print(rehearsal.main(domain, "", "--", "false"))`),
    ).toBe('rehearsal: zone _acme-challenge.registry.example.com\n1')
  })
})

test('a name server that answers nothing but who it is does not show the record', () => {
  expect(
    run(`
serve("example.com")
heard = ask
def silent(server, name, kind, recursive=False):
    if kind == TXT:
        raise TimeoutError("timed out")
    return heard(server, name, kind, recursive)
rehearsal.ask = silent
print(rehearsal.Place(domain).lacking("VALUE"))`),
  ).toBe("['192.0.2.1']")
})

describe('a whole rehearsal', () => {
  /** What certbot asks of an authority. */
  const certbot = `
import base64, json, sys, urllib.request
url = sys.argv[sys.argv.index("--server") + 1].replace("directory", "")
protected = base64.urlsafe_b64encode(b'{"jwk": {"kty": "EC"}}').decode()
def post(path):
    return json.load(urllib.request.urlopen(url + path, json.dumps({"protected": protected}).encode()))
post("account")
post("challenge")
while post("authorization")["status"] == "pending":
    pass`

  const rehearse = (lines: string) => {
    writeFileSync(programs.file('certbot.py'), certbot)
    return run(`
rehearsal.PROPAGATION = 0
serve("example.com")
${lines}
folder = ${JSON.stringify(programs.folder)}
print(rehearsal.main(domain, folder, "--", sys.executable, folder + "/certbot.py"))
for name in ("seen", "wait"):
    print(open(folder + "/" + name).read())`)
  }

  test('measures how long the record took', () => {
    expect(rehearse('rehearsal.Place.lacking = lambda *_: []')).toBe('0\n0\n10')
  })

  test('can’t measure it where no name server can be asked', () => {
    expect(rehearse('records.clear()')).toBe('0\nblind\n60')
  })

  test('names the name servers that did not show it', () => {
    expect(rehearse('')).toMatch(/^rehearsal: unseen 0 192\.0\.2\.1\n1\n/m)
  })
})

test('what nobody thought of is said in one line', () => {
  expect(
    run(`
serve("example.com")
def broken(*_, **__):
    raise ValueError("two\\nlines")
rehearsal.target_of = broken
print(rehearsal.main(domain, "", "--", "false"))`),
  ).toBe('rehearsal: broken ValueError: two lines\n1')
})
