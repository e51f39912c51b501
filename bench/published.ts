import { hashSync } from 'bcryptjs'
import { type Server, until } from '../lab/index.ts'
import { password, peer } from './stage.ts'

/** Where a server has its images without Berth. */
export interface Published {
  /** A port that Docker publishes, in the clear: without a password. */
  straight: string
  /** The same registry with passwords, behind a blog's nginx. */
  blog: string
  /** A registry that does TLS itself, on the host's network, without a password. */
  tls: string
  remove(): Promise<void>
}

const containers = ['bench-straight', 'bench-htpasswd', 'bench-tls']

/** Starts registries on the same images as people have them without Berth. */
export async function published(server: Server): Promise<Published> {
  const blog = peer('blog.conf').replaceAll('DOMAIN', server.domain)
  await server.write('/srv/bench/htpasswd', `user0:${hashSync(password, 5)}\n`)
  await server.sh(
    `cd /etc/letsencrypt/live/${server.domain} && install -o 65532 fullchain.pem privkey.pem /srv/bench`,
  )
  await server.write('/etc/nginx/sites-enabled/bench-blog.conf', blog)
  const start = (name: string, options: string) =>
    `docker run -d --name ${name} --user 65532:65532 ${options} --env-file /opt/berth/secret.env -e OTEL_TRACES_EXPORTER=none -e REGISTRY_LOG_ACCESSLOG_DISABLED=true -e REGISTRY_LOG_LEVEL=warn \
-v /opt/berth/data:/var/lib/registry registry:3.1.2 >/dev/null`
  await server.sh(`docker rm -f ${containers.join(' ')} >/dev/null 2>&1
set -e
${start('bench-straight', '-p 127.0.0.1:5000:5000')}
${start(
  'bench-htpasswd',
  '-p 127.0.0.1:5001:5000 -v /srv/bench/htpasswd:/htpasswd:ro -e REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd -e REGISTRY_AUTH_HTPASSWD_REALM=Registry',
)}
${start(
  'bench-tls',
  `--network host -e REGISTRY_HTTP_ADDR=127.0.0.1:5443 -e REGISTRY_HTTP_DEBUG_ADDR=127.0.0.1:5444 -v /srv/bench:/certs:ro -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/fullchain.pem -e REGISTRY_HTTP_TLS_KEY=/certs/privkey.pem`,
)}
nginx -t -q && systemctl reload nginx`)
  const urls = {
    straight: 'http://127.0.0.1:5000',
    blog: `https://${server.domain}:8443`,
    tls: `https://${server.domain}:5443`,
  }
  for (const url of Object.values(urls))
    await until(`${url} answers`, 30, async () =>
      (await server.run(`curl -sko /dev/null --connect-to ::127.0.0.1: ${url}/v2/`)).code === 0
        ? true
        : undefined,
    )
  return {
    ...urls,
    remove: async () => {
      await server.sh(
        `docker rm -f ${containers.join(' ')} >/dev/null; rm -rf /etc/nginx/sites-enabled/bench-blog.conf /srv/bench; systemctl reload nginx`,
      )
    },
  }
}
