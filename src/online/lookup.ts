import { plainStat } from '../features/index.ts'
import type { LatestFeature, WindowFeature } from '../spec/index.ts'
import type { FeaturePlace, Generation, Kind } from './generation.ts'
import { countingRows, type KeptRow, type KeptRows, type KeptValue, newestOf } from './kept-rows.ts'
import { entityKey } from './keys.ts'
import { decodeRows } from './record.ts'
import type { OnlineStore } from './store.ts'

/*
 * Reading: the features of many entities of many groups from one batch of keys, computed as of the
 * moment of the call from the rows that are kept.
 */

/** As Feast tells them. */
export type LookupStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE'

export interface LookupAsk {
  readonly group: string
  readonly features: readonly string[]
  /** By entity column: a value for each of `rows` rows. Numbers are the entity of their text. */
  readonly entities: Readonly<
    Record<string, readonly (string | number | bigint | boolean | null)[]>
  >
  readonly rows: number
}

/** One feature of every row that asked. */
export interface LookupColumn {
  readonly feature: string
  /** Null where it is not PRESENT. */
  readonly values: KeptValue[]
  readonly statuses: LookupStatus[]
  /** When the row that says it happened, or the newest of the window; NaN where there is none. */
  readonly eventMs: Float64Array
}

export type LookupAnswer = readonly LookupColumn[]

/** A kind of entity of one ask: the rows of its keys, and the features that they give. */
interface Read {
  readonly kind: Kind
  readonly wanted: readonly { readonly place: FeaturePlace; readonly into: LookupColumn }[]
  /** By row that asks: its place among the keys; -1 for one with a null. */
  readonly keyAt: Int32Array
  /** Its keys end before this place. */
  readonly keysTo: number
}

/** In the order of the asks. What is of no generation is NOT_FOUND. */
export async function lookupOnline(
  asks: readonly LookupAsk[],
  nowMs: number,
  store: OnlineStore,
  current: (group: string) => Generation | undefined,
): Promise<readonly LookupAnswer[]> {
  const keys: Buffer[] = []
  const reads: Read[] = []
  const answers = asks.map(ask => {
    const columns = ask.features.map(feature => emptyColumn(feature, ask.rows))
    const generation = current(ask.group)
    if (generation !== undefined) reads.push(...readsOf(ask, columns, generation, keys))
    return columns
  })
  const found = new Array<KeptRows | undefined>(keys.length)
  let read = 0 // Keys stand in the order of the reads.
  await store.read(keys, (at, bytes) => {
    while (at >= reads[read]!.keysTo) read++
    if (bytes !== undefined) found[at] = decodeRows(bytes, reads[read]!.kind.columns.length)
  })
  for (const one of reads) answer(one, found, nowMs * 1_000)
  return answers
}

function emptyColumn(feature: string, rows: number): LookupColumn {
  return {
    feature,
    values: new Array<KeptValue>(rows).fill(null),
    statuses: new Array<LookupStatus>(rows).fill('NOT_FOUND'),
    eventMs: new Float64Array(rows).fill(Number.NaN),
  }
}

function readsOf(
  ask: LookupAsk,
  columns: readonly LookupColumn[],
  generation: Generation,
  keys: Buffer[],
): readonly Read[] {
  const wanted = columns.flatMap(into => {
    const place = generation.places.get(into.feature)
    return place === undefined ? [] : [{ place, into }]
  })
  return [...Map.groupBy(wanted, ({ place }) => place.kind)].map(([at, features]) => {
    const kind = generation.kinds[at]!
    const keyAt = new Int32Array(ask.rows).fill(-1)
    const values = kind.by.map(column => ask.entities[column])
    for (let row = 0; row < ask.rows; row++) {
      const entity = values.map(list => list?.[row] ?? null)
      if (entity.includes(null)) continue
      keyAt[row] = keys.length
      keys.push(entityKey(kind.prefix, entity.map(String)))
    }
    return { kind, wanted: features, keyAt, keysTo: keys.length }
  })
}

function answer(read: Read, found: readonly (KeptRows | undefined)[], nowUs: number): void {
  const { kind, keyAt, wanted } = read
  for (let row = 0; row < keyAt.length; row++) {
    const kept = keyAt[row]! < 0 ? undefined : found[keyAt[row]!]
    const counting = kept === undefined ? [] : countingRows(kept.rows, kind.versions, nowUs)
    const newest = newestOf(counting)
    for (const { place, into } of wanted) {
      const { feature, column } = place
      if (newest !== undefined) into.eventMs[row] = newest.eventUs / 1_000
      if ('stat' in feature) fillWindow(feature, column, counting, kept, nowUs, into, row)
      else fillLatest(feature, column, newest, nowUs, into, row)
    }
  }
}

function fillLatest(
  { ttlMs }: LatestFeature,
  column: number,
  newest: KeptRow | undefined,
  nowUs: number,
  into: LookupColumn,
  row: number,
): void {
  if (newest === undefined) return
  if (ttlMs !== undefined && newest.eventUs < nowUs - ttlMs * 1_000) {
    into.statuses[row] = 'OUTSIDE_MAX_AGE'
    return
  }
  const value = newest.values[column]!
  into.values[row] = value
  into.statuses[row] = value === null ? 'NULL_VALUE' : 'PRESENT'
}

/**
 * A window without rows has a count, as it has offline: that nothing happened is known. One that
 * reaches back over rows that were left out for want of room is not known.
 */
function fillWindow(
  { stat, over }: WindowFeature,
  column: number,
  counting: readonly KeptRow[],
  kept: KeptRows | undefined,
  nowUs: number,
  into: LookupColumn,
  row: number,
): void {
  const fromUs = over.kind === 'time' ? nowUs - over.ms * 1_000 : Number.NEGATIVE_INFINITY
  if (kept !== undefined && over.kind === 'time' && kept.leftUs > fromUs) return
  const last = over.kind === 'rows' ? counting.slice(-over.rows) : counting
  const values: number[] = []
  for (const { knownUs, values: all } of last) {
    if (knownUs > fromUs) values.push((all[column] as number | null) ?? Number.NaN)
  }
  const value = plainStat(stat, values)
  if (!Number.isNaN(value)) {
    into.values[row] = value
    into.statuses[row] = 'PRESENT'
  } else if (counting.length > 0) into.statuses[row] = 'NULL_VALUE'
}
