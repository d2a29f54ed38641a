import { assert } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { FamilyRoutes, Route, Signature } from '../fleet/index.ts'
import { type AnswerRule, compileAnswerRule } from '../gate/index.ts'
import type { Categories } from '../onnx/index.ts'
import { defaultServing, type ServingSpec } from '../spec/index.ts'
import type { FamilyStatus } from './answer.ts'
import type { Batcher } from './batcher.ts'
import { type Block, nameHash } from './block.ts'
import type { FeatureSource } from './feature-source.ts'
import type { HeldByDigest } from './held-by-digest.ts'
import { type InputReader, inputReader } from './input-reader.ts'
import { NameTable } from './name-table.ts'
import { Origin } from './origin.ts'

/*
 * One generation of one family, whole and immutable: the data plane swaps from one to the next
 * between two requests. A member costs its name's tail + 4 bytes and the 10 bytes of three columns,
 * beside the parameters, which stay where the pack has them, and 4 bytes for its rows in flight.
 */

/** What changes while a generation serves. */
export interface Standing {
  serving: ServingSpec
  rule: AnswerRule | undefined
  /** The generation that answered before, until this one has proven itself. */
  previous: Family | undefined
  isProven: boolean
  /** Of the family since the process began, over all generations. */
  calls: number
  /** Since it serves, or since one of its versions was last set aside. */
  answered: number
  goodSinceMs: number
}

/** In `origin`: the member has no route, and `row` is the index of its reason. */
export const inherits = 0xffff

export interface Family {
  readonly blueprint: string
  readonly keyLength: number
  readonly generation: number
  readonly purpose: string
  /** Of what all graphs of the family share: the names of inputs, and what they may be. */
  readonly reader: InputReader
  readonly names: NameTable
  readonly origins: readonly Origin[]
  /** Per member, in the order of `names`. */
  readonly origin: Uint16Array
  readonly row: Uint32Array
  readonly version: Uint32Array
  readonly reasons: readonly string[]
  /** Per member, rows that wait or run. */
  readonly inFlight: Uint32Array
  readonly serving: number
  readonly standing: Standing
  /** Gives back what this generation holds. Calls that it has taken are still answered. */
  release(): void
}

export interface FamilyFacts {
  readonly signature: Signature
  readonly purpose: string
  /** Of the family's view; without one every input is the caller's to send. */
  readonly source?: FeatureSource | undefined
  /** Absent: as of a blueprint of low risk that says nothing of it. */
  readonly serving?: ServingSpec
}

export interface Held {
  readonly batchers: HeldByDigest<Batcher>
  openBatcher(graph: Digest): Promise<Batcher>
  readonly blocks: HeldByDigest<Block>
  openBlock(pack: Digest): Promise<Block>
  /** Whether graphs are opened now, and not when somebody asks. */
  readonly isPreloaded: boolean
}

/** Members between two turns of the event loop while a family loads: about 10 ms of work. */
const membersPerTurn = 4_096

/**
 * Loads what the routes name, and proves it before anything can be answered by it: each route's row
 * must be one that the pack (verified by its digest) made for that member, and each graph must
 * answer one row, now or when it is first asked. Throws what `Blobs.get` throws, and
 * E_DIGEST_MISMATCH; then nothing is held.
 */
export async function loadFamily(
  routes: FamilyRoutes,
  facts: FamilyFacts,
  held: Held,
): Promise<Family> {
  const origins = new Map<string, { index: number; origin: Origin }>()
  const release = () => {
    for (const { origin } of origins.values()) {
      origin.release()
      held.blocks.release(origin.block.pack)
    }
    origins.clear()
  }
  try {
    const reader = inputReader(facts.signature, facts.source)
    const readers = readersOf(facts, reader)
    for (const { graph, pack } of routes.routes) {
      const key = graph + pack
      if (origins.has(key)) continue
      assert(origins.size < inherits, 'a family points into fewer than 65,535 packs')
      const block = await blockOf(graph, pack, held)
      const readerOf = (categories: Categories) => readers(graph, categories)
      const { batchers, openBatcher } = held
      const parts = { graph, block, batchers, openBatcher, inputs: reader.count, readerOf }
      origins.set(key, { index: origins.size, origin: new Origin(parts) })
    }
    if (held.isPreloaded) {
      for (const { origin } of origins.values()) await origin.prepare()
    }
    const members = await tabulate(routes, route => origins.get(route.graph + route.pack)!)
    return {
      blueprint: routes.blueprint,
      keyLength: routes.keyLength,
      generation: routes.generation,
      purpose: facts.purpose,
      reader,
      origins: [...origins.values()].map(({ origin }) => origin),
      serving: routes.routes.length,
      standing: standingOf(facts.serving ?? defaultServing('low')),
      inFlight: new Uint32Array(members.names.size),
      ...members,
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

function standingOf(serving: ServingSpec): Standing {
  const rule = serving.rule === undefined ? undefined : compileAnswerRule(serving.rule)
  const begun = { previous: undefined, isProven: false, calls: 0, answered: 0, goodSinceMs: 0 }
  return { serving, rule, ...begun }
}

export function setServing(family: Family, serving: ServingSpec): void {
  const { rule } = standingOf(serving)
  Object.assign(family.standing, { serving, rule })
}

/** One reader a graph that has categories; the others share that of the family. */
function readersOf(facts: FamilyFacts, shared: InputReader) {
  const readers = new Map<Digest, InputReader>()
  return (graph: Digest, categories: Categories): InputReader => {
    if (Object.keys(categories).length === 0) return shared
    const own = readers.get(graph) ?? inputReader(facts.signature, facts.source, categories)
    readers.set(graph, own)
    return own
  }
}

async function blockOf(graph: Digest, pack: Digest, held: Held): Promise<Block> {
  const block = await held.blocks.acquire(pack, held.openBlock)
  if (block.graph === graph) return block
  held.blocks.release(pack)
  throw new MusterError(
    'E_DIGEST_MISMATCH',
    'a pack was made for another graph than its route says',
  )
}

async function tabulate(
  routes: FamilyRoutes,
  originOf: (route: Route) => { index: number; origin: Origin },
): Promise<Pick<Family, 'names' | 'origin' | 'row' | 'version' | 'reasons'>> {
  const members: (Route | { model: string; because: string })[] = [
    ...routes.routes,
    ...routes.inherited,
  ]
  sortByName(members)
  const origin = new Uint16Array(members.length).fill(inherits)
  const row = new Uint32Array(members.length)
  const version = new Uint32Array(members.length)
  const reasons: string[] = []
  const reasonIndex = new Map<string, number>()
  for (const [i, member] of members.entries()) {
    if (i % membersPerTurn === 0) await new Promise(resolve => setImmediate(resolve))
    assert(i === 0 || members[i - 1]!.model !== member.model, 'a member stands once in the routes')
    if ('because' in member) {
      let index = reasonIndex.get(member.because)
      if (index === undefined) {
        index = reasons.push(member.because) - 1
        reasonIndex.set(member.because, index)
      }
      row[i] = index
      continue
    }
    const from = originOf(member)
    proveRow(member, from.origin.block)
    origin[i] = from.index
    row[i] = member.row
    version[i] = member.version
  }
  const names = new NameTable(
    routes.blueprint,
    members.map(member => member.model),
  )
  return { names, origin, row, version, reasons }
}

/** The store gives names in this order already, and then nothing is sorted. */
function sortByName(members: { model: string }[]): void {
  for (let i = 1; i < members.length; i++) {
    if (members[i - 1]!.model < members[i]!.model) continue
    members.sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : 0))
    return
  }
}

/** So that no mix-up of rows, packs or names upstream can ever become another model's answer. */
function proveRow(route: Route, block: Block): void {
  if (
    route.row < block.nameHashes.length &&
    block.nameHashes[route.row] === nameHash(route.model)
  ) {
    return
  }
  throw new MusterError(
    'E_DIGEST_MISMATCH',
    `row ${route.row} of the pack is not one of ${route.model}`,
    { field: route.model },
  )
}

export function familyStatus(family: Family): FamilyStatus {
  const blocks = [...new Set(family.origins.map(({ block }) => block))]
  const sum = (bytesOf: (block: Block) => number) =>
    blocks.reduce((bytes, block) => bytes + bytesOf(block), 0)
  return {
    blueprint: family.blueprint,
    generation: family.generation,
    purpose: family.purpose,
    serving: family.serving,
    inherited: family.names.size - family.serving,
    indexBytes:
      family.names.bytes +
      family.origin.byteLength +
      family.row.byteLength +
      family.version.byteLength +
      family.inFlight.byteLength +
      sum(block => block.indexBytes) +
      family.reasons.reduce((bytes, reason) => bytes + reason.length, 0),
    parameterBytes: sum(block => block.parameterBytes),
    residentBytes: sum(block => block.residentBytes),
  }
}
