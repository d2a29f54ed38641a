import type { ArrivedEvents } from './events.ts'
import { groupRows, presentRows, sortByTime } from './time-order.ts'
import type { EntityEvents } from './window-bounds.ts'

/** Events by entity, in each by (known at, event time, row number); all arrays in that order. */
export interface OrderedEvents extends EntityEvents {
  readonly eventUs: Float64Array
  /** From when on each row does not count any more; NaN for never. Undefined: all of them never. */
  readonly supersededUs?: Float64Array | undefined
  /** A column of what arrived, in this order. */
  inOrder<Values extends Float64Array | Int32Array>(values: Values): Values
}

/**
 * Orders what arrived by one kind of entity; entities are in [1, count], and 0 is left aside. Files
 * that Muster writes are sorted, so it is looked first whether there is anything to do.
 */
export class EventOrder {
  readonly #arrived: ArrivedEvents
  #byTime: Int32Array | undefined

  constructor(arrived: ArrivedEvents) {
    this.#arrived = arrived
  }

  by(entities: Int32Array, count: number): OrderedEvents {
    const { eventUs, knownUs, rows } = this.#arrived
    if (isGrouped(entities, knownUs)) {
      const starts = startsOf(entities, count)
      const asTheyCame = { starts, knownUs, eventUs, inOrder: same }
      if (isInOrder(asTheyCame, rows)) return asTheyCame
    }
    const present = this.#byTime ?? presentRows(knownUs)
    const first = grouped(this.#arrived, present, entities, count)
    if (this.#byTime !== undefined || isInOrder(first, first.inOrder(rows))) return first
    this.#byTime = inTime(this.#arrived, present)
    return grouped(this.#arrived, this.#byTime, entities, count)
  }
}

function same<Values>(values: Values): Values {
  return values
}

function grouped(
  { eventUs, knownUs }: ArrivedEvents,
  order: Int32Array,
  entities: Int32Array,
  count: number,
): OrderedEvents {
  const { rows, starts } = groupRows(order, entities, count + 1)
  const inOrder = <Values extends Float64Array | Int32Array>(values: Values): Values => {
    const into = new (values.constructor as new (length: number) => Values)(rows.length)
    for (let at = 0; at < rows.length; at++) into[at] = values[rows[at]!]!
    return into
  }
  const knownInOrder = inOrder(knownUs)
  return {
    starts,
    knownUs: knownInOrder,
    eventUs: eventUs === knownUs ? knownInOrder : inOrder(eventUs),
    inOrder,
  }
}

/** Whether entities never fall and no row is without a known-at time. */
function isGrouped(entities: Int32Array, knownUs: Float64Array): boolean {
  for (let at = 0; at < entities.length; at++) {
    if (at > 0 && entities[at]! < entities[at - 1]!) return false
    if (Number.isNaN(knownUs[at]!)) return false
  }
  return true
}

function startsOf(entities: Int32Array, count: number): Int32Array {
  const starts = new Int32Array(count + 2)
  for (let at = 0; at < entities.length; at++) {
    const next = entities[at]! + 1
    starts[next] = starts[next]! + 1
  }
  for (let g = 0; g <= count; g++) starts[g + 1] = starts[g + 1]! + starts[g]!
  return starts
}

function isInOrder(events: Omit<OrderedEvents, 'inOrder'>, rows: Int32Array): boolean {
  const { starts, knownUs, eventUs } = events
  for (let entity = 1; entity + 1 < starts.length; entity++) {
    const end = starts[entity + 1]!
    for (let at = starts[entity]! + 1; at < end; at++) {
      const later = knownUs[at]! - knownUs[at - 1]!
      if (later > 0) continue
      const happened = eventUs[at]! - eventUs[at - 1]!
      if (later < 0 || happened < 0 || (happened === 0 && rows[at]! < rows[at - 1]!)) return false
    }
  }
  return true
}

/** Stable sorts from the last criterion to the first. */
function inTime({ rows, eventUs, knownUs }: ArrivedEvents, present: Int32Array): Int32Array {
  const order = present.slice()
  if (!isAscending(rows)) sortByTime(order, Float64Array.from(rows))
  if (eventUs !== knownUs) sortByTime(order, eventUs)
  sortByTime(order, knownUs)
  return order
}

function isAscending(rows: Int32Array): boolean {
  for (let at = 1; at < rows.length; at++) if (rows[at]! < rows[at - 1]!) return false
  return true
}
