/** What tests and the demo use of the lab. */
export { type Acme, type AcmeOptions, acme } from './acme.ts'
export { type Job, type PhaseRun, runStep, type StepOptions, type StepRun } from './action.ts'
export { type Hub, hub } from './hub.ts'
export { type Key, key } from './key.ts'
export { copy, type Machine, type RunOptions } from './machine.ts'
export { createRunner, type Runner } from './runner.ts'
export { createServer, findServer, type Server, type ServerOptions } from './server.ts'
export { type World, world } from './world.ts'
