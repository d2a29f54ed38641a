import { assert } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { FamilyRoutes, Route, Signature } from '../fleet/index.ts'
import type { Categories } from '../onnx/index.ts'
import type { Batcher } from './batcher.ts'
import { type Block, nameHash } from './block.ts'
import type { FeatureSource } from './feature-source.ts'
import type { HeldByDigest } from './held-by-digest.ts'
import { type InputReader, inputReader } from './input-reader.ts'
import { NameTable } from './name-table.ts'

/*
 * One generation of one family, whole and immutable: the data plane swaps from one to the next
 * between two requests. A member costs its name's tail + 4 bytes and the 10 bytes of three columns,
 * beside the parameters, which stay where the pack has them.
 */

/**
 * What a family's routes point into: a graph's batcher and a pack, held while the generation lives.
 */
export interface Origin {
  readonly graph: Digest
  readonly pack: Digest
  readonly batcher: Batcher
  readonly block: Block
  /** Reads texts by the categories of the graph. */
  readonly reader: InputReader
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
  readonly serving: number
  /** Gives back what this generation holds. Calls that it has taken are still answered. */
  release(): void
}

export interface FamilyFacts {
  readonly signature: Signature
  readonly purpose: string
  /** Of the family's view; without one every input is the caller's to send. */
  readonly source?: FeatureSource | undefined
}

export interface Held {
  readonly batchers: HeldByDigest<Batcher>
  readonly blocks: HeldByDigest<Block>
}

/** Members between two turns of the event loop while a family loads: about 10 ms of work. */
const membersPerTurn = 4_096

/**
 * Loads what the routes name, and proves it before anything can be answered by it: each route's row
 * must be one that the pack (verified by its digest) made for that member, and each graph must
 * answer one row. Throws what `Blobs.get` throws, and E_DIGEST_MISMATCH; then nothing is held.
 */
export async function loadFamily(
  routes: FamilyRoutes,
  facts: FamilyFacts,
  held: Held,
): Promise<Family> {
  const origins = new Map<string, { index: number; origin: Origin }>()
  const release = () => {
    for (const { origin } of origins.values()) letGo(origin, held)
    origins.clear()
  }
  try {
    const reader = inputReader(facts.signature, facts.source)
    const readers = new Map<Digest, InputReader>()
    const readerOf = (graph: Digest, categories: Categories): InputReader => {
      if (Object.keys(categories).length === 0) return reader
      const own = readers.get(graph) ?? inputReader(facts.signature, facts.source, categories)
      readers.set(graph, own)
      return own
    }
    for (const route of routes.routes) {
      const key = route.graph + route.pack
      if (origins.has(key)) continue
      assert(origins.size < inherits, 'a family points into fewer than 65,535 packs')
      origins.set(key, { index: origins.size, origin: await hold(route, held, readerOf) })
    }
    for (const { origin } of origins.values()) await answersOneRow(origin, reader.count)
    const members = await tabulate(routes, route => origins.get(route.graph + route.pack)!)
    return {
      blueprint: routes.blueprint,
      keyLength: routes.keyLength,
      generation: routes.generation,
      purpose: facts.purpose,
      reader,
      origins: [...origins.values()].map(({ origin }) => origin),
      serving: routes.routes.length,
      ...members,
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

async function hold(
  { graph, pack }: Route,
  held: Held,
  readerOf: (graph: Digest, categories: Categories) => InputReader,
): Promise<Origin> {
  const batcher = await held.batchers.acquire(graph)
  try {
    const block = await held.blocks.acquire(pack)
    const reader = readerOf(graph, batcher.shape.categories)
    const origin = { graph, pack, batcher, block, reader }
    if (block.graph === graph) return origin
    held.blocks.release(pack)
    throw new MusterError(
      'E_DIGEST_MISMATCH',
      'a pack was made for another graph than its route says',
    )
  } catch (error) {
    held.batchers.release(graph)
    throw error
  }
}

function letGo(origin: Origin, held: Held): void {
  held.blocks.release(origin.pack)
  held.batchers.release(origin.graph)
}

async function answersOneRow({ batcher, block }: Origin, inputs: number): Promise<void> {
  assert(batcher.shape.inputs === inputs, 'the signature lists the inputs of the graph')
  assert(batcher.shape.width === block.width, 'the rows of the pack are of the width of the graph')
  await batcher.run({
    x: new Float32Array(inputs),
    rows: 1,
    block: block.rows,
    width: block.width,
    row: 0,
    deadlineMs: Number.POSITIVE_INFINITY,
  })
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
