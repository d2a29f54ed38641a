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
 * that Muster writes are sorted, and what DuckDB hands on of them is stretches in order, so these
 * are looked for first and laid one behind the other; only what has none is sorted.
 */
export class EventOrder {
  readonly #arrived: ArrivedEvents
  #byTime: Int32Array | undefined

  constructor(arrived: ArrivedEvents) {
    this.#arrived = arrived
  }

  by(entities: Int32Array, count: number): OrderedEvents {
    const stretches = inStretches(this.#arrived, entities, count)
    if (stretches !== undefined) return stretches
    this.#byTime ??= inTime(this.#arrived)
    return sorted(this.#arrived, this.#byTime, entities, count)
  }
}

/** With fewer rows a stretch than this, sorting is quicker than looking at stretches. */
const stretchRowsMin = 16

function inStretches(
  arrived: ArrivedEvents,
  entities: Int32Array,
  count: number,
): OrderedEvents | undefined {
  const { rows, eventUs, knownUs } = arrived
  const from = stretchesOf(arrived, entities)
  if (from === undefined) return undefined
  const before = (a: number, b: number) =>
    entities[a]! - entities[b]! ||
    knownUs[a]! - knownUs[b]! ||
    eventUs[a]! - eventUs[b]! ||
    rows[a]! - rows[b]!
  const order = from.map((_, stretch) => stretch).sort((a, b) => before(from[a]!, from[b]!))
  const end = (stretch: number) => from[stretch + 1] ?? arrived.count
  const starts = new Int32Array(count + 2)
  let isOrdered = true
  for (let at = 0; at < order.length; at++) {
    const stretch = order[at]!
    const entity = entities[from[stretch]!]!
    starts[entity + 1] = starts[entity + 1]! + end(stretch) - from[stretch]!
    if (at === 0) continue
    const last = order[at - 1]!
    if (last !== stretch - 1) isOrdered = false
    // Two stretches of one entity that lie in each other are no order.
    if (before(end(last) - 1, from[stretch]!) > 0) return undefined
  }
  for (let g = 0; g <= count; g++) starts[g + 1] = starts[g + 1]! + starts[g]!
  const inOrder = <Values extends Float64Array | Int32Array>(values: Values): Values => {
    if (isOrdered) return values
    const into = new (values.constructor as new (length: number) => Values)(values.length)
    let at = 0
    for (const stretch of order) {
      into.set(values.subarray(from[stretch]!, end(stretch)), at)
      at += end(stretch) - from[stretch]!
    }
    return into
  }
  return { starts, inOrder, ...inBothTimes(arrived, inOrder) }
}

/**
 * Where stretches begin: rows of one entity in one chunk, each not before the last. Undefined when
 * they are short, or when a row is never known.
 */
function stretchesOf(
  { rows, eventUs, knownUs, count, chunks }: ArrivedEvents,
  entities: Int32Array,
): Int32Array | undefined {
  const from = new Int32Array(Math.floor(count / stretchRowsMin) + 16)
  let found = 0
  let chunk = 0
  for (let at = 0; at < count; at++) {
    const known = knownUs[at]!
    if (Number.isNaN(known)) return undefined
    // Between two chunks of one thread there may be one of another.
    if (at === chunks[chunk]) chunk++
    else if (entities[at] === entities[at - 1]) {
      const later = known - knownUs[at - 1]!
      if (later > 0) continue
      const happened = eventUs[at]! - eventUs[at - 1]!
      if (later === 0 && (happened > 0 || (happened === 0 && rows[at]! > rows[at - 1]!))) continue
    }
    if (found === from.length) return undefined
    from[found++] = at
  }
  return from.subarray(0, found)
}

function inBothTimes(
  { eventUs, knownUs }: ArrivedEvents,
  inOrder: OrderedEvents['inOrder'],
): Pick<OrderedEvents, 'eventUs' | 'knownUs'> {
  const known = inOrder(knownUs)
  return { knownUs: known, eventUs: eventUs === knownUs ? known : inOrder(eventUs) }
}

function sorted(
  arrived: ArrivedEvents,
  byTime: Int32Array,
  entities: Int32Array,
  count: number,
): OrderedEvents {
  const { rows, starts } = groupRows(byTime, entities, count + 1)
  const inOrder = <Values extends Float64Array | Int32Array>(values: Values): Values => {
    const into = new (values.constructor as new (length: number) => Values)(rows.length)
    for (let at = 0; at < rows.length; at++) into[at] = values[rows[at]!]!
    return into
  }
  return { starts, inOrder, ...inBothTimes(arrived, inOrder) }
}

/** Rows that are known at some time, by stable sorts from the last criterion to the first. */
function inTime({ rows, eventUs, knownUs }: ArrivedEvents): Int32Array {
  const order = presentRows(knownUs)
  if (!isAscending(rows)) sortByTime(order, Float64Array.from(rows))
  if (eventUs !== knownUs) sortByTime(order, eventUs)
  sortByTime(order, knownUs)
  return order
}

function isAscending(rows: Int32Array): boolean {
  for (let at = 1; at < rows.length; at++) if (rows[at]! < rows[at - 1]!) return false
  return true
}
