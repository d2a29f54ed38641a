import { type Engine, isMoment, microsOf, quoted, readExpression } from '../engine/index.ts'
import type { FeatureGroupSpec, SourceSpec, WindowLength, WindowStat } from '../spec/index.ts'
import type { GroupRows } from './group-rows.ts'
import type { OrderedEvents } from './ordered-events.ts'
import { readByRow, rowNumberSql } from './spine.ts'
import type { WantedWindow } from './sweep.ts'
import type { Bounds, EntityAsks } from './window-bounds.ts'
import { plainStat } from './window-stats.ts'

/*
 * Rows of a source with a key that are equal in key and event time are versions of one row, in the
 * order of (known at, row number): a version counts until the next one is known. Few rows are ever
 * corrected, so everything is computed as if none were, and the windows that hold a corrected row
 * are then computed again, plainly.
 */

export interface Versions {
  readonly key: readonly string[]
  readonly eventTime: string
}

/**
 * What names a row of the group; undefined where rows stand for themselves. What a SELECT gives has
 * the event time of the group; the rows of a source have its own, whatever the group calls theirs.
 */
export function versionsOf(group: FeatureGroupSpec, source: SourceSpec): Versions | undefined {
  if (source.key.length === 0) return undefined
  const own = group.sql === undefined ? source.eventTime : undefined
  return { key: source.key, eventTime: own ?? group.eventTime }
}

/** Whether all versions of a row have one entity and one event time: then they stand together. */
export function areTogether(
  { key, eventTime }: Versions,
  group: FeatureGroupSpec,
  by: readonly string[],
): boolean {
  const columns = new Set(key)
  const sameColumns = by.length === columns.size && by.every(column => columns.has(column))
  return sameColumns && eventTime === group.eventTime
}

/** From when on each row is superseded, for versions that stand together; undefined if none is. */
export function supersededTogether(events: OrderedEvents): Float64Array | undefined {
  const { starts, ends, eventUs, knownUs } = events
  let until: Float64Array | undefined
  const supersede = (before: number, at: number) => {
    until ??= new Float64Array(eventUs.length).fill(Number.NaN)
    until[before] = knownUs[at]!
  }
  for (let entity = 1; entity < ends.length; entity++) {
    const from = starts[entity]!
    const end = ends[entity]!
    if (eventUs === knownUs || risesWithin(eventUs, from, end)) {
      for (let at = from + 1; at < end; at++)
        if (eventUs[at] === eventUs[at - 1]) supersede(at - 1, at)
      continue
    }
    const newest = new Map<number, number>()
    for (let at = from; at < end; at++) {
      const before = newest.get(eventUs[at]!)
      if (before !== undefined) supersede(before, at)
      newest.set(eventUs[at]!, at)
    }
  }
  return until
}

function risesWithin(values: Float64Array, from: number, end: number): boolean {
  for (let at = from + 1; at < end; at++) if (values[at]! < values[at - 1]!) return false
  return true
}

/** The same by row number, for any versions. Throws E_DATA_SCHEMA without the key's columns. */
export async function readSuperseded(
  engine: Engine,
  group: FeatureGroupSpec,
  rows: GroupRows,
  versions: Versions,
): Promise<Float64Array | undefined> {
  for (const column of versions.key) {
    await readExpression(engine, rows.relation, quoted(column))
  }
  await readExpression(engine, rows.relation, versions.eventTime)
  const keys = versions.key.map((column, k) => `${quoted(column)} as ${quoted(`muster key ${k}`)}`)
  const names = versions.key.map((_, k) => quoted(`muster key ${k}`))
  const table = quoted(`muster versions ${group.name}`)
  const named = [...names, '"muster moment"'].join(', ')
  const moments = [group.eventTime, group.knownAt, versions.eventTime]
  const known = `greatest(${microsOf(group.knownAt)}, ${microsOf(group.eventTime)})`
  await engine.define(
    `create or replace temp table ${table} as
     with all_rows as (
       select ${quoted(rows.named)}.${rowNumberSql}, ${keys.join(', ')},
         ${microsOf(versions.eventTime)} as "muster moment", ${known} as "muster known"
       from ${rows.from}
       where ${moments.map(time => isMoment(time)).join(' and ')}
     ), several as (
       select ${named} from all_rows where ${names.map(name => `${name} is not null`).join(' and ')}
       group by ${named} having count(*) > 1
     )
     select ${rowNumberSql}, lead("muster known") over (
         partition by ${named} order by "muster known", ${rowNumberSql}) as "muster until"
     from all_rows semi join several using (${named})`,
  )
  const from = `${table} where "muster until" is not null`
  const [any] = await engine.rows<{ rows: number }>(`select count(*)::double as rows from ${from}`)
  if ((any?.rows ?? 0) === 0) return undefined
  const into = new Float64Array(rows.rows).fill(Number.NaN)
  const query = { number: rowNumberSql, from: table, where: '"muster until" is not null' }
  await readByRow(engine, query, [{ sql: '"muster until"', into }])
  return into
}

/** Whether a row that was known counts at `asOf`. */
export function countsStill(events: OrderedEvents, at: number, asOf: number): boolean {
  const until = events.supersededUs?.[at]
  return until === undefined || !(until <= asOf)
}

interface SweptWindow {
  readonly events: OrderedEvents
  readonly asks: EntityAsks
  readonly bounds: Bounds
  readonly over: WindowLength
  readonly values: Float64Array
}

/** Writes again what was computed of windows in which some row had been superseded. */
export function recountSuperseded(window: SweptWindow, wanted: readonly WantedWindow[]): void {
  const { events, asks, bounds } = window
  if (events.supersededUs === undefined) return
  const before = new Int32Array(events.supersededUs.length + 1)
  for (let at = 0; at < events.supersededUs.length; at++) {
    before[at + 1] = before[at]! + (Number.isNaN(events.supersededUs[at]!) ? 0 : 1)
  }
  const statOf = new Map<WindowStat, number>()
  for (let entity = 1; entity + 1 < asks.starts.length; entity++) {
    const first = events.starts[entity]!
    const askEnd = asks.starts[entity + 1]!
    for (let ask = asks.starts[entity]!; ask < askEnd; ask++) {
      if (before[bounds.from[ask]!] === before[bounds.to[ask]!]) continue
      const counting = countingValues(window, ask, first)
      statOf.clear()
      for (const { feature, into } of wanted) {
        const known = statOf.get(feature.stat) ?? plainStat(feature.stat, counting)
        statOf.set(feature.stat, known)
        into[asks.rows[ask]!] = known
      }
    }
  }
}

/** Oldest first. A window in rows reaches further back for each row that does not count. */
function countingValues(
  { events, asks, bounds, over, values }: SweptWindow,
  ask: number,
  first: number,
) {
  const asOf = asks.asOfUs[ask]!
  const from = over.kind === 'time' ? bounds.from[ask]! : first
  const most = over.kind === 'time' ? Number.POSITIVE_INFINITY : over.rows
  const counting: number[] = []
  for (let at = bounds.to[ask]! - 1; at >= from && counting.length < most; at--) {
    if (countsStill(events, at, asOf)) counting.push(values[at]!)
  }
  return counting.reverse()
}
