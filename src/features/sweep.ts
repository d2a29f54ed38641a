import { setImmediate } from 'node:timers/promises'
import type { WindowFeature, WindowLength } from '../spec/index.ts'
import { recountSuperseded } from './corrections.ts'
import type { OrderedEvents } from './ordered-events.ts'
import { gathered, groupInTime } from './time-order.ts'
import { type EntityAsks, windowBounds } from './window-bounds.ts'
import { type StatOutputs, slideWindow } from './window-stats.ts'

/*
 * Window features by one sweep: events and asking rows sorted by (entity, time), two pointers that
 * only move on. Nothing here depends on the order in which rows arrived.
 */

/** What one window feature is to be written into: by place among the asking rows. */
export interface WantedWindow {
  readonly feature: WindowFeature
  readonly into: Float32Array | Float64Array
}

/** Asking rows by their entity, which is in [1, count]; 0 asks for nothing, and so does NaN. */
export function groupAsks(asOfUs: Float64Array, entities: Int32Array, count: number): EntityAsks {
  const { rows, starts, times } = groupInTime(entities, count, asOfUs)
  return { rows, starts, asOfUs: times }
}

/** Fills the wanted features of one kind of entity; `values` by the SQL of the value. */
export async function sweepWindows(
  events: OrderedEvents,
  values: ReadonlyMap<string, Float64Array>,
  asks: EntityAsks,
  wanted: readonly WantedWindow[],
): Promise<void> {
  for (const [of, ofThis] of Map.groupBy(wanted, ({ feature }) => feature.of)) {
    const arrived = values.get(of)!
    const ordered = events.rows ? gathered(arrived, events.rows) : arrived
    for (const overThis of Map.groupBy(ofThis, w => lengthText(w.feature.over)).values()) {
      const { over } = overThis[0]!.feature
      const bounds = windowBounds(events, asks, over)
      const input = { bounds, values: ordered, rows: asks.rows }
      const out: StatOutputs = {}
      for (const { feature, into } of overThis) {
        // The same statistic under two names is swept twice; it is too rare to be worth more.
        if (out[feature.stat] === undefined) out[feature.stat] = into
        else slideWindow(input, { [feature.stat]: into })
      }
      slideWindow(input, out)
      recountSuperseded({ events, asks, bounds, over, values: ordered }, overThis)
      await setImmediate() // A beat of the event loop: leases are renewed and progress is said.
    }
  }
}

function lengthText(length: WindowLength): string {
  return length.kind === 'time' ? `${length.ms} ms` : `${length.rows} rows`
}
