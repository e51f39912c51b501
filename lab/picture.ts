import { writeFileSync } from 'node:fs'
import {
  createRunner,
  createServer,
  key,
  password,
  removeMachine,
  runStep,
  useContainerdStore,
  world,
} from './index.ts'

// A run that shows all that a job summary may have: script/picture makes a picture of what this writes into a file.
const [file = 'summary.md'] = process.argv.slice(2)
const { acme } = await world()
await removeMachine('registry')
const server = await createServer({ name: 'registry' })
const runner = await createRunner()
// Without it buildx writes no archives.
await useContainerdStore(runner)

await runner.sh(
  "mkdir -p ~/picture && cd ~/picture && head -c 7300000 /dev/urandom >layer && printf 'FROM scratch\\nCOPY layer /\\n' >Dockerfile && docker build -q -t worker . && head -c 21400000 /dev/urandom >layer && docker buildx build --quiet --platform linux/amd64,linux/arm64 --output type=oci,dest=my-app.tar . >/dev/null",
  { user: 'runner' },
)
const ci = password()
const inputs = {
  domain: server.domain,
  email: 'ops@example.com',
  'ssh-key': (await key()).private,
  'ssh-known-hosts': server.knownHosts,
  'acme-server': acme.directory,
  ca: acme.trust,
}
await step({ users: `ci:${ci}\ndave:${password()}` })
const run = await step({
  users: `ci:${ci}\nalice:${password()}\nbob:${password()}`,
  image: '/home/runner/picture/my-app.tar => team/my-app\nworker => team/worker',
  'registry-config': 'log: {level: warn}',
  tags: '1.4.2\n1.4\nlatest',
})
writeFileSync(file, run.summary)
await Promise.all([server.remove(), runner.remove()])

async function step(more: Record<string, string>) {
  const run = await runStep(runner, { ...inputs, ...more })
  console.log(run.log)
  if (run.code !== 0) throw new Error('the step failed; its log is above')
  return run
}
