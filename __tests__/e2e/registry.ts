import {
  createServer,
  key,
  runStep,
  type Server,
  type StepOptions,
  type StepRun,
  type World,
  world,
} from '../../lab/index.ts'

/** A server, its inputs, and the step as a workflow would run it. */
export interface Registry {
  server: Server
  inputs: Record<string, string>
  world: World
  step(inputs?: Record<string, string>, options?: StepOptions): Promise<StepRun>
}

export const passwords = {
  ci: 'PLkz7QmXcE2vTn5RbW9dHs4a',
  alice: 'uY3eKoV8sZpA6fJt1GqNx0wM',
  bob: 'Bd5rLw2ChTzX9mQvSk7nEy4g',
}

/** A fresh server of the lab, and inputs that fit it. */
export async function registry(options: Parameters<typeof createServer>[0] = {}): Promise<Registry> {
  const lab = await world()
  const server = await createServer(options)
  const inputs = {
    domain: server.domain,
    email: 'ops@example.com',
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    users: `ci:${passwords.ci}\nalice:${passwords.alice}`,
    'acme-server': lab.acme.directory,
    ca: lab.acme.trust,
  }
  return {
    server,
    inputs,
    world: lab,
    step: (more = {}, how = {}) =>
      runStep(lab.runner, { ...inputs, ...more }, { secrets: [inputs['ssh-key'], inputs.users], ...how }),
  }
}

/** The step's log if it went wrong, so that a failing test says why. A warning of Node's own is nothing for a user. */
export function succeeded(run: StepRun): StepRun {
  if (run.code !== 0) throw new Error(`the step failed:\n${run.log}`)
  if (/^\(node:\d+\)/m.test(run.log)) throw new Error(`Node warns:\n${run.log}`)
  return run
}
