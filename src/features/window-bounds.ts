import type { WindowLength } from '../spec/index.ts'
import type { Grouped } from './time-order.ts'

/**
 * Events by entity, in each by (known at, event time, row number). Entity 0 is "none" and has no
 * events.
 */
export interface EntityEvents {
  /** Events of entity e are [starts[e], ends[e]); both grow from entity to entity. */
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** In the order of events; each at or after the event's own time. */
  readonly knownUs: Float64Array
}

/** Rows that ask, by entity, in each by as-of time. */
export interface EntityAsks extends Grouped {
  /** In the order of `rows`. NaN asks for nothing. */
  readonly asOfUs: Float64Array
}

/**
 * For every asking row, in the order of the asks, the events that count: positions [from, to). Both
 * grow from row to row inside an entity, and from entity to entity, which the statistics rely on.
 */
export interface Bounds {
  readonly from: Int32Array
  readonly to: Int32Array
}

/**
 * An event counts when it was known at the as-of time and, for a length in time, not longer ago
 * than that (`asOf - length < known <= asOf`); for a length in rows, when it is among the last so
 * many that were known.
 */
export function windowBounds(events: EntityEvents, asks: EntityAsks, length: WindowLength): Bounds {
  const from = new Int32Array(asks.rows.length)
  const to = new Int32Array(asks.rows.length)
  const { knownUs } = events
  const lengthUs = length.kind === 'time' ? length.ms * 1000 : 0
  for (let entity = 1; entity + 1 < asks.starts.length; entity++) {
    const first = events.starts[entity]!
    const end = events.ends[entity]!
    let low = first
    let high = first
    const askEnd = asks.starts[entity + 1]!
    for (let ask = asks.starts[entity]!; ask < askEnd; ask++) {
      const asOf = asks.asOfUs[ask]!
      while (high < end && knownUs[high]! <= asOf) high++
      if (length.kind === 'rows') low = Math.max(first, high - length.rows)
      else while (low < high && knownUs[low]! <= asOf - lengthUs) low++
      from[ask] = low
      to[ask] = high
    }
  }
  return { from, to }
}
