import { type Acme, type Server, until } from '../../lab/index.ts'

/** Puts a certificate for the same key in the place of the one on disk, which has one day of ninety left, and has it served. */
export async function age(server: Server, authority: Acme, lineage = server.domain): Promise<void> {
  const live = `/etc/letsencrypt/live/${lineage}`
  const date = (days: number) => `$(date -u -d '${days} days' +%Y%m%d%H%M%SZ)`
  const csr = await server.sh(
    `openssl req -new -key ${live}/privkey.pem -subj / -addext subjectAltName=DNS:${server.domain}`,
  )
  const aged = await authority.sh(
    `csr=$(mktemp) && cat >$csr && openssl x509 -req -in $csr -copy_extensions copy -CA /var/lib/acme/ca.pem -CAkey /var/lib/acme/ca.key \\
      -not_before ${date(-89)} -not_after ${date(1)} 2>/dev/null; rm $csr`,
    { input: csr },
  )
  await server.sh(
    `cat >/tmp/aged && for kind in cert fullchain; do cat /tmp/aged >$(readlink -f ${live}/$kind.pem); done && systemctl reload nginx`,
    { input: `${aged}\n` },
  )
  const [disk, served] = [
    `openssl x509 -noout -fingerprint -sha256 -in ${live}/cert.pem`,
    `openssl s_client -connect 127.0.0.1:443 -servername ${server.domain} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`,
  ]
  await until('nginx serves it', 20, async () => (await server.sh(served)) === (await server.sh(disk)))
}
