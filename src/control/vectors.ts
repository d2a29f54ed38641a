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
  type Selection,
  type Vector,
  type VectorPlace,
  type VectorStatus,
  type Vectors,
} from '../features/index.ts'
import type { FleetSpec } from '../spec/index.ts'
import { nearestNames } from './catalogue.ts'
import type { DeskParts } from './desk-parts.ts'
import { sourceColumns } from './row-columns.ts'
import { type FeatureName, readFeatureName, readOwner, type VectorOwner } from './vector-owners.ts'

/* Features as of now for whoever asks by entity: the desk's own callers, and those of Feast. */

/** One feature for every row, as it goes onto a wire. Features may share a list. */
export interface WireFeature {
  readonly values: readonly (number | string | null)[]
  readonly statuses: readonly VectorStatus[]
  /** NaN for what was computed, and where it is not PRESENT. */
  readonly eventMs: readonly number[]
}

/** An ask without its values: found once for all that ask the same. */
export interface PreparedAsk {
  readonly names: readonly FeatureName[]
  /** By view; `at`: by selected feature, its place among the names. */
  readonly views: readonly {
    readonly vectors: Vectors
    readonly selection: Selection
    /** Those that are given. */
    readonly columns: readonly Column[]
    readonly at: readonly number[]
  }[]
}

/** What tells an ask from others, but for its values. */
export interface AskShape {
  /** Spells all that the names follow from. */
  readonly text: string
  /** Of the entities that are given. */
  readonly columns: readonly string[]
  names(spec: FleetSpec): readonly FeatureName[]
}

export type Entities = Readonly<Record<string, readonly RowWord[]>>

/**
 * Views and groups that are kept ready. Each has a prepared statement at most; of a fleet with more
 * the first are made anew when they are asked for again.
 */
const readyMax = 128
/** Clients ask the same again and again; one that spells each ask anew gains nothing here. */
const asksMax = 512
/** Of one that is kept: some hundred names. */
const askLengthMax = 16_384
/** The declaration is read anew after this long, and not for each of a thousand asks a second. */
const specFreshMs = 1_000

export class VectorReads {
  readonly #parts: Pick<DeskParts, 'store' | 'fleet' | 'clock'>
  readonly #place: VectorPlace
  readonly #ready = new Map<string, Promise<Vectors>>()
  readonly #asks = new Map<string, Promise<PreparedAsk>>()
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
   * Throws E_NOT_FOUND for a name that is not there, E_USAGE for a column that no feature follows
   * from, or that is missing.
   */
  async prepare(shape: AskShape): Promise<PreparedAsk> {
    const spec = await this.spec()
    const key = `${spec.digest} ${JSON.stringify(shape.columns)} ${shape.text}`
    if (key.length > askLengthMax) return this.#prepare(shape, spec)
    return kept(this.#asks, key, asksMax, () => this.#prepare(shape, spec))
  }

  async #prepare({ columns, names: namesOf }: AskShape, spec: FleetSpec): Promise<PreparedAsk> {
    const names = namesOf(spec)
    const byView = Map.groupBy(names.keys(), at => names[at]!.owner.view.id)
    const used = new Set<string>()
    const given = new Set(columns)
    const views = await Promise.all(
      Array.from(byView.values(), async at => {
        const vectors = await this.#open(names[at[0]!]!.owner, spec)
        for (const { name } of vectors.columns) used.add(name)
        const places = at.map(one => placeOf(names[one]!.feature, vectors, given))
        const selection = vectors.select(places)
        return { vectors, selection, columns: vectors.columns.filter(c => given.has(c.name)), at }
      }),
    )
    checkUsed(columns, used)
    return { names, views }
  }

  /** By name of the ask; `entities` have its columns. Throws what `Vectors.read` throws. */
  async read(ask: PreparedAsk, entities: Entities): Promise<readonly WireFeature[]> {
    const count = rowsOf(entities)
    const nowMs = this.#parts.clock.now().getTime()
    const all = new Array<WireFeature>(ask.names.length)
    await Promise.all(
      ask.views.map(async ({ vectors, selection, columns, at: places }) => {
        const given = new Map(
          columns.map(({ name, type }) => [
            name,
            entities[name]!.map(value => asColumn(value, type)),
          ]),
        )
        const found = await vectors.read(selection, { columns: given, count, nowMs })
        for (const [i, at] of places.entries()) all[at] = onWire(found[i]!, count)
      }),
    )
    return all
  }

  #open({ view }: VectorOwner, spec: FleetSpec): Promise<Vectors> {
    const key = `${spec.digest} ${view.id}`
    return kept(this.#ready, key, readyMax, () => this.#make(view, spec))
  }

  async #make(view: VectorOwner['view'], spec: FleetSpec): Promise<Vectors> {
    const groups = [...spec.groups.values()]
    const at = { store: this.#parts.store, onDemand: this.#place.onDemand }
    const rowColumns = rowColumnsOf(view, await sourceColumns(view.rows, spec, at))
    return openVectors({ view, groups, rowColumns }, this.#place)
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

/** Made once; what failed is made anew, and of more than `most` the first is let go. */
function kept<T>(
  all: Map<string, Promise<T>>,
  key: string,
  most: number,
  make: () => Promise<T>,
): Promise<T> {
  const before = all.get(key)
  if (before !== undefined) return before
  const made = make()
  made.catch(() => all.delete(key))
  if (all.size >= most) all.delete(all.keys().next().value!)
  all.set(key, made)
  return made
}

/** Clients of other systems say 70 for "70" and "70" for 70: entities are compared as text. */
function asColumn(value: RowWord, type: string): RowValue {
  if (typeof value === 'string') return readRowValue(type, value)
  return type === 'VARCHAR' && value !== null && rowValueKind(type) ? String(value) : value
}

function placeOf(feature: string, vectors: Vectors, given: ReadonlySet<string>): number {
  const at = must(vectors.place(feature), 'a name was read from its view')
  const follows = vectors.features[at]?.follows
  if (follows === undefined) {
    throw new MusterError('E_USAGE', `\`${feature}\` is neither kept online nor computed`, {
      field: feature,
      hint: 'it is of the row itself: only whoever has the row knows it',
    })
  }
  if (follows.every(name => given.has(name))) return at
  const lacking = follows.filter(name => !given.has(name))
  throw new MusterError('E_USAGE', `\`${feature}\` needs \`${lacking.join('`, `')}\``, {
    field: lacking[0]!,
    hint: 'give a list of values for it in `entities`',
  })
}

function checkUsed(columns: readonly string[], used: ReadonlySet<string>): void {
  for (const name of columns) {
    if (used.has(name)) continue
    const near = nearestNames(name, [...used])
    throw new MusterError('E_USAGE', `no feature that is asked for has to do with \`${name}\``, {
      field: name,
      hint: near.length > 0 ? `use \`${near[0]}\`` : 'leave it out',
    })
  }
}

function onWire(vector: Vector, rows: number): WireFeature {
  if (vector.looked) return vector.looked
  const all = Array.from(vector.values as Iterable<number | string | null>, value =>
    Number.isNaN(value) ? null : value,
  )
  const statuses = all.map(value => (value === null ? 'NULL_VALUE' : 'PRESENT') as VectorStatus)
  return { values: all, statuses, eventMs: new Array<number>(rows).fill(Number.NaN) }
}

/** What an ask names: all features of a view that can be had, or those that it lists. */
function namesOf(ask: VectorAsk, spec: FleetSpec): readonly FeatureName[] {
  if ((ask.view === undefined) === (ask.features === undefined)) {
    throw new MusterError('E_USAGE', 'name a `view`, or `features`', { field: 'features' })
  }
  if (ask.view === undefined) return (ask.features ?? []).map(text => readFeatureName(text, spec))
  const owner = readOwner(ask.view, spec)
  return owner.view.features.map(({ name }) => ({ owner, feature: name }))
}

export async function vectorsOf(reads: VectorReads, ask: VectorAsk): Promise<VectorAnswer> {
  const { view, features, entities } = ask
  const rows = rowsOf(entities)
  const prepared = await reads.prepare({
    text: JSON.stringify({ view, features }),
    columns: Object.keys(entities),
    names: spec => namesOf(ask, spec),
  })
  const found = await reads.read(prepared, entities)
  return {
    rows,
    features: found.map(({ values, statuses, eventMs }, i) => ({
      name: features?.[i] ?? prepared.names[i]!.feature,
      values: [...values],
      statuses: [...statuses],
      eventTimes: Array.from(eventMs, ms => (Number.isNaN(ms) ? null : new Date(ms).toISOString())),
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
