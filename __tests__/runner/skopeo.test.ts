import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Skopeo } from '../../src/runner/skopeo.ts'
import { Programs } from '../programs.ts'

const user = { name: 'ci', password: 'pass:word' }
const never = new AbortController().signal

let programs: Programs
let folder: string
beforeEach(() => {
  programs = new Programs()
  folder = mkdtempSync(join(tmpdir(), 'berth-skopeo-'))
  programs.add(
    'skopeo',
    `printf '%s\\n' "$*" >>"$here/args"
echo "$NO_PROXY $no_proxy" >"$here/direct"
while [ $# -gt 0 ]; do
  case $1 in
  --digestfile) printf 'sha256:abc\\n' >"$2" ;;
  --dest-authfile) cp "$2" "$here/auth"; stat -c %a "$2" "\${2%/*}" >"$here/modes" ;;
  --dest-cert-dir) cp "$2/ca.crt" "$here/ca" ;;
  esac
  shift
done
echo 'Copying blob sha256:0123'`,
  )
})
afterEach(() => {
  programs.remove()
  rmSync(folder, { recursive: true, force: true })
})

const seen = (name: string) => readFileSync(programs.file(name), 'utf8')
const copy = (from = 'oci-archive:app.tar', as: typeof user | undefined = user, ca?: string) =>
  new Skopeo(folder, ca).copy({ from }, 'r.example.com/app:v1', as, () => {}, never)

test('it copies whole indexes as they are, and says the digest', async () => {
  expect(await copy()).toBe('sha256:abc')
  expect(seen('args')).toMatch(
    / --all --preserve-digests oci-archive:app\.tar docker:\/\/r\.example\.com\/app:v1$/m,
  )
})

test('the login is in a file for nobody else, and gone afterwards', async () => {
  await copy()
  expect(seen('args')).not.toContain('pass')
  expect(JSON.parse(seen('auth'))).toEqual({
    auths: { 'r.example.com': { auth: Buffer.from('ci:pass:word').toString('base64') } },
  })
  expect(seen('modes')).toBe('600\n700\n')
  expect(readdirSync(folder)).toEqual([])
})

test('the registry is reached without the runner’s proxy, as are those hosts that were before', async () => {
  process.env.NO_PROXY = 'hub.example.com'
  try {
    await copy()
  } finally {
    delete process.env.NO_PROXY
  }
  const both = 'hub.example.com,r.example.com'
  expect(seen('direct')).toBe(`${both} ${both}\n`)
})

test('without a user nobody’s login is used', async () => {
  await new Skopeo(folder, undefined).copy(
    { from: 'oci:x' },
    'r.example.com/app:v1',
    undefined,
    () => {},
    never,
  )
  expect(seen('args')).toContain('--dest-no-creds')
  expect(existsSync(programs.file('auth'))).toBe(false)
})

test('a private authority is trusted for this copy, and the certificate is looked at in any case', async () => {
  await copy('oci:x', user, 'PEM\n')
  expect(seen('ca')).toBe('PEM\n')
  expect(seen('args')).not.toMatch(/tls-verify/)
})

test('what `docker save` wrote has no manifest that could be kept', async () => {
  await copy('docker-archive:app.tar')
  expect(seen('args')).not.toContain('--preserve-digests')
})

test('what it says last is thrown, and nothing is left', async () => {
  programs.add('skopeo', 'echo one >&2; echo "denied: no" >&2; exit 1')
  await expect(copy()).rejects.toThrow(/^denied: no$/)
  expect(readdirSync(folder)).toEqual([])
})

test('a runner without it is named', async () => {
  await new Skopeo(folder, undefined).check()
  programs.alone()
  rmSync(programs.file('skopeo'))
  await expect(new Skopeo(folder, undefined).check()).rejects.toMatchObject({
    topic: 'runnerProgram',
    message: expect.stringContaining('pushed with skopeo, and this runner has none'),
  })
})
