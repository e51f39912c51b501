// The page: it asks the registry what every client may ask, and shows it. Whatever was pushed is somebody else's text, so all of it
// goes into text nodes, and only these files may run.

// ---- What needs no browser

const part = '[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?'
const image = '(?::(?<tag>\\w[\\w.-]{0,127})|@(?<digest>sha256:[0-9a-f]{64}))?'
const place = new RegExp(`^#/(?<repository>${part}(?:/${part})*)${image}$`)

/** What the address shows: everything, a repository, or an image by tag or digest. */
export const route = hash => ({ ...place.exec(hash)?.groups })

/** Bytes as Docker writes them. */
export function bytes(count) {
  if (!(count >= 0)) return '–'
  let [value, unit] = [count, 0]
  for (; value >= 999.5 && unit < 4; unit++) value /= 1000
  return `${value.toFixed(unit === 0 || value >= 99.95 ? 0 : 1)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`
}

/** How long ago, in words, for seconds since 1970. */
export function ago(then, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - then)
  if (seconds < 45) return 'just now'
  const units = { minute: 60, hour: 3600, day: 86_400, month: 2_629_746, year: 31_556_952 }
  const [unit, size] = Object.entries(units).findLast(([, size]) => size === 60 || seconds >= size * 0.99)
  const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
  return words.format(-Math.max(1, Math.round(seconds / size)), unit)
}

const count = (number, one, many = `${one}s`) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`
const shortDigest = digest => digest.replace(/^sha256:/, '').slice(0, 12)

/** A tag that holds what belongs to an image: by the image’s digest, and what it is. */
export function companion(tag) {
  const [, hex, kind = ''] = /^sha256-([0-9a-f]{64})(?:\.(\w+))?$/.exec(tag) ?? []
  return hex && { digest: `sha256:${hex}`, kind }
}

/** Newest first; what has no time goes by its name, higher versions first. A tag is its name and time. */
export function sorted(tags) {
  const names = new Intl.Collator('en', { numeric: true })
  return tags.toSorted(([a, at = 0], [b, bt = 0]) => bt - at || names.compare(b, a))
}

/** Repositories, each by its name and more, by the path before the last part of the name, in the order of paths. */
export function grouped(repositories) {
  const groups = Map.groupBy(repositories, ([name]) => name.slice(0, Math.max(0, name.lastIndexOf('/'))))
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Whether every word that was typed is in a name. */
export function matches(name, typed) {
  const words = typed.toLowerCase().split(/\s+/)
  return words.every(word => name.toLowerCase().includes(word))
}

// Somebody may have pushed anything in the place of a list or an object.
const record = value => (typeof value === 'object' && value !== null ? value : {})
const list = value => (Array.isArray(value) ? value.filter(each => each === record(each)) : [])
const number = value => (typeof value === 'number' ? value : Number.NaN)

/** A value as text. `String` throws for an object such as `{"toString": 1}`. */
export const textOf = value => (typeof value === 'object' ? JSON.stringify(value) : String(value))

export function platformOf({ os, architecture, variant }) {
  return (
    [os, architecture, variant]
      .filter(each => typeof each === 'string')
      .join('/')
      .slice(0, 60) || 'unknown'
  )
}

/** What is in an index that is an image, and what says something about one. */
export function membersOf(index) {
  const says = ({ annotations, platform }) =>
    record(annotations)['vnd.docker.reference.type'] === 'attestation-manifest' || platform?.os === 'unknown'
  const { true: proofs = [], false: images = [] } = Object.groupBy(list(index.manifests), says)
  return { images, proofs }
}

/** Bytes of a manifest with all that it names. */
export function sizeOf({ config, layers }) {
  return [config, ...list(layers)].reduce((sum, each) => sum + (number(each?.size) || 0), 0)
}

/** From the smallest to the largest platform. */
export function sizes(platforms) {
  const all = platforms.map(({ size }) => size).filter(size => size >= 0)
  const [least, most] = [Math.min(...all), Math.max(...all)].map(bytes)
  if (all.length === 0 || least === most) return all.length === 0 ? '' : most
  const [number, unit] = least.split(' ')
  return `${most.endsWith(` ${unit}`) ? number : least} – ${most}`
}

/** A build cache whose layers are the members of an index, as the manifest that it could be; `undefined` for any other index. */
export function cacheOf({ manifests }) {
  const members = list(manifests)
  const layers = members.filter(({ mediaType }) => /\.image\.(layer|rootfs)\./.test(textOf(mediaType)))
  const config = members.find(({ mediaType }) => cacheConfig.test(textOf(mediaType)))
  return config || layers.length > 0 ? { config, layers } : undefined
}

const cacheConfig = /vnd\.buildkit\.cacheconfig/
const buildCache = 'build cache'

/** What an artifact is, from its manifest: an image unless it says something else. */
export function kindOf({ artifactType, config }) {
  const type = textOf(artifactType ?? config?.mediaType ?? '')
  if (cacheConfig.test(textOf(config?.mediaType))) return buildCache
  if (/helm\.config/.test(type)) return 'Helm chart'
  if (type === '' || /container\.image|oci\.image\.(config|index)/.test(type)) return 'image'
  return type.replace(/^application\/(vnd\.)?/, '')
}

/** How a kind of artifact is fetched, each as what it is called and the command. */
export function commandsFor(kind, name, tag, digest) {
  const exact = `${name}@${digest}`
  const one = tag ? `${name}:${tag}` : exact
  if (kind === 'Helm chart') return [['Helm', `helm pull oci://${tag ? `${name} --version ${tag}` : exact}`]]
  if (kind === buildCache) return []
  if (kind !== 'image') return [['ORAS', `oras pull ${one}`]]
  const tagged = ['docker', 'podman'].map(tool => [tool, `${tool} pull ${one}`])
  return [...(tag ? tagged : []), ['by digest', `docker pull ${exact}`]]
}

/** What a statement says of an image, from the type of its predicate or of its file. */
export function proofName(type) {
  const names = [
    [/provenance/i, 'Provenance'],
    [/spdx/i, 'SBOM (SPDX)'],
    [/cyclonedx/i, 'SBOM (CycloneDX)'],
    [/syft|sbom/i, 'SBOM'],
    [/vuln/i, 'Vulnerability report'],
    [/notary/i, 'Signature (Notation)'],
    [/simplesigning|cosign\/sign|signature/i, 'Signature'],
  ]
  const known = names.find(([pattern]) => pattern.test(type))
  return known?.[1] ?? (type.replace(/^application\//, '') || 'Attachment')
}

/** Who signed, and who vouches for that, as a certificate of Sigstore’s has it: PEM, or its base64. */
export function signersOf(certificate) {
  const der = atob(certificate.replace(/-----[^-]*-----|\s/g, ''))
  // In DER, a value follows its length, which is one byte, or says first how many it is.
  const length = '(?:[\\0-\\x7f]|\\x81.|\\x82..)'
  const value = before => {
    const found = new RegExp(`${before.replaceAll('#', length)}(${length})`, 's').exec(der)
    if (!found) return []
    let size = 0
    for (const digit of found[1].slice(found[1].length > 1 ? 1 : 0)) size = size * 256 + digit.charCodeAt(0)
    const from = found.index + found[0].length
    const text = Uint8Array.from(der.slice(from, from + size), each => each.charCodeAt(0))
    return [new TextDecoder().decode(text)]
  }
  // The subject's other name, an address or a URL; and the issuer of the token with which he came.
  const issuer = '\\x2b\\x06\\x01\\x04\\x01\\x83\\xbf\\x30\\x01'
  return [
    ...value('\\x55\\x1d\\x11(?:\\x01\\x01\\xff)?\\x04#\\x30#[\\x81\\x86]'),
    ...value(`${issuer}\\x08\\x04#\\x0c`),
  ]
}

/** Does what is asked for, so many at a time. What is no longer wanted when its turn comes is left out. */
export function queue(free) {
  const waiting = new Map()
  const next = () => {
    for (const [key, work] of waiting) {
      if (free === 0) return
      waiting.delete(key)
      free--
      work().finally(() => {
        free++
        next()
      })
    }
  }
  const add = (key, work) => {
    waiting.set(key, work)
    next()
  }
  return { add, drop: key => waiting.delete(key) }
}

/** A queue that does what is wanted for a key once, however often that is said. What has failed is done when it is wanted again. */
export function onceEach({ add, drop }) {
  const begun = new WeakSet()
  const want = (key, work, failed) => {
    if (begun.has(key)) return
    add(key, () => {
      begun.add(key)
      return work().catch(error => {
        begun.delete(key)
        failed(error)
      })
    })
  }
  return { want, drop }
}

// ---- What is asked

/** After that, the browser would ask for a password with whatever is asked. */
let loggedOut = false

const requests = queue(6)

/** Takes turns, so that a screen full of large images does not ask for hundreds of things at once. */
function fetchInTurn(path, options) {
  return new Promise((resolve, reject) => {
    requests.add(Symbol(path), () => fetch(path, options).then(resolve, reject))
  })
}

async function ask(path, accept = 'application/json') {
  if (loggedOut) throw new Error('You are logged out.')
  const attempt = () => fetchInTurn(path, { headers: { accept }, redirect: 'manual' })
  // A laptop that changes its network loses what is on its way.
  const again = () => new Promise(resolve => setTimeout(resolve, 500)).then(attempt)
  const answer = await attempt()
    .catch(again)
    .catch(() => Response.error())
  if (answer.ok) return answer
  // With `s3-redirect`, to the bucket, where the browser may not follow.
  if (answer.type === 'opaqueredirect') throw new Error('This is not readable here: it is in object storage.')
  const known = {
    0: 'The registry does not answer. Are you still connected?',
    401: 'You are logged out. Reload the page to log in.',
    404: 'This does not exist, or no longer does.',
  }
  const said = record(await answer.json().catch(() => ({})))
  throw new Error(
    known[answer.status] ?? list(said.errors)[0]?.message ?? `The registry answers ${answer.status}.`,
  )
}

const askJson = async path => record(await (await ask(path)).json())

const known = new Map()

/** Remembers what never changes. */
function once(path, work) {
  if (!known.has(path)) known.set(path, work(path))
  known.get(path).catch(() => known.delete(path))
  return known.get(path)
}

const oci = 'application/vnd.oci.image'
const docker = 'application/vnd.docker.distribution.manifest'
const accepted = `${oci}.index.v1+json,${oci}.manifest.v1+json,${docker}.list.v2+json,${docker}.v2+json`

async function manifest(repository, reference) {
  // What an index names is somebody's text, too, and must not lead elsewhere.
  if (!/^(?:\w[\w.-]{0,127}|sha\d+:[0-9a-f]{64,128})$/.test(reference))
    throw new Error('This does not exist.')
  const read = async path => {
    const answer = await ask(path, accepted)
    const digest = answer.headers.get('docker-content-digest') ?? reference
    return { digest, body: record(await answer.json()) }
  }
  const path = `/v2/${repository}/manifests/${reference}`
  return reference.startsWith('sha256:') ? once(path, read) : read(path)
}

async function blob(repository, { digest, size }) {
  // Longer than a page should have to read.
  if (!/^sha256:[0-9a-f]{64}$/.test(digest) || !(size < 4_000_000)) throw new Error('Too large to show.')
  return once(`/v2/${repository}/blobs/${digest}`, askJson)
}

const configOf = (repository, { config }) => blob(repository, record(config)).catch(() => ({}))

/** Members of an index that are looked at. */
const most = 40

/** All of these manifests that are there. */
async function manifests(repository, references) {
  const asked = references.slice(0, most).map(each => manifest(repository, textOf(each)).catch(() => []))
  return (await Promise.all(asked)).flat()
}

/** An image as its row and its page show it: of each platform the manifest, and the whole. */
export async function describe(repository, reference) {
  const { digest, body } = await manifest(repository, reference)
  const cache = cacheOf(body)
  if (cache) {
    const only = { name: buildCache, digest, body: cache, size: sizeOf(cache) }
    return { digest, kind: buildCache, proofs: [], platforms: [only], notes: body.annotations }
  }
  if (!body.manifests) {
    const name = await nameOf(repository, body)
    return { digest, kind: kindOf(body), proofs: [], platforms: [{ name, digest, body, size: sizeOf(body) }] }
  }
  const { images, proofs } = membersOf(body)
  const asked = images.slice(0, most).map(async ({ digest, platform }) => {
    const [member] = await manifests(repository, [digest])
    const kind = platform || !member ? 'image' : kindOf(member.body)
    const name = platform || !member ? platformOf(record(platform)) : await nameOf(repository, member.body)
    const size = member ? sizeOf(member.body) : Number.NaN
    return { kind, name, digest: textOf(digest), body: member?.body, size }
  })
  const platforms = await Promise.all(asked)
  // An index that is no image says so itself, or has nothing but artifacts.
  const kinds = platforms.map(each => each.kind)
  const [common = 'image'] = kinds.includes('image') ? [] : kinds
  const kind = kindOf(body) === 'image' ? common : kindOf(body)
  return { digest, kind, proofs, platforms, notes: body.annotations }
}

/** What to call a manifest: an image by its platform, which its configuration knows, and anything else by its kind. */
async function nameOf(repository, body) {
  const kind = kindOf(body)
  if (kind !== 'image') return kind
  const config = await blob(repository, record(body.config)).catch(() => undefined)
  return config ? platformOf(config) : 'not readable here'
}

/** Who signed and attested an image: what lies beside it, in all the places where clients put it. */
async function proofsOf(repository, image, tags) {
  const subjects = [image.digest, ...image.platforms.map(({ digest }) => digest)]
  const beside = tags.map(([tag]) => tag).filter(tag => subjects.includes(companion(tag)?.digest))
  const digests = members => list(members).map(({ digest }) => digest)
  const referrers = await askJson(`/v2/${repository}/referrers/${image.digest}`).catch(() => ({}))
  const named = [...digests(image.proofs), ...beside, ...digests(referrers.manifests)]
  const outer = await manifests(repository, named)
  const within = outer.flatMap(({ body }) => digests(body.manifests))
  const inner = await manifests(repository, within)
  const bodies = new Map([...outer, ...inner].map(({ digest, body }) => [digest, body])).values()
  const layers = [...bodies].flatMap(body => list(body.layers).map(layer => proof(repository, body, layer)))
  return Promise.all(layers.slice(0, 100))
}

/** What its row says of an image, from the tags that belong to it: `signed`, `attested`, `attached` or nothing. */
export async function markOf(repository, digest, companions) {
  const beside = companions.filter(each => each.digest === digest)
  const marks = { sig: 'signed', att: 'attested', sbom: 'attached' }
  const asked = beside.map(({ kind }) => (kind === '' ? marksIn(repository, digest) : marks[kind]))
  const found = (await Promise.all(asked)).flat()
  return (
    ['signed', 'attested'].find(mark => found.includes(mark)) ?? (beside.length > 0 ? 'attached' : undefined)
  )
}

/** The same of each member of the index that a client keeps where the registry can't tell what belongs to an image. */
async function marksIn(repository, digest) {
  const [index] = await manifests(repository, [digest.replace(':', '-')])
  const members = await manifests(
    repository,
    list(index?.body.manifests).map(({ digest }) => digest),
  )
  return members.map(({ body }) => {
    const types = list(body.layers).map(layer => proofType(body, layer))
    if (types.some(type => proofName(type).startsWith('Signature'))) return 'signed'
    return list(body.layers).some(({ mediaType }) => /in-toto|sigstore/.test(textOf(mediaType)))
      ? 'attested'
      : 'attached'
  })
}

/** The type of a statement, or of the file that it is in. */
export function proofType(body, layer) {
  const notes = record(layer.annotations)
  const bundled = /sigstore\.bundle/.test(textOf(layer.mediaType))
  const artifact = kindOf(body) === 'image' ? '' : `${textOf(body.artifactType ?? body.config.mediaType)} `
  return textOf(
    notes['in-toto.io/predicate-type'] ??
      notes.predicateType ??
      record(body.annotations)['dev.sigstore.bundle.predicateType'] ??
      (bundled ? 'signature' : `${artifact}${textOf(layer.mediaType)}`),
  )
}

/** What one of them is, and by whom, as far as it says so. */
async function proof(repository, body, layer) {
  const notes = record(layer.annotations)
  const bundled = /sigstore\.bundle/.test(textOf(layer.mediaType))
  const what = proofName(proofType(body, layer))
  try {
    if (what === 'Provenance' && /in-toto/.test(layer.mediaType)) {
      const { builder, runDetails } = record((await blob(repository, layer)).predicate)
      return { what, by: [builder?.id ?? runDetails.builder.id] }
    }
    const material = bundled ? (await blob(repository, layer)).verificationMaterial : {}
    const certificate = material.certificate ?? material.x509CertificateChain?.certificates?.[0]
    return { what, by: signersOf(certificate?.rawBytes ?? notes['dev.sigstore.cosign/certificate'] ?? '') }
  } catch {
    // It is there, and that is all that can be said.
    return { what, by: [] }
  }
}

const askTags = async repository => (await askJson(`/page/tags/${repository}`)).tags

// ---- What is shown

/** An element, such as `li.soft`. Text stays text, and is cut where nobody would read on. */
function h(what, content = [], attributes = {}) {
  const [name, ...classes] = what.split('.')
  const element = document.createElement(name)
  element.className = classes.join(' ')
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value)
    else element.setAttribute(key, value)
  }
  const there = [content].flat(9).filter(each => each !== undefined && each !== false)
  element.append(...there.map(each => (each instanceof Node ? each : textOf(each).slice(0, 2000))))
  return element
}

const byId = id => document.getElementById(id)
const say = text => byId('status').replaceChildren(text)
const title = text => h('h1', text, { tabindex: -1 })
const note = (...text) => h('p.note', text)
const wrong = ({ message }) => h('p.note.wrong', message, { role: 'alert' })
const problem = error => [title('Something went wrong'), wrong(error)]
const digestText = digest => h('span.end.digest', shortDigest(digest), { title: digest })

function when(seconds) {
  if (!seconds) return ''
  const date = new Date(seconds * 1000)
  return h('time', ago(seconds), { datetime: date.toISOString(), title: date.toLocaleString() })
}

function copyButton(text, label) {
  const click = async ({ target }) => {
    const done = await navigator.clipboard.writeText(text).catch(() => 'Not allowed')
    target.textContent = done ?? 'Copied'
    say(target.textContent)
    setTimeout(() => target.replaceChildren('Copy'), 2000)
  }
  return h('button', 'Copy', { type: 'button', 'aria-label': `Copy: ${label}`, click })
}

/** A list that grows when its end is seen. `seen` hears of each row that comes onto the screen or leaves it. */
function growing(name, items, row, seen) {
  const box = h(`ul.card.${name}`)
  const rows = new Map()
  const watcher = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      seen?.(rows.get(target), target, isIntersecting)
      if (isIntersecting && target === box.lastChild) grow()
    }
  })
  const grow = () => {
    for (const item of items.slice(rows.size, rows.size + 100)) {
      const element = row(item)
      rows.set(element, item)
      box.append(element)
      watcher.observe(element)
    }
  }
  grow()
  return box
}

/** A list with a search above it. `found` makes the list of what matches. */
function searchable(items, label, found) {
  const box = h('div')
  const update = typed => {
    const matching = items.filter(([name]) => matches(name, typed))
    box.replaceChildren(...(matching.length > 0 ? found(matching) : [note('Nothing matches.')]))
    if (typed !== '') say(`${matching.length} found`)
  }
  update('')
  const input = ({ target }) => update(target.value.trim())
  return [h('input', [], { type: 'search', placeholder: label, 'aria-label': label, input }), box]
}

async function home() {
  const { repositories } = await askJson('/page/repositories')
  const patterns = user.sees.split(' ').filter(each => each !== '')
  const more = patterns.length > 10 ? ` and ${patterns.length - 10} more` : ''
  const few = patterns.slice(0, 10).join(', ') + more
  const limits = patterns.includes('**') ? '' : `, of those that you may see: ${few}`
  const row = ([name, tags, pushed]) =>
    h('li', [
      h('a.name', name.slice(name.lastIndexOf('/') + 1), { href: `#/${name}` }),
      h('span.soft', tags !== undefined && count(tags, 'tag')),
      h('span.soft.end', when(pushed)),
    ])
  const group = ([path, members]) => [
    h('h2.soft', path || 'Without a group'),
    growing('repositories', members, row),
  ]
  const found = matching => grouped(matching).flatMap(group)
  const lead = h('p.soft', count(repositories.length, 'repository', 'repositories') + limits)
  if (repositories.length > 0)
    return [title('Repositories'), lead, searchable(repositories, 'Search repositories', found)]
  const push = ['Nothing has been pushed yet.', h('code', `docker push ${location.host}/my-app`)]
  const none = 'You may not see any repository. Ask whoever looks after this registry.'
  const empty = few ? `Nothing is there yet of what you may see: ${few}` : none
  return [title('Repositories'), note(limits ? empty : push)]
}

function crumbs(repository, last) {
  const above = last ? h('a', repository, { href: `#/${repository}` }) : repository
  const way = [h('a', 'Repositories', { href: '#/' }), ' / ', above, last && ` / ${last}`]
  return h('nav.soft', way, { 'aria-label': 'Where you are' })
}

/** Those on the screen are filled from the top, and those that have left it not at all. */
const rows = onceEach(queue(6))

async function repositoryPage({ repository }) {
  const all = await askTags(repository)
  const tags = sorted(all.filter(([name]) => !companion(name)))
  const companions = all.flatMap(([name]) => companion(name) ?? [])
  const row = ([name, pushed]) =>
    h('li', [
      h('span.name', h('a', name, { href: `#/${repository}:${name}` })),
      h('span.soft.when', when(pushed)),
      h('span.what'),
      h('span.soft.end.size'),
      h('span.end.id'),
    ])
  const fill = async (tag, [name, , what, size, id]) => {
    const { digest, platforms } = await describe(repository, tag)
    const names = platforms.map(each => each.name)
    if (names.length > 3) names.splice(3, names.length, `+${names.length - 3}`)
    what.replaceChildren(...names.map(each => h('span.chip', each, { title: each })))
    size.textContent = sizes(platforms)
    id.replaceChildren(digestText(digest))
    const mark = await markOf(repository, digest, companions)
    if (mark) name.append(h(mark === 'attached' ? 'span.chip' : 'span.chip.good', mark))
  }
  const seen = ([tag], { children }, isSeen) => {
    const failed = ({ message }) => children[2].replaceChildren(h('span.soft', message))
    if (!isSeen) rows.drop(children)
    else rows.want(children, () => fill(tag, children), failed)
  }
  const found = matching => [growing('tags', matching, row, seen)]
  const others = `${count(companions.length, 'more tag')} for signatures and attestations, shown with their image.`
  return [
    crumbs(repository),
    title(repository),
    h('p.soft', count(tags.length, 'tag')),
    tags.length > 0
      ? searchable(tags, 'Search tags', found)
      : note('There are no tags: nothing has been pushed, or everything was deleted.'),
    companions.length > 0 && h('p.soft', others),
  ]
}

function pairs(name, values) {
  const row = ([key, value]) => h('li', [h('code', key), h('span.long', value)])
  const entries = Object.entries(record(values))
  return entries.length > 0 ? [h('h3', name), h('ul', entries.map(row))] : []
}

/** What surrounds a command in the history of an image. */
const shell = /^\/bin\/sh -c (#\(nop\) +)?|\s*# buildkit$/g

/** What is in a platform: its layers with what made them, and its labels. */
async function inside(repository, { body }) {
  if (!body) return ['The manifest of this platform is gone.']
  const { config, history } = kindOf(body) === 'image' ? await configOf(repository, body) : {}
  const made = list(history).filter(({ empty_layer: empty }) => !empty)
  const row = ({ annotations, digest, size }, index) => {
    const command = textOf(made[index]?.created_by ?? '').replace(shell, '')
    const name =
      command || record(annotations)['org.opencontainers.image.title'] || shortDigest(textOf(digest))
    return h('li', [h('code', name), h('span.soft.end', bytes(number(size)))])
  }
  const layers = list(body.layers)
  const rows = h('ol', layers.slice(0, 200).map(row))
  const labels = pairs('Labels', record(config).Labels)
  return [h('h3', count(layers.length, 'layer')), rows, ...labels, ...pairs('Annotations', body.annotations)]
}

async function imagePage({ repository, tag, digest }) {
  const tags = await askTags(repository).catch(() => [])
  const image = await describe(repository, tag ?? digest)
  const [, pushed] = tags.find(([name]) => name === tag) ?? []
  const command = ([name, text]) => h('li', [h('span.soft', name), h('code', text), copyButton(text, name)])
  const platform = (each, index) => {
    const box = h('div')
    const toggle = async () =>
      box.replaceChildren(...(await inside(repository, each).catch(error => [wrong(error)])))
    const row = [h('span.name', each.name), h('span.soft.end', bytes(each.size)), digestText(each.digest)]
    return h('details', [h('summary', row), box], { toggle, ...(index === 0 && { open: '' }) })
  }
  const proofs = h('section')
  proofsOf(repository, image, tags)
    .then(all => proofs.append(...proofList(all)))
    .catch(error => proofs.append(wrong(error)))
  const commands = commandsFor(image.kind, `${location.host}/${repository}`, tag, image.digest)
  const told = [pushed && ['pushed ', when(pushed)], sizes(image.platforms), h('code', image.digest)]
  const facts = told.filter(each => each).map(each => h('span', each))
  const short = tag ?? shortDigest(digest)
  return [
    crumbs(repository, short),
    title(`${repository}${tag ? ':' : '@'}${short}`),
    h('p.soft.facts', facts),
    commands.length > 0 && h('ul.card.commands', commands.map(command)),
    proofs,
    h('h2', image.kind === 'image' ? count(image.platforms.length, 'platform') : 'Content'),
    h('div.card.platforms', image.platforms.map(platform)),
    ...pairs('Annotations of the index', image.notes),
  ]
}

function proofList(all) {
  const unnamed = what => (what.startsWith('Signature') ? 'with a key' : 'without the name of who made it')
  const row = ({ what, by }) => {
    const names = by.map((each, index) => [index === 0 ? 'by ' : ' · ', h('bdi', each)])
    return h('li', [h('span.name', what), h('span.soft.long', by.length > 0 ? names : unnamed(what))])
  }
  const foot = ['As they were pushed: this page does not check them. ', h('code', 'cosign verify'), ' does.']
  const heading = h('h2', 'Signatures and attestations')
  return all.length > 0 ? [heading, h('ul.card.proofs', all.map(row)), h('p.soft', foot)] : []
}

// ---- Where it begins

let user
let turns = 0

function put(content) {
  const main = byId('main')
  main.replaceChildren(...content.flat(5).filter(each => each))
  main.removeAttribute('aria-busy')
  return main.querySelector('h1')
}

async function show() {
  const turn = ++turns
  const { repository, tag, digest } = route(location.hash)
  byId('main').setAttribute('aria-busy', 'true')
  document.title = [repository, tag].filter(each => each).join(':') || location.host
  const page = tag || digest ? imagePage : repository ? repositoryPage : home
  const failed = error => [repository && crumbs(repository), ...problem(error)]
  const content = await page({ repository, tag, digest }).catch(failed)
  if (turn !== turns) return
  const heading = put(content)
  if (turn === 1) return
  scrollTo(0, 0)
  heading.focus({ preventScroll: true })
}

/** A browser keeps the last password that was not refused: this one, which opens nothing. */
function logOut() {
  loggedOut = true
  const request = new XMLHttpRequest()
  request.open('GET', '/page/logout', true, 'nobody', 'nothing')
  request.addEventListener('loadend', () => {
    turns++
    known.clear()
    byId('user').textContent = ''
    byId('logout').hidden = true
    put([title('You are logged out'), note(h('a', 'Log in again', { href: '/page/' }))]).focus()
  })
  request.send()
}

async function begin() {
  byId('host').textContent = location.host
  byId('skip').addEventListener('click', event => {
    event.preventDefault()
    byId('main').focus()
  })
  byId('logout').addEventListener('click', logOut)
  addEventListener('hashchange', () => (loggedOut ? location.reload() : show()))
  user = await askJson('/page/user')
  byId('user').textContent = user.user
  byId('logout').hidden = user.user === ''
  await show()
}

if (typeof document !== 'undefined') begin().catch(error => put(problem(error)))
