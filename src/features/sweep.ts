import { setImmediate } from 'node:timers/promises'
import type { WindowFeature, WindowLength } from '../spec/index.ts'
import { groupRows, presentRows, sortByTime } from './time-order.ts'
import { type EntityAsks, type EntityEvents, windowBounds } from './window-bounds.ts'
import { type StatOutputs, slideWindow } from './window-stats.ts'

/*
 * Window features by one sweep: events and asking rows sorted by (entity, time), two pointers that
 * only move on. All arrays are by row number of their source, so nothing here depends on the order
 * in which rows arrived.
 */

/** The rows that ask: those in order of as-of time, NaN first. */
export interface Asks {
  readonly asOfUs: Float64Array
  readonly byAsOf: Int32Array
}

export interface Events {
  /** By (known at, event time, row number). */
  readonly order: Int32Array
  /** When each row was known, never before it happened. */
  readonly knownUs: Float64Array
  /** By the SQL of the value; NaN is missing. */
  readonly values: ReadonlyMap<string, Float64Array>
}

/** What one feature is to be written into: by row number of the asking rows. */
export interface Wanted {
  readonly feature: WindowFeature
  readonly into: Float32Array | Float64Array
}

/**
 * Raises `knownUs` to the event time where it is earlier, and orders the events whose both times
 * are numbers.
 */
export function orderEvents(eventUs: Float64Array, knownUs: Float64Array): Int32Array {
  for (let row = 0; row < knownUs.length; row++) {
    knownUs[row] = Math.max(knownUs[row]!, eventUs[row]!) // NaN when either is.
  }
  const order = presentRows(knownUs)
  sortByTime(order, eventUs)
  sortByTime(order, knownUs)
  return order
}

/**
 * Fills the wanted features of one kind of entity. Entities are in [1, count]; 0 matches nothing.
 */
export async function sweepEntities(
  events: Events,
  eventEntities: Int32Array,
  asks: Asks,
  askEntities: Int32Array,
  count: number,
  wanted: readonly Wanted[],
): Promise<void> {
  const asking = groupRows(asks.byAsOf, askEntities, count + 1)
  const sortedAsks: EntityAsks = { ...asking, asOfUs: gather(asks.asOfUs, asking.rows) }
  const happened = groupRows(events.order, eventEntities, count + 1)
  const sortedEvents: EntityEvents = {
    starts: happened.starts,
    knownUs: gather(events.knownUs, happened.rows),
  }
  await setImmediate()
  for (const [of, ofThis] of Map.groupBy(wanted, ({ feature }) => feature.of)) {
    const values = gather(events.values.get(of)!, happened.rows)
    for (const overThis of Map.groupBy(ofThis, w => lengthText(w.feature.over)).values()) {
      const bounds = windowBounds(sortedEvents, sortedAsks, overThis[0]!.feature.over)
      const input = { bounds, values, rows: asking.rows }
      const out: StatOutputs = {}
      for (const { feature, into } of overThis) {
        // The same statistic under two names is swept twice; it is too rare to be worth more.
        if (out[feature.stat] === undefined) out[feature.stat] = into
        else slideWindow(input, { [feature.stat]: into })
      }
      slideWindow(input, out)
      await setImmediate() // A beat of the event loop: leases are renewed and progress is said.
    }
  }
}

function lengthText(length: WindowLength): string {
  return length.kind === 'time' ? `${length.ms} ms` : `${length.rows} rows`
}

function gather(values: Float64Array, rows: Int32Array): Float64Array {
  const gathered = new Float64Array(rows.length)
  for (let at = 0; at < rows.length; at++) gathered[at] = values[rows[at]!]!
  return gathered
}
