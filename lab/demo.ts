import { randomBytes } from 'node:crypto'
import { createServer, key, removeMachine, runStep, type StepRun, world } from './index.ts'

const suite = process.argv[2] ?? 'trixie'
const started = performance.now()
const seconds = () => ((performance.now() - started) / 1000).toFixed(0).padStart(4)
const bold = (text: string) => `\x1b[1m${text}\x1b[0m`
const say = (text: string) => console.log(bold(`\n${seconds()} s  ${text}`))

say('The lab: a certificate authority, Docker Hub’s mirror, a runner and a second machine')
const { acme, runner, consumer } = await world()

say(`A bare server, Debian ${suite}: sshd, and nothing that a registry needs`)
const name = `demo-${suite}`
await removeMachine(name)
const server = await createServer({ name, suite, ready: false })
console.log(`${server.domain} at ${server.address.v4} and ${server.address.v6}`)

say('An earlier step of the workflow builds an image')
await runner.sh(
  `mkdir -p ~/${name} && cd ~/${name} && date +%s%N >version && printf "FROM scratch\\nCOPY version /\\nCMD [\\"/version\\"]\\n" >Dockerfile && docker build -q -t ${name} .`,
  { user: 'runner' },
)

const password = randomBytes(24).toString('base64url')
const inputs = {
  domain: server.domain,
  email: 'ops@example.com',
  'ssh-key': (await key()).private,
  'ssh-known-hosts': server.knownHosts,
  users: `ci:${password}\nalice:${randomBytes(24).toString('base64url')}`,
  'acme-server': acme.directory,
  ca: acme.trust,
  image: `${name} => my-app`,
}

say('The step')
const first = await step()
say('The step again')
const second = await step()

say('The second machine pulls')
const reference = first.outputs.images ?? ''
await consumer.write(`/etc/docker/certs.d/${server.domain}/ca.crt`, acme.trust)
await consumer.sh(`docker login -u ci --password-stdin ${server.domain} && docker pull -q ${reference}`, {
  input: password,
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

/** Runs the action and shows its log as GitHub does. */
async function step(): Promise<StepRun> {
  const run = await runStep(runner, inputs, {
    secrets: [inputs['ssh-key'], inputs.users],
    onLine: line => {
      if (line === '##[endgroup]') return
      console.log(
        line.replace(/^##\[group\](.*)/, bold('▾ $1')).replace(/^##\[(\w+)\]/, '\x1b[31m$1: \x1b[0m'),
      )
    },
  })
  if (run.code !== 0) throw new Error('The step failed; its log is above.')
  return run
}
