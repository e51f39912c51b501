import { runStep, type StepRun } from './index.ts'
import type { Machine } from './machine.ts'

const started = performance.now()
const bold = (text: string) => `\x1b[1m${text}\x1b[0m`

/** Tells what comes next in a demo, and after how many seconds. */
export function say(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4)
  console.log(bold(`\n${seconds} s  ${text}`))
}

/** An earlier step of the workflow: it builds an image that no registry has yet. */
export async function build(runner: Machine, name: string): Promise<void> {
  say('An earlier step of the workflow builds an image')
  await runner.sh(
    `mkdir -p ~/${name} && cd ~/${name} && date +%s%N >version && printf "FROM scratch\\nCOPY version /\\nCMD [\\"/version\\"]\\n" >Dockerfile && docker build -q -t ${name} .`,
    { user: 'runner' },
  )
}

/** Runs the action and shows its log as GitHub does. */
export async function step(
  runner: Machine,
  inputs: Record<string, string> & { 'ssh-key': string; users: string },
): Promise<StepRun> {
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
