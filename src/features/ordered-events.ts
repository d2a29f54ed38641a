import type { ArrivedEvents } from './events.ts'
import { gathered, groupInTime } from './time-order.ts'
import type { EntityEvents } from './window-bounds.ts'

/** Events by entity, in each by (known at, event time, row number). */
export interface OrderedEvents extends EntityEvents {
  /** Places among what arrived. */
  readonly rows: Int32Array
  readonly eventUs: Float64Array
  /** From when on each row does not count any more; NaN for never. Undefined: all of them never. */
  readonly supersededUs?: Float64Array | undefined
}

/** Orders what arrived by one kind of entity, in [1, count]; 0 is left aside. */
export function orderEvents(
  { rows, eventUs, knownUs }: ArrivedEvents,
  entities: Int32Array,
  count: number,
): OrderedEvents {
  const order = groupInTime(
    entities,
    count,
    knownUs,
    (a, b) => eventUs[a]! - eventUs[b]! || rows[a]! - rows[b]!,
  )
  const known = gathered(knownUs, order.rows)
  const event = eventUs === knownUs ? known : gathered(eventUs, order.rows)
  return { ...order, knownUs: known, eventUs: event }
}
