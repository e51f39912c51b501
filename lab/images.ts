import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { settings, sources } from './apt.ts'
import { asRoot, docker, has, install, tryDocker } from './engine.ts'
import { locked } from './lock.ts'
import { cache, checkout, hash } from './place.ts'
import { output } from './process.ts'

/**
 * The lab's images. Each is tagged with a hash of all that goes into it, so an image that exists is right, and one
 * whose inputs changed is built anew. The functions return the image's reference and build it only when it's missing.
 */
const debian = once((suite: string) => buildDebian(suite))

export const server = once((suite: string) =>
  debian(suite).then(from => build('server', suite, { FROM: from })),
)

export const ready = once((suite: string) =>
  server(suite).then(from => build('ready', suite, { FROM: from })),
)

/** Of a bare server's image, or a ready one's. */
export const rust = once((suite: string, from: string) => build('rust', suite, { FROM: from }))

export const acme = once(() => debian('trixie').then(from => build('acme', 'trixie', { FROM: from })))

export const names = once(() => debian('trixie').then(from => build('names', 'trixie', { FROM: from })))

export const testssl = once(() => debian('trixie').then(from => build('testssl', 'trixie', { FROM: from })))

export const browser = once(() => debian('trixie').then(from => build('browser', 'trixie', { FROM: from })))

export const firefox = once(() => debian('trixie').then(from => build('firefox', 'trixie', { FROM: from })))

export const runner = once(async (suite: string) => {
  const from = await debian(suite)
  const node = realpathSync(join(checkout, 'node_modules/.bin/node'))
  return build('runner', suite, { FROM: from }, [
    { name: 'node', path: node, version: await output(node, ['--version']) },
    ...['boot', 'daemon.json'].map(name => ({
      name,
      content: readFileSync(join(folderOf('server'), name), 'utf8'),
    })),
  ])
})

export const busybox = once(() => debian('trixie').then(from => build('busybox', 'latest', { FROM: from })))

/** The registry images by the tags that Docker Hub has them under: pulled if that can be, else built. */
export const registries = once(async (): Promise<Record<string, string>> => {
  const [two, three] = await Promise.all([
    pull('registry:2.8.3').then(image => image ?? registry2('2.8.3')),
    pull('registry:3.1.2').then(image => image ?? registry3('3.1.2')),
  ])
  if (!three) say('registry:3.1.2 can neither be pulled nor, without Go, be built: 2.8 alone will have to do')
  return { '2': two, '2.8.3': two, ...(three && { '3': three, '3.1.2': three }) }
})

async function buildDebian(suite: string): Promise<string> {
  const files = { 'sources.list': await sources(suite), '99lab': await settings(suite) }
  const tag = `${suite}-${hash(...Object.values(files)).slice(0, 12)}`
  const extras = Object.entries(files).map(([name, content]) => ({ name, content }))
  return build('debian', tag, { FROM: () => bootstrap(suite, files['sources.list'], files['99lab']) }, extras)
}

/** The suite's base image from Docker Hub, or one bootstrapped from its packages. */
async function bootstrap(suite: string, sourcesList: string, settings: string): Promise<string> {
  const pulled = await pull(`debian:${suite}-slim`)
  if (pulled) return pulled
  if (!(await has('mmdebstrap'))) await install('mmdebstrap', 'debian-archive-keyring')
  say(`Bootstrapping Debian ${suite}`)
  const image = `berth-lab/bootstrap:${suite}`
  const file = join(cache, `${suite}.tar`)
  const options = settings.split('\n').flatMap(line => (line ? [`--aptopt=${line.replace(/;$/, '')}`] : []))
  const from = sourcesList.split('\n').filter(Boolean)
  await asRoot('mmdebstrap', '--variant=minbase', '--quiet', ...options, suite, file, ...from)
  await docker('import', '--change', 'CMD ["/bin/bash"]', file, image)
  await asRoot('rm', file)
  return image
}

const registry2 = async (tag: string) =>
  build('registry2', tag, { FROM: await debian('trixie'), BUSYBOX: await busybox() })

const registry3 = async (tag: string) =>
  compiled(
    'registry3',
    tag,
    { BUSYBOX: await busybox() },
    'github.com/distribution/distribution/v3/cmd/registry',
  )

/** An object store: versitygw, `undefined` where there is no Go to build it with, or the program that BERTH_STORE names. */
export const store = once(async (): Promise<string | undefined> => {
  const from = await debian('trixie')
  const other = process.env.BERTH_STORE
  if (other !== undefined) {
    const { size, mtimeMs } = statSync(other)
    const program = { name: 'store', path: other, version: `${size} ${mtimeMs}` }
    return build('store', basename(other), { FROM: from }, [program])
  }
  const module = 'github.com/versity/versitygw/cmd/versitygw'
  const image = await compiled('store', '1.8.0', { FROM: from }, module, 'store')
  if (!image) say('versitygw can’t be built without Go: tests of object storage will be skipped')
  return image
})

/** An image with a program that Debian doesn't have, built from its module in Go; `undefined` where there is no Go. */
async function compiled(
  name: string,
  version: string,
  args: Arguments,
  module: string,
  program = module.split('/').at(-1) ?? '',
): Promise<string | undefined> {
  const binary = { name: program, path: () => compile(module, version), version }
  try {
    return await build(name, version, args, [binary])
  } catch (error) {
    if (error instanceof NoGo) return undefined
    throw error
  }
}

class NoGo extends Error {}

async function compile(module: string, version: string): Promise<string> {
  const go = await findGo()
  if (!go) throw new NoGo()
  const program = module.split('/').at(-1) ?? ''
  say(`Building ${program} ${version} with Go`)
  const bin = join(cache, 'go')
  await output(go, ['install', '-trimpath', '-ldflags=-s -w', `${module}@v${version}`], {
    env: { CGO_ENABLED: '0', GOBIN: bin },
  })
  return join(bin, program)
}

async function findGo(): Promise<string | undefined> {
  const places = ['/usr/local/go/bin/go', join(homedir(), 'go/bin/go'), '/usr/lib/go/bin/go']
  return (await has('go')) ? 'go' : places.find(place => existsSync(place))
}

/** Says that Docker Hub could not be reached. Asking again soon would only cost time, a lot of it behind some firewalls. */
const offline = join(cache, 'offline')
const isOffline = () => existsSync(offline) && Date.now() - statSync(offline).mtimeMs < 86_400_000

async function pull(image: string): Promise<string | undefined> {
  if (await exists(image)) return image
  if (isOffline()) return undefined
  say(`Pulling ${image}`)
  const pulled = await tryDocker(['pull', '--quiet', image], { timeout: 180 }).then(
    result => result.code === 0,
    () => false,
  )
  if (pulled) return image
  writeFileSync(offline, '')
  return undefined
}

/** Asking for the list once is quicker than asking for each. What is missing then may be there by now. */
let list: Promise<Set<string>> | undefined
async function exists(image: string): Promise<boolean> {
  list ??= docker('images', '--format', '{{.Repository}}:{{.Tag}}').then(lines => new Set(lines.split('\n')))
  return (await list).has(image) || (await tryDocker(['image', 'inspect', image])).code === 0
}

type Arguments = Record<string, string | (() => Promise<string>)>
type Extra =
  | { name: string; content: string }
  | { name: string; path: string | (() => Promise<string>); version: string }

/**
 * Builds lab/images/NAME with extra files beside it. Arguments that are functions cost something and are only
 * asked for when the image has to be built.
 */
async function build(name: string, variant: string, args: Arguments, extras: Extra[] = []): Promise<string> {
  const folder = folderOf(name)
  const files = readdirSync(folder).sort()
  const parts = files.flatMap(file => [file, readFileSync(join(folder, file))])
  const fixed = Object.entries(args).flatMap(([key, value]) => [key, typeof value === 'string' ? value : ''])
  const added = extras.flatMap(extra => [extra.name, 'content' in extra ? extra.content : extra.version])
  const image = `berth-lab/${name}:${variant}-${hash(...parts, ...fixed, ...added).slice(0, 12)}`
  if (await exists(image)) return image
  return locked(`${name}-${variant}`, async () => {
    // Another process may have built it while we waited.
    if (await exists(image)) return image
    const context = join(cache, 'build', `${name}-${variant}`)
    rmSync(context, { recursive: true, force: true })
    cpSync(folder, context, { recursive: true })
    for (const extra of extras) {
      const to = join(context, extra.name)
      if ('content' in extra)
        writeFileSync(to, extra.content, { mode: extra.content.startsWith('#!') ? 0o755 : 0o644 })
      else copyFileSync(typeof extra.path === 'string' ? extra.path : await extra.path(), to)
    }
    const flags: string[] = []
    for (const [key, value] of Object.entries(args)) {
      flags.push('--build-arg', `${key}=${typeof value === 'string' ? value : await value()}`)
    }
    say(`Building ${image}`)
    await docker('build', '--quiet', '--force-rm', ...flags, '--tag', image, context)
    rmSync(context, { recursive: true })
    return image
  })
}

const folderOf = (name: string) => join(import.meta.dirname, 'images', name)

/** Remembers the promise for each argument, so that images which share a base build it once. */
function once<A extends string[], T>(make: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  const made = new Map<string, Promise<T>>()
  return (...args) => {
    const key = args.join(' ')
    const known = made.get(key) ?? make(...args)
    made.set(key, known)
    return known
  }
}

const say = (message: string) => console.error(message)
