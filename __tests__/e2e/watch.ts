import { randomBytes } from 'node:crypto'
import { type Machine, until } from '../../lab/index.ts'

/**
 * Looks at the command lines and environments of all processes, again and again; the function that it returns ends it
 * and tells where one of the texts was seen.
 */
export async function watch(machine: Machine, texts: string[]): Promise<() => Promise<string[]>> {
  const folder = `/tmp/watch-${randomBytes(4).toString('hex')}`
  await machine.write(`${folder}/texts`, texts.map(text => `${text}\n`).join(''), '600')
  const watching = machine.run(`cd ${folder} && while [ ! -e stop ] && [ "$SECONDS" -lt 600 ]; do
    [ -e going ] || touch going
    for file in $(grep -laF -f texts /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null); do
      command=$(tr '\\0' ' ' <"\${file%/*}/cmdline")
      # Between fork and exec a child still has its parent's memory: what it is now must show the text as well.
      ! grep -qaF -f texts "$file" || echo "\${file##*/} $command"
    done
    sleep 0.03
  done`)
  await until('the watch goes', 30, async () => (await machine.run(`test -e ${folder}/going`)).code === 0)
  return async () => {
    await machine.sh(`touch ${folder}/stop`)
    const { stdout } = await watching
    await machine.sh(`rm -r ${folder}`)
    return stdout
      .split('\n')
      .filter(line => line !== '')
      .map(line =>
        line.trim().replace(/\/usr\/local\/bin\/|\/home\/runner\/work\/_actions\/\S+(?=\/dist)\//g, ''),
      )
  }
}
