import type { ArrivedEvents } from './events.ts'
import { gathered, groupInTime } from './time-order.ts'
import type { EntityEvents } from './window-bounds.ts'

/** Events by entity, in each by (known at, event time, row number). */
export class OrderedEvents implements EntityEvents {
  /** Places among what arrived. */
  readonly rows: Int32Array
  readonly starts: Int32Array
  readonly knownUs: Float64Array
  /** From when on each row does not count any more; NaN for never. Undefined: all of them never. */
  readonly supersededUs: Float64Array | undefined
  readonly #arrivedUs: Float64Array
  #eventUs: Float64Array | undefined

  constructor(
    ordered: EntityEvents & { readonly rows: Int32Array },
    arrivedUs: Float64Array,
    eventUs: Float64Array | undefined,
    supersededUs?: Float64Array,
  ) {
    this.rows = ordered.rows
    this.starts = ordered.starts
    this.knownUs = ordered.knownUs
    this.#arrivedUs = arrivedUs
    this.#eventUs = eventUs
    this.supersededUs = supersededUs
  }

  /** Windows do without. */
  get eventUs(): Float64Array {
    this.#eventUs ??= gathered(this.#arrivedUs, this.rows)
    return this.#eventUs
  }

  withSuperseded(supersededUs: Float64Array | undefined): OrderedEvents {
    return new OrderedEvents(this, this.#arrivedUs, this.#eventUs, supersededUs)
  }
}

/** Orders what arrived by one kind of entity, in [1, count]; 0 is left aside. */
export function orderEvents(
  { rows, eventUs, knownUs }: Pick<ArrivedEvents, 'rows' | 'eventUs' | 'knownUs'>,
  entities: Int32Array,
  count: number,
): OrderedEvents {
  const isAtOnce = eventUs === knownUs
  const tie = isAtOnce
    ? (a: number, b: number) => rows[a]! - rows[b]!
    : (a: number, b: number) => eventUs[a]! - eventUs[b]! || rows[a]! - rows[b]!
  const { times, ...order } = groupInTime(entities, count, knownUs, tie)
  const known = { ...order, knownUs: times }
  return new OrderedEvents(known, eventUs, isAtOnce ? times : undefined)
}
