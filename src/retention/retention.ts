import type { Keep, KeepRule } from '../desired.ts'
import { Failure, joined } from '../failure.ts'
import { count } from '../format.ts'
import { Graph } from './graph.ts'
import type { Blob, Inventory, Repository, Tag } from './inventory.ts'
import { matches, matchesTag } from './pattern.ts'
import { type Candidate, reasonToGo, reasonToKeep } from './reason.ts'

/** What `keep` means for a registry as it is now: which tags go, which stay, and why. */
export interface Retention {
  /** Whether there are any rules. Without them every tag stays. */
  ruled: boolean
  repositories: RepositoryPlan[]
  /** Manifests that go, by repository, with the time when each was pushed. */
  manifests: { repository: string; digest: string; pushed: number }[]
  /** Bytes that nothing needs any more after this, and that can be freed. */
  unneeded: number
  /** Those of them that this run frees. */
  freed: number
  disk: Inventory['disk']
  aside: number
  /** When the server was looked at, by its clock. */
  time: number
}

export interface RepositoryPlan {
  name: string
  /** The rule that applies; `undefined` if none does. */
  rule: KeepRule | undefined
  goes: Verdict[]
  stays: Verdict[]
  /** How many images without a tag go. */
  untagged: number
}

/** The decision about a tag. */
export interface Verdict {
  tag: string
  digest: string
  /** Seconds since 1970. */
  pushed: number
  /** Bytes of everything that it needs, which other tags may need too. */
  bytes: number
  /** Why it stays, or why no line keeps it. */
  reason: string
}

const day = 24 * 60 * 60

/** Seconds that a time may be in the future, because clocks differ. */
const maxAhead = 15 * 60

/**
 * `grace` is in seconds: images that were pushed within that time may still be pulled by their digest, or wait for the list that
 * names them. Throws if nothing would stay in a repository whose rule does not allow that, and names all such repositories.
 */
export function planRetention(keep: Keep, inventory: Inventory, grace: number): Retention {
  const failures = pullFailures(keep, inventory)
  if (failures) throw failures
  const graph = new Graph(inventory, grace)
  const drafts = inventory.repositories.map(repository => draft(repository, keep, inventory, graph))
  // What a list needs stays in every repository that has the list.
  const stays = graph.closure(drafts.flatMap(({ kept }) => [...kept]))
  attach(drafts, graph, stays)
  const needed = graph.closure([...stays])
  const plans = drafts.map(each => verdicts(each, graph, needed))
  const failure = joined(drafts.flatMap((each, index) => emptied(each, plans[index], graph, needed)))
  if (failure) throw failure

  const manifests = drafts.flatMap(({ repository, rule, kept }) =>
    rule === undefined
      ? []
      : repository.revisions
          .filter(({ manifest }) => !needed.has(manifest) && !kept.has(manifest))
          .map(({ manifest, pushed }) => ({
            repository: repository.name,
            digest: graph.digest(manifest),
            pushed,
          })),
  )
  const unneeded = inventory.blobs.filter(
    ({ bytes, large }, number) => bytes > 0 && !large && !needed.has(number),
  )
  const { disk, aside, time } = inventory
  return {
    ruled: keep.length > 0,
    repositories: plans,
    manifests,
    unneeded: bytes(unneeded),
    freed: bytes(unneeded.filter(({ fresh }) => !fresh)),
    ...{ disk, aside, time },
  }
}

/** A repository while its plan is made. */
interface Draft {
  repository: Repository
  rule: KeepRule | undefined
  /** The reasons of the tags that stay. */
  reasons: Map<Tag, string>
  /** Numbers of manifests that stay. */
  kept: Set<number>
  /** The tags that the rule is about: those that people gave, not those of signatures. */
  candidates: Map<Tag, Candidate>
}

function draft(repository: Repository, keep: Keep, inventory: Inventory, graph: Graph): Draft {
  const rule = keep.find(({ pattern }) => matches(pattern, repository.name))
  const reasons = new Map<Tag, string>()
  const kept = new Set<number>()
  if (rule === undefined) {
    for (const tag of repository.tags) reasons.set(tag, 'no rule fits this repository')
    for (const { manifest } of [...repository.tags, ...repository.revisions]) kept.add(manifest)
    return { repository, rule, reasons, kept, candidates: new Map() }
  }
  const stay = (tag: Tag, reason: string) => {
    reasons.set(tag, reason)
    kept.add(tag.manifest)
  }
  const people: Tag[] = []
  for (const tag of repository.tags) {
    const pattern = rule.tags.find(each => matchesTag(each, tag.name))
    if (isPersons(tag, graph)) people.push(tag)
    else if (pattern !== undefined) stay(tag, `tags: ${pattern}`)
  }
  const lastUse = usesOf(repository, inventory, graph)
  const candidates = new Map<Tag, Candidate>()
  // A tag that was pushed while the clock was ahead would count as newer than all later ones until that time comes.
  const isAhead = ({ pushed }: Tag) => pushed > inventory.time + maxAhead
  for (const tag of people.filter(isAhead)) stay(tag, 'pushed when the server’s clock was ahead')
  const dated = people.filter(tag => !isAhead(tag)).sort((a, b) => b.pushed - a.pushed)
  dated.forEach((tag, newer) => {
    const candidate: Candidate = {
      ...{ name: tag.name, newer, age: inventory.time - tag.pushed },
      idle: inventory.time - lastUse(tag, tag.name),
    }
    candidates.set(tag, candidate)
    const reason = reasonToKeep(candidate, rule)
    if (reason !== undefined) stay(tag, reason)
  })
  // Images without a tag: pushed by digest, or left behind when a tag moved.
  const below = graph.partsOf(repository)
  const tagged = new Set(repository.tags.map(({ manifest }) => manifest))
  for (const revision of repository.revisions) {
    const { manifest, pushed, asked, left } = revision
    const since = Math.max(pushed, left)
    if (graph.isFresh(since) || graph.isAsked(asked)) kept.add(manifest)
    if (tagged.has(manifest) || below.has(manifest)) continue
    const age = inventory.time - since
    const isUsed = rule.pulled !== undefined && inventory.time - lastUse(revision, '') < rule.pulled * day
    if (age < (rule.untagged ?? 0) * day || isUsed) kept.add(manifest)
  }
  return { repository, rule, reasons, kept, candidates }
}

/**
 * Tells when a tag of a repository or, with an empty name, an image without one was last pulled, as a whole or one of its platforms;
 * if it never was, when it was pushed.
 */
function usesOf(
  { name, revisions }: Repository,
  { pulls, pullsSince }: Inventory,
  graph: Graph,
): (image: Pick<Tag, 'manifest' | 'pushed' | 'asked'>, tag: string) => number {
  // A file that was written and never read has the time of that, which is no pull; nor is it one if the disk does not record reads.
  const onDisk = new Map(
    revisions.flatMap(({ manifest, pushed, asked }) =>
      pullsSince === 0 && asked > pushed ? [[manifest, asked]] : [],
    ),
  )
  const logged = (reference: string) => pulls.get(`${name} ${reference}`) ?? 0
  return ({ manifest, pushed, asked }, tag) =>
    [manifest, ...graph.listed(manifest)].reduce(
      (last, each) => Math.max(last, logged(graph.digest(each)), onDisk.get(each) ?? 0),
      Math.max(pushed, logged(tag), pullsSince === 0 ? asked : 0),
    )
}

/**
 * Keeps signatures, attestations and the like if what they belong to stays. A signature may be of an attestation, and so on without
 * end, and each in another repository.
 */
function attach(drafts: readonly Draft[], graph: Graph, stays: Set<number>): void {
  /** What is to be done once a manifest stays. */
  const waiting = new Map<number, (() => void)[]>()
  const queue: number[] = [...stays]
  const keep = ({ kept }: Draft, manifest: number) => {
    kept.add(manifest)
    for (const each of graph.extend(stays, [manifest])) queue.push(each)
  }
  const settle = () => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (const each of waiting.get(next) ?? []) each()
      waiting.delete(next)
    }
  }
  const wait = (owner: number | undefined, work: () => void) => {
    if (owner === undefined) return
    const others = waiting.get(owner)
    if (others) others.push(work)
    else waiting.set(owner, [work])
  }
  const fresh: (() => void)[] = []
  for (const draft of drafts) {
    const { repository, rule, reasons, kept } = draft
    if (rule === undefined) continue
    for (const tag of repository.tags) {
      const owner = ownerOf(tag, graph)
      if (owner === undefined || reasons.has(tag)) continue
      const stay = (reason: string) => {
        if (reasons.has(tag)) return
        reasons.set(tag, reason)
        keep(draft, tag.manifest)
      }
      wait(graph.number(owner), () => stay(`belongs to ${owner.slice(0, 19)}`))
      if (graph.isFresh(tag.pushed)) fresh.push(() => stay('pushed just now'))
    }
    for (const { manifest } of repository.revisions)
      wait(graph.subject(manifest), () => {
        if (!kept.has(manifest)) keep(draft, manifest)
      })
  }
  settle()
  for (const each of fresh) {
    each()
    settle()
  }
}

function verdicts(
  { repository, rule, reasons, kept, candidates }: Draft,
  graph: Graph,
  needed: Set<number>,
): RepositoryPlan {
  const order = [...repository.tags].sort((a, b) => b.pushed - a.pushed)
  const verdict = (tag: Tag, reason: string): Verdict => ({
    tag: tag.name,
    digest: graph.digest(tag.manifest),
    pushed: tag.pushed,
    bytes: bytes([...graph.closure([tag.manifest])].map(graph.blob)),
    reason,
  })
  const tagged = new Set(repository.tags.map(({ manifest }) => manifest))
  const parts = graph.partsOf(repository)
  const gone = repository.revisions.filter(
    ({ manifest }) => ![needed, kept, tagged, parts].some(each => each.has(manifest)),
  )
  return {
    name: repository.name,
    rule,
    stays: order.flatMap(tag => (reasons.has(tag) ? [verdict(tag, reasons.get(tag) ?? '')] : [])),
    goes: order.flatMap(tag => {
      if (reasons.has(tag) || rule === undefined) return []
      const candidate = candidates.get(tag)
      return [verdict(tag, candidate ? reasonToGo(candidate, rule) : 'its image goes or is gone')]
    }),
    untagged: rule === undefined ? 0 : gone.length,
  }
}

function emptied(
  { repository, rule, kept }: Draft,
  plan: RepositoryPlan | undefined,
  graph: Graph,
  needed: ReadonlySet<number>,
): Failure[] {
  if (rule === undefined || plan === undefined || rule.empty) return []
  const people = new Set(repository.tags.filter(tag => isPersons(tag, graph)).map(({ name }) => name))
  if (plan.stays.some(({ tag }) => people.has(tag))) return []
  const goes = plan.goes.filter(({ tag }) => people.has(tag)).length
  const tagged = new Set(repository.tags.map(({ manifest }) => manifest))
  const parts = graph.partsOf(repository)
  const bare = repository.revisions.filter(({ manifest }) => !tagged.has(manifest) && !parts.has(manifest))
  // Another repository may need an image that is only here without a tag.
  const stays = bare.some(({ manifest }) => kept.has(manifest) || needed.has(manifest))
  if (goes === 0 && (bare.length === 0 || stays)) return []
  const has = goes > 0 ? count(goes, 'tag') : `${count(bare.length, 'image')} without a tag`
  return [
    new Failure(
      'keep',
      `keep: ${JSON.stringify(rule.pattern)} would leave nothing in ${repository.name}, which has ${has}; fix the rule, or add \`empty: true\` to it if this is meant`,
    ),
  ]
}

/** Fails if a rule’s `pulled` goes back further than pulls are known. */
function pullFailures(keep: Keep, { time, pullsSince, disk }: Inventory): Failure | undefined {
  if (pullsSince === 0) return undefined
  const known = Math.floor((time - pullsSince) / day)
  return joined(
    keep
      .filter(({ pulled }) => pulled !== undefined && pulled > known)
      .map(
        ({ pattern, pulled }) =>
          new Failure(
            'keep',
            `keep: ${JSON.stringify(pattern)}.pulled is ${pulled}, and pulls are known for ${count(known, 'day')} only: ${disk.bytes === 0 ? 'a bucket does not record them' : 'the server’s disk is mounted with noatime'}, and nginx’s logs go back no further; ${disk.bytes === 0 ? '' : 'mount it with relatime, '}keep more logs (\`rotate\` in /etc/logrotate.d/nginx), or ask for fewer days`,
          ),
      ),
  )
}

/** Whether a person gave this tag to an image, not to what signs or describes one. */
function isPersons(tag: Tag, graph: Graph): boolean {
  return ownerOf(tag, graph) === undefined
}

/** The digest of the image that a signature, an attestation or the like belongs to, by its subject or by its tag; `undefined` if it is none. */
function ownerOf({ name, manifest }: Tag, graph: Graph): string | undefined {
  const subject = graph.subject(manifest)
  if (subject !== undefined) return graph.digest(subject)
  const isReferrers = name.includes('.') || graph.isList(manifest)
  return isReferrers ? ownerDigest(name) : undefined
}

/** The image that a tag such as `sha256-HEX.sig` belongs to: signatures, attestations, SBOMs and lists of referrers. */
function ownerDigest(tag: string): string | undefined {
  const [, hex] = /^sha256-([0-9a-f]{64})(?:\.[a-z]+)?$/.exec(tag) ?? []
  return hex === undefined ? undefined : `sha256:${hex}`
}

function bytes(blobs: readonly Blob[]): number {
  return blobs.reduce((sum, each) => sum + Math.max(0, each.bytes), 0)
}
