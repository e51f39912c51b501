import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate that nobody signed but itself, and its key; made here, for a key in a repository is found by every scanner. */
export function selfSigned(name: string, days = 90): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'berth-pem-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const request = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'.split(' ')
  const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE']
  const about = [...leaf, '-days', `${days}`, '-subj', '/CN=berth', '-addext', `subjectAltName=DNS:${name}`]
  execFileSync('openssl', ['req', ...request, ...about, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  try {
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
