import { MusterError } from '../base/errors.ts'
import {
  type LookupAnswer,
  type LookupAsk,
  plainStat,
  type VectorStatus,
} from '../features/index.ts'
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

interface Column extends LookupAnswer {
  readonly values: KeptValue[]
  readonly statuses: VectorStatus[]
  readonly eventMs: number[]
}

/** A kind of entity of one ask: the rows of its keys, and the features that they give. */
interface Read {
  readonly kind: Kind
  readonly wanted: readonly { readonly place: FeaturePlace; readonly into: Column }[]
  /** By row that asks: its place among the keys; -1 for one with a null. */
  readonly keyAt: Int32Array
  /** Its keys end before this place. */
  readonly keysTo: number
}

/**
 * By ask, by feature. The markers of the generations are read in the same batch: of a store that
 * was emptied meanwhile, or that rows have streamed into since, no value would be right. Throws
 * E_FEATURES_AWAY then.
 */
export async function lookupOnline(
  asks: readonly LookupAsk[],
  nowMs: number,
  store: OnlineStore,
  current: (group: string) => Generation,
): Promise<readonly (readonly LookupAnswer[])[]> {
  const generations = [...new Set(asks.map(ask => current(ask.group)))]
  const keys = generations.map(({ marker }) => marker)
  const reads: Read[] = []
  const answers = asks.map(ask => {
    const rows = ask.entities[0]?.length ?? 0
    const columns = ask.features.map(() => emptyColumn(rows))
    reads.push(...readsOf(ask, columns, current(ask.group), keys))
    return columns
  })
  const found = new Array<KeptRows | undefined>(keys.length)
  let read = 0 // Keys stand in the order of the reads, behind the markers.
  await store.read(keys, (at, bytes) => {
    const generation = generations[at]
    if (generation !== undefined) {
      if (bytes === undefined) throw notHeld(generation.record.group, 'the store was emptied')
      return
    }
    while (at >= reads[read]!.keysTo) read++
    if (bytes !== undefined) found[at] = decodeRows(bytes, reads[read]!.kind.columns.length)
  })
  for (const one of reads) answer(one, found, nowMs * 1_000)
  return answers
}

/** Its values are not known: whoever takes them for missing would be answered wrongly, unseen. */
export function notHeld(group: string, because: string): MusterError {
  return new MusterError('E_FEATURES_AWAY', `group \`${group}\` is not online: ${because}`, {
    field: group,
    hint: 'it is filled by itself (muster features materialise); or send its features',
    extra: { retryAfterSeconds: 5 },
  })
}

function emptyColumn(rows: number): Column {
  return {
    values: new Array<KeptValue>(rows).fill(null),
    statuses: new Array<VectorStatus>(rows).fill('NOT_FOUND'),
    eventMs: new Array<number>(rows).fill(Number.NaN),
  }
}

function readsOf(
  { features, by, entities }: LookupAsk,
  columns: readonly Column[],
  generation: Generation,
  keys: Buffer[],
): readonly Read[] {
  const wanted = columns.flatMap((into, at) => {
    const place = generation.places.get(features[at]!)
    return place === undefined ? [] : [{ place, into }]
  })
  return [...Map.groupBy(wanted, ({ place }) => place.kind)].map(([at, ofKind]) => {
    const kind = generation.kinds[at]!
    const lists = kind.by.map(column => entities[by.indexOf(column)])
    const keyAt = new Int32Array(entities[0]?.length ?? 0).fill(-1)
    for (let row = 0; row < keyAt.length; row++) {
      const entity = lists.map(list => list?.[row] ?? null)
      if (!entity.every(value => value !== null)) continue
      keyAt[row] = keys.length
      keys.push(entityKey(kind.prefix, entity))
    }
    return { kind, wanted: ofKind, keyAt, keysTo: keys.length }
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
      if ('stat' in feature) fillWindow(feature, column, counting, kept, nowUs, into, row)
      else fillLatest(feature, column, newest, nowUs, into, row)
      if (newest !== undefined && into.statuses[row] === 'PRESENT') {
        into.eventMs[row] = newest.eventUs / 1_000
      }
    }
  }
}

function fillLatest(
  { ttlMs }: LatestFeature,
  column: number,
  newest: KeptRow | undefined,
  nowUs: number,
  into: Column,
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
 * A window without rows has a count and a sum, as it has offline: that nothing happened is known.
 * One that reaches back over rows that were left out for want of room is not known.
 */
function fillWindow(
  { stat, over }: WindowFeature,
  column: number,
  counting: readonly KeptRow[],
  kept: KeptRows | undefined,
  nowUs: number,
  into: Column,
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
