import { MusterError } from '../base/errors.ts'
import {
  type LookupAnswer,
  type LookupAsk,
  plainStat,
  type VectorStatus,
} from '../features/index.ts'
import type { WindowFeature } from '../spec/index.ts'
import type { Generation, KindRead } from './generation.ts'
import { countingRows, type KeptRow, type KeptRows, type KeptValue, newestOf } from './kept-rows.ts'
import { entityKey } from './keys.ts'
import { decodeRows } from './record.ts'
import type { OnlineStore } from './store.ts'

/*
 * Reading: the features of many entities of many groups from one batch of keys, computed as of the
 * moment of the call from the rows that are kept.
 */

/** A kind of entity of one ask: the rows of its keys, and the features that they give. */
interface Read {
  readonly of: KindRead
  /** Of its ask, by feature. */
  readonly into: LookupAnswer[]
  /** By row that asks: its place among the keys; -1 for one with a null. */
  readonly keyAt: readonly number[]
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
    const into = new Array<LookupAnswer>(ask.features.length)
    for (const of of current(ask.group).readsOf(ask)) reads.push(readOf(of, ask, into, keys))
    return into
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
    if (bytes !== undefined) found[at] = decodeRows(bytes, reads[read]!.of.kind.columns.length)
  })
  for (const one of reads) answer(one, found, nowMs * 1_000)
  for (const [a, into] of answers.entries()) fillUnknown(into, asks[a]!.entities[0]?.length ?? 0)
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

/** Of features that the generation that is read does not hold yet. */
function fillUnknown(into: LookupAnswer[], rows: number): void {
  for (let at = 0; at < into.length; at++) {
    into[at] ??= { values: new Array<KeptValue>(rows).fill(null), ...absent(rows) }
  }
}

function readOf(of: KindRead, ask: LookupAsk, into: LookupAnswer[], keys: Buffer[]): Read {
  const lists = of.kind.by.map(column => ask.entities[ask.by.indexOf(column)])
  const rows = ask.entities[0]?.length ?? 0
  const keyAt = new Array<number>(rows)
  for (let row = 0; row < rows; row++) {
    const entity = lists.map(list => list?.[row] ?? null)
    const isWhole = entity.every(value => value !== null)
    keyAt[row] = isWhole ? keys.length : -1
    if (isWhole) keys.push(entityKey(of.kind.prefix, entity))
  }
  return { of, into, keyAt, keysTo: keys.length }
}

function answer(read: Read, found: readonly (KeptRows | undefined)[], nowUs: number): void {
  const { of, into, keyAt } = read
  const kept = keyAt.map(at => found[at])
  const counting = kept.map(one =>
    one === undefined ? [] : countingRows(one.rows, of.kind.versions, nowUs),
  )
  const newest = counting.map(newestOf)
  for (const { ttlMs, wanted } of of.latest) {
    const fresh = freshness(newest, ttlMs, nowUs)
    for (const { column, at } of wanted) into[at] = latestColumn(column, newest, fresh)
  }
  for (const { feature, column, at } of of.windows) {
    into[at] = windowColumn(feature, column, { kept, counting, newest }, nowUs)
  }
}

/** What features of one row have in common; lists that are equal are one list, told by identity. */
interface Told {
  readonly statuses: VectorStatus[]
  readonly eventMs: number[]
}

function absent(rows: number): Told {
  return {
    statuses: new Array<VectorStatus>(rows).fill('NOT_FOUND'),
    eventMs: new Array<number>(rows).fill(Number.NaN),
  }
}

function freshness(
  newest: readonly (KeptRow | undefined)[],
  ttlMs: number | undefined,
  nowUs: number,
): Told {
  const fromUs = ttlMs === undefined ? Number.NEGATIVE_INFINITY : nowUs - ttlMs * 1_000
  const told = absent(newest.length)
  for (let row = 0; row < newest.length; row++) {
    const eventUs = newest[row]?.eventUs
    if (eventUs === undefined) continue
    const isOld = eventUs < fromUs
    told.statuses[row] = isOld ? 'OUTSIDE_MAX_AGE' : 'PRESENT'
    if (!isOld) told.eventMs[row] = eventUs / 1_000
  }
  return told
}

function latestColumn(
  column: number,
  newest: readonly (KeptRow | undefined)[],
  fresh: Told,
): LookupAnswer {
  const rows = newest.length
  const values = new Array<KeptValue>(rows)
  let { statuses, eventMs } = fresh
  for (let row = 0; row < rows; row++) {
    const value = fresh.statuses[row] === 'PRESENT' ? newest[row]!.values[column]! : null
    values[row] = value
    if (value !== null || fresh.statuses[row] !== 'PRESENT') continue
    if (statuses === fresh.statuses) {
      statuses = [...statuses]
      eventMs = [...eventMs]
    }
    statuses[row] = 'NULL_VALUE'
    eventMs[row] = Number.NaN
  }
  return { values, statuses, eventMs }
}

interface RowsOfEntities {
  readonly kept: readonly (KeptRows | undefined)[]
  readonly counting: readonly (readonly KeptRow[])[]
  readonly newest: readonly (KeptRow | undefined)[]
}

/**
 * A window without rows has a count and a sum, as it has offline: that nothing happened is known.
 * One that reaches back over rows that were left out for want of room is not known.
 */
function windowColumn(
  { stat, over }: WindowFeature,
  column: number,
  { kept, counting, newest }: RowsOfEntities,
  nowUs: number,
): LookupAnswer {
  const rows = kept.length
  const fromUs = over.kind === 'time' ? nowUs - over.ms * 1_000 : Number.NEGATIVE_INFINITY
  const values = new Array<KeptValue>(rows).fill(null)
  const { statuses, eventMs } = absent(rows)
  for (let row = 0; row < rows; row++) {
    const leftUs = kept[row]?.leftUs ?? Number.NEGATIVE_INFINITY
    if (over.kind === 'time' && leftUs > fromUs) continue
    const all = counting[row]!
    const last = over.kind === 'rows' ? all.slice(-over.rows) : all
    const numbers: number[] = []
    for (const { knownUs, values: of } of last) {
      if (knownUs > fromUs) numbers.push((of[column] as number | null) ?? Number.NaN)
    }
    const value = plainStat(stat, numbers)
    if (!Number.isNaN(value)) {
      values[row] = value
      statuses[row] = 'PRESENT'
      eventMs[row] = (newest[row]?.eventUs ?? Number.NaN) / 1_000
    } else if (all.length > 0) statuses[row] = 'NULL_VALUE'
  }
  return { values, statuses, eventMs }
}
