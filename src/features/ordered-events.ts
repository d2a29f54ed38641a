import type { ColumnMemory } from './column-memory.ts'
import type { ArrivedEvents } from './events.ts'
import { gathered, groupInTime } from './time-order.ts'
import type { EntityEvents } from './window-bounds.ts'

/** Events by entity, in each by (known at, event time, row number). */
export class OrderedEvents implements EntityEvents {
  /** Places among what arrived; undefined where values stand in the order of events already. */
  readonly rows: Int32Array | undefined
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly knownUs: Float64Array
  /** From when on each row does not count any more; NaN for never. Undefined: all of them never. */
  readonly supersededUs: Float64Array | undefined
  readonly #eventUs: () => Float64Array

  constructor(
    of: EntityEvents & { readonly rows: Int32Array | undefined },
    eventUs: () => Float64Array,
    supersededUs?: Float64Array,
  ) {
    this.rows = of.rows
    this.starts = of.starts
    this.ends = of.ends
    this.knownUs = of.knownUs
    this.#eventUs = eventUs
    this.supersededUs = supersededUs
  }

  /** Windows do without. */
  get eventUs(): Float64Array {
    return this.#eventUs()
  }

  withSuperseded(supersededUs: Float64Array | undefined): OrderedEvents {
    return new OrderedEvents(this, this.#eventUs, supersededUs)
  }
}

/** Orders what arrived by one kind of entity, in [1, count], in `memory`; 0 is left aside. */
export function orderEvents(
  { rows, eventUs, knownUs }: Pick<ArrivedEvents, 'rows' | 'eventUs' | 'knownUs'>,
  entities: Int32Array,
  count: number,
  memory?: ColumnMemory,
): OrderedEvents {
  const isAtOnce = eventUs === knownUs
  const tie = isAtOnce
    ? (a: number, b: number) => rows[a]! - rows[b]!
    : (a: number, b: number) => eventUs[a]! - eventUs[b]! || rows[a]! - rows[b]!
  const order = groupInTime(entities, count, knownUs, tie, memory)
  let event = isAtOnce ? order.times : undefined
  const of = { ...order, knownUs: order.times, ends: order.starts.subarray(1) }
  return new OrderedEvents(of, () => {
    event ??= gathered(eventUs, order.rows)
    return event
  })
}
