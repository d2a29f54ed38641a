import { Readable } from 'node:stream'
import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { RowWord, VectorAnswer, VectorAsk } from '../contract/index.ts'
import { vectorRowsMax } from '../contract/index.ts'
import type { Column } from '../engine/index.ts'
import {
  arrowColumnOf,
  arrowStream,
  keyColumnOf,
  openVectors,
  type RowValue,
  readRowValue,
  rowColumnsOf,
  rowValueKind,
  type Vector,
  type VectorPlace,
  type VectorStatus,
  type Vectors,
} from '../features/index.ts'
import type { FleetSpec } from '../spec/index.ts'
import { nearestNames } from './catalogue.ts'
import type { DeskParts } from './desk-parts.ts'
import { namedSnapshot } from './snapshot-names.ts'
import { type FeatureName, readFeatureName, readOwner, type VectorOwner } from './vector-owners.ts'

/* Features as of now for whoever asks by entity: the desk's own callers, and those of Feast. */

/** One feature for every row, as it goes onto a wire. */
export interface WireFeature extends FeatureName {
  readonly values: readonly (number | string | null)[]
  readonly statuses: readonly VectorStatus[]
  /** NaN for what was computed, and where it is not PRESENT. */
  readonly eventMs: readonly number[]
}

export type Entities = Readonly<Record<string, readonly RowWord[]>>

/**
 * Views and groups that are kept ready. Each has a prepared statement at most; of a fleet with more
 * the first are made anew when they are asked for again.
 */
const readyMax = 128
/** The declaration is read anew after this long, and not for each of a thousand asks a second. */
const specFreshMs = 1_000

export class VectorReads {
  readonly #parts: Pick<DeskParts, 'store' | 'fleet' | 'clock'>
  readonly #place: VectorPlace
  readonly #ready = new Map<string, Promise<Vectors>>()
  #applied: { readonly spec: Promise<FleetSpec>; readonly untilMs: number } | undefined

  constructor(parts: Pick<DeskParts, 'store' | 'fleet' | 'clock'>, place: VectorPlace) {
    this.#parts = parts
    this.#place = place
  }

  /** As it was applied a moment ago. Throws E_NOT_FOUND before the first plan was applied. */
  spec(): Promise<FleetSpec> {
    const nowMs = this.#parts.clock.monotonicMs()
    if (this.#applied && nowMs < this.#applied.untilMs) return this.#applied.spec
    const spec = this.#parts.fleet.applied()
    this.#applied = { spec, untilMs: nowMs + specFreshMs }
    spec.catch(() => {
      this.#applied = undefined
    })
    return spec
  }

  /**
   * Every column of `entities` has a value for each row. Throws E_USAGE for one that no feature
   * follows from, or that is missing, and what `Vectors.read` throws.
   */
  async read(
    wanted: readonly FeatureName[],
    entities: Entities,
    spec: FleetSpec,
  ): Promise<readonly WireFeature[]> {
    const rows = rowsOf(entities)
    const byOwner = Map.groupBy(wanted.keys(), at => wanted[at]!.owner.view.id)
    const nowMs = this.#parts.clock.now().getTime()
    const used = new Set<string>()
    const all = new Array<WireFeature>(wanted.length)
    await Promise.all(
      Array.from(byOwner.values(), async places => {
        const names = places.map(at => wanted[at]!)
        const vectors = await this.#open(names[0]!.owner, spec)
        for (const { name } of vectors.columns) used.add(name)
        const found = await readOf({ names, vectors, entities, rows, nowMs })
        for (const [i, at] of places.entries()) all[at] = found[i]!
      }),
    )
    checkUsed(entities, used)
    return all
  }

  #open({ view }: VectorOwner, spec: FleetSpec): Promise<Vectors> {
    const key = `${spec.digest} ${view.id}`
    const ready = this.#ready.get(key)
    if (ready) return ready
    const opened = this.#make(view, spec)
    opened.catch(() => this.#ready.delete(key))
    if (this.#ready.size >= readyMax) this.#ready.delete(this.#ready.keys().next().value!)
    this.#ready.set(key, opened)
    return opened
  }

  async #make(view: VectorOwner['view'], spec: FleetSpec): Promise<Vectors> {
    const groups = [...spec.groups.values()]
    const rowColumns = rowColumnsOf(view, await this.#columnsOf(view.rows, spec))
    return openVectors({ view, groups, rowColumns }, this.#place)
  }

  /** Of a source that rows are pushed to as declared: they are online before any snapshot. */
  async #columnsOf(name: string, spec: FleetSpec): Promise<readonly Column[]> {
    const source = spec.sources.get(name)
    if (source === undefined || !('push' in source.location)) {
      return (await namedSnapshot(name, this.#parts.store)).snapshot.columns
    }
    const columns: Column[] = []
    for (const [column, type] of Object.entries(source.columns)) {
      columns.push({ name: column, type: await this.#place.onDemand.typeOf(type) })
    }
    return columns
  }
}

export function rowsOf(entities: Entities): number {
  const [first] = Object.entries(entities)
  if (first === undefined) {
    throw new MusterError('E_USAGE', 'no entity is named', {
      field: 'entities',
      hint: 'give a list of values for each entity column: {"station": ["70", "71"]}',
    })
  }
  const rows = first[1].length
  for (const [name, values] of Object.entries(entities)) {
    if (values.length === rows) continue
    const detail = `\`${name}\` has ${values.length} values, \`${first[0]}\` has ${rows}`
    throw new MusterError('E_USAGE', detail, { field: name })
  }
  if (rows === 0 || rows > vectorRowsMax) {
    throw new MusterError(rows === 0 ? 'E_USAGE' : 'E_TOO_LARGE', `${rows} rows are asked for`, {
      field: 'entities',
      hint: `ask for 1 to ${vectorRowsMax} rows at a time`,
    })
  }
  return rows
}

async function readOf(ask: {
  readonly names: readonly FeatureName[]
  readonly vectors: Vectors
  readonly entities: Entities
  readonly rows: number
  readonly nowMs: number
}): Promise<readonly WireFeature[]> {
  const { names, vectors, entities, rows, nowMs } = ask
  const columns = new Map<string, readonly RowValue[]>()
  for (const { name, type } of vectors.columns) {
    const values = entities[name]
    if (values)
      columns.set(
        name,
        values.map(value => asColumn(value, type)),
      )
  }
  const features = names.map(({ feature }) => {
    const at = must(vectors.place(feature), 'a name was read from its view')
    checkFollows(feature, vectors.features[at]?.follows, columns)
    return at
  })
  const found = await vectors.read({ features, columns, rows, nowMs })
  return names.map(({ owner, feature }, i) => {
    const { values, statuses, eventMs } = onWire(found[i]!, rows)
    return { owner, feature, values, statuses, eventMs } // Spelled out: spreading is dear here.
  })
}

/** Clients of other systems say 70 for "70" and "70" for 70: entities are compared as text. */
function asColumn(value: RowWord, type: string): RowValue {
  if (typeof value === 'string') return readRowValue(type, value)
  return type === 'VARCHAR' && value !== null && rowValueKind(type) ? String(value) : value
}

function checkFollows(
  feature: string,
  follows: readonly string[] | undefined,
  given: ReadonlyMap<string, unknown>,
): void {
  if (follows === undefined) {
    throw new MusterError('E_USAGE', `\`${feature}\` is neither kept online nor computed`, {
      field: feature,
      hint: 'it is of the row itself: only whoever has the row knows it',
    })
  }
  if (follows.every(name => given.has(name))) return
  const lacking = follows.filter(name => !given.has(name))
  throw new MusterError('E_USAGE', `\`${feature}\` needs \`${lacking.join('`, `')}\``, {
    field: lacking[0]!,
    hint: 'give a list of values for it in `entities`',
  })
}

function checkUsed(entities: Entities, used: ReadonlySet<string>): void {
  for (const name of Object.keys(entities)) {
    if (used.has(name)) continue
    const near = nearestNames(name, [...used])
    throw new MusterError('E_USAGE', `no feature that is asked for has to do with \`${name}\``, {
      field: name,
      hint: near.length > 0 ? `use \`${near[0]}\`` : 'leave it out',
    })
  }
}

function onWire(vector: Vector, rows: number): Omit<WireFeature, keyof FeatureName> {
  if (vector.looked) return vector.looked
  const all = Array.from(vector.values as Iterable<number | string | null>, value =>
    Number.isNaN(value) ? null : value,
  )
  const statuses = all.map(value => (value === null ? 'NULL_VALUE' : 'PRESENT') as VectorStatus)
  return { values: all, statuses, eventMs: new Array<number>(rows).fill(Number.NaN) }
}

/** What an ask names: all features of a view that can be had, or those that it lists. */
async function namesOf(ask: VectorAsk, spec: FleetSpec): Promise<readonly FeatureName[]> {
  if ((ask.view === undefined) === (ask.features === undefined)) {
    throw new MusterError('E_USAGE', 'name a `view`, or `features`', { field: 'features' })
  }
  if (ask.view === undefined) return (ask.features ?? []).map(text => readFeatureName(text, spec))
  const owner = readOwner(ask.view, spec)
  return owner.view.features.map(({ name }) => ({ owner, feature: name }))
}

export async function vectorsOf(reads: VectorReads, ask: VectorAsk): Promise<VectorAnswer> {
  const spec = await reads.spec()
  const features = await reads.read(await namesOf(ask, spec), ask.entities, spec)
  return {
    rows: rowsOf(ask.entities),
    features: features.map((feature, i) => ({
      name: ask.features?.[i] ?? feature.feature,
      values: [...feature.values],
      statuses: [...feature.statuses],
      eventTimes: Array.from(feature.eventMs, ms =>
        Number.isNaN(ms) ? null : new Date(ms).toISOString(),
      ),
    })),
  }
}

export async function vectorsArrow(reads: VectorReads, ask: VectorAsk): Promise<Readable> {
  const answer = await vectorsOf(reads, ask)
  const columns = [
    ...Object.entries(ask.entities).map(([name, values]) => keyColumnOf(name, values)),
    ...answer.features.map(({ name, values }) => arrowColumnOf(name, values)),
  ]
  return Readable.from(arrowStream([columns]), { objectMode: false })
}
