import { build, say, step } from './demo-log.ts'
import { createServer, key, password, removeMachine, world } from './index.ts'

const suite = process.argv[2] ?? 'trixie'

say('The lab: a certificate authority, Docker Hub’s mirror, a runner and a second machine')
const { acme, runner, consumer } = await world()

say(`A bare server, Debian ${suite}: sshd, and nothing that a registry needs`)
const name = `demo-${suite}`
await removeMachine(name)
const server = await createServer({ name, suite, ready: false })
console.log(`${server.domain} at ${server.address.v4} and ${server.address.v6}`)

await build(runner, name)

const ci = password()
const inputs = {
  domain: server.domain,
  email: 'ops@example.com',
  'ssh-key': (await key()).private,
  'ssh-known-hosts': server.knownHosts,
  users: `ci:${ci}\nalice:${password()}`,
  'acme-server': acme.directory,
  ca: acme.trust,
  image: `${name} => my-app`,
}

say('The step')
const first = await step(runner, inputs)
say('The step again')
const second = await step(runner, inputs)

say('The second machine pulls')
const reference = first.outputs.images ?? ''
await consumer.write(`/etc/docker/certs.d/${server.domain}/ca.crt`, acme.trust)
await consumer.sh(`docker login -u ci --password-stdin ${server.domain} && docker pull -q ${reference}`, {
  input: ci,
})
const pulled = await consumer.sh(`docker image inspect -f '{{join .RepoDigests "\\n"}}' ${reference}`)
await consumer.sh(`docker logout ${server.domain} && docker rmi ${reference}`)
console.log(pulled)

say('The job summary of the first run')
console.log(first.summary)

const good = second.outputs.changed === 'false' && pulled.split('\n').includes(reference)
say(good ? 'It works' : 'Something is wrong')
console.log(`changed  ${first.outputs.changed}, then ${second.outputs.changed}
pushed   ${reference}
pulled   ${pulled}

The lab is still running. Look at it:
  script/lab status
  script/lab shell ${name} docker ps
  script/lab shell ${name} cat /opt/berth/generations/*/start
  script/lab shell ${name} cat /etc/nginx/sites-enabled/berth-${server.domain}.conf
  script/lab shell consumer curl -s -i --cacert /etc/docker/certs.d/${server.domain}/ca.crt https://${server.domain}/v2/
  script/lab down`)
process.exitCode = good ? 0 : 1
