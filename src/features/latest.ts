import type { LatestFeature } from '../spec/index.ts'
import { countsStill } from './corrections.ts'
import type { OrderedEvents } from './ordered-events.ts'
import type { EntityAsks } from './window-bounds.ts'

/*
 * The newest row of an entity as of a time: that with the latest (event time, known at, row
 * number) of those that were known. Events stand in the order in which they became known, so it is
 * the greatest of a beginning, which only grows; a late row of an earlier time changes nothing.
 */

export interface WantedLatest {
  readonly feature: LatestFeature
  /** Name of its column among the values. */
  readonly value: string
  readonly into: Float32Array | Float64Array
}

/**
 * Fills the wanted features of one kind of entity. `moved`: versions of a row may differ in event
 * time, so the newest row may be one that is superseded by an older one.
 */
export function fillLatest(
  events: OrderedEvents,
  values: ReadonlyMap<string, Float64Array>,
  asks: EntityAsks,
  wanted: readonly WantedLatest[],
  moved: boolean,
): void {
  const { rows, eventUs } = events
  const newest = newestKnown(events, asks, moved && events.supersededUs !== undefined)
  const byTtl = Map.groupBy(wanted, ({ feature }) => feature.ttlMs)
  for (const [ttlMs, ofThis] of byTtl) {
    const ttlUs = ttlMs === undefined ? Number.POSITIVE_INFINITY : ttlMs * 1_000
    const places = byTtl.size === 1 ? newest : new Int32Array(newest.length)
    for (let ask = 0; ask < newest.length; ask++) {
      const at = newest[ask]!
      const counts = at >= 0 && eventUs[at]! >= asks.asOfUs[ask]! - ttlUs
      places[ask] = counts ? (rows ? rows[at]! : at) : -1
    }
    for (const { value, into } of ofThis) {
      const column = values.get(value)!
      for (let ask = 0; ask < places.length; ask++) {
        const place = places[ask]!
        into[asks.rows[ask]!] = place < 0 ? Number.NaN : column[place]!
      }
    }
  }
}

/** By asking row, in the order of the asks, the place of the event; -1 where there is none. */
function newestKnown(events: OrderedEvents, asks: EntityAsks, scan: boolean): Int32Array {
  const { starts, ends, knownUs, eventUs } = events
  const atOnce = eventUs === knownUs
  const found = new Int32Array(asks.rows.length).fill(-1)
  for (let entity = 1; entity + 1 < asks.starts.length; entity++) {
    const first = starts[entity]!
    const end = ends[entity]!
    let high = first
    let best = -1
    const askEnd = asks.starts[entity + 1]!
    for (let ask = asks.starts[entity]!; ask < askEnd; ask++) {
      const asOf = asks.asOfUs[ask]!
      for (; high < end && knownUs[high]! <= asOf; high++) {
        if (atOnce || best < 0 || eventUs[high]! >= eventUs[best]!) best = high
      }
      found[ask] = scan ? scanned(events, first, high, asOf) : best
    }
  }
  return found
}

function scanned(events: OrderedEvents, first: number, end: number, asOf: number): number {
  const { eventUs } = events
  let best = -1
  for (let at = first; at < end; at++) {
    if (!countsStill(events, at, asOf)) continue
    if (best < 0 || eventUs[at]! >= eventUs[best]!) best = at
  }
  return best
}
