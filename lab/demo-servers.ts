import { build, say, step } from './demo-log.ts'
import {
  createFleet,
  createStore,
  hasStore,
  key,
  password,
  type Server,
  storeConfig,
  world,
} from './index.ts'

// Several bare servers become one registry, and go on when one of them fails.

const count = Number(process.argv[2])

if (!(Number.isInteger(count) && count >= 2 && count <= 5))
  throw new Error('--servers takes a number from 2 to 5')
if (!(await hasStore()))
  throw new Error('there is no object store without Go; install it (apt-get install golang), and run again')

say('The lab: a certificate authority, Docker Hub’s mirror, a runner, a second machine and an object store')
const { acme, runner, consumer } = await world()
const store = await createStore({ name: 'demo-store' })

say(`${count} bare servers`)
const name = 'demo-servers'
const fleet = await createFleet(count, { name, ready: false })
for (const { domain, address } of fleet.servers) console.log(`${domain} at ${address.v4}`)

await build(runner, name)
const secret = password()
const inputs = {
  ...fleet.inputs,
  email: 'ops@example.com',
  'ssh-key': (await key()).private,
  users: `ci:${secret}\nalice:${password()}`,
  'acme-server': acme.directory,
  ca: acme.trust,
  'registry-config': storeConfig(store),
  image: `${name} => my-app`,
}

say('The step')
const first = await step(runner, inputs)
say('The step again')
const second = await step(runner, inputs)

const [one, two] = fleet.servers as [Server, Server]
const floating = await fleet.float(one)
say(`The second machine pulls from ${floating}, which the first server has`)
await consumer.write(`/etc/docker/certs.d/${fleet.domain}/ca.crt`, acme.trust)
await consumer.sh(
  `sed '/ ${fleet.domain}$/d' /etc/hosts >/tmp/hosts; echo '${floating} ${fleet.domain}' >>/tmp/hosts; cat /tmp/hosts >/etc/hosts`,
)
await consumer.sh(`docker login -u ci --password-stdin ${fleet.domain}`, { input: secret })
const reference = first.outputs.images ?? ''
const pulled = [await pull()]
say('Its registry is killed, and the others stand in')
await one.sh('id=$(docker ps -q); docker update --restart no $id; docker kill $id')
pulled.push(await pull())
say(`The whole server is switched off, and ${two.domain} takes over its address`)
await one.freeze()
await fleet.float(two)
pulled.push(await pull())
await one.thaw()
await fleet.float(two)
await consumer.sh(
  `docker logout ${fleet.domain}; sed '/ ${fleet.domain}$/d' /etc/hosts >/tmp/hosts; cat /tmp/hosts >/etc/hosts`,
)
say('The step once more puts right what is wrong')
const third = await step(runner, inputs)

const good = second.outputs.changed === 'false' && pulled.every(each => each.split('\n').includes(reference))
say(good ? 'It works' : 'Something is wrong')
console.log(`changed  ${[first, second, third].map(({ outputs }) => outputs.changed).join(', then ')}
pulled   ${pulled.length} times ${reference}

The lab is still running. Look at it:
  script/lab status
  script/lab shell ${one.name} cat /etc/nginx/sites-enabled/berth-${fleet.domain}.conf
  script/lab down`)
process.exitCode = good ? 0 : 1

async function pull(): Promise<string> {
  await consumer.sh(`docker pull -q ${reference}`)
  const digests = await consumer.sh(`docker image inspect -f '{{join .RepoDigests "\\n"}}' ${reference}`)
  await consumer.sh(`docker rmi ${reference}`)
  console.log(digests)
  return digests
}
