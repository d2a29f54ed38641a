import type { Engine } from '../engine/index.ts'
import type { ColumnMemory } from './column-memory.ts'
import type { Entities, EntityRange } from './entities.ts'
import {
  type EntityKeys,
  type EventStretch,
  type KeptEvents,
  keyTexts,
  keyTextsMax,
} from './kept-events.ts'
import { OrderedEvents } from './ordered-events.ts'

/*
 * Kept events are walked a stretch of entities at a time: while one is swept the next one is read,
 * by a thread of the file system. What a stretch takes stays in the processor's cache, and is taken
 * again by the next but one; a hundred megabytes of new pages cost more than to fill them.
 */

/** Of a group with three values, 8 MB. */
const eventsAimed = 262_144

/** Fills what the entities of a range ask for, which the events count from 1. */
export type FillRange = (
  events: OrderedEvents,
  values: EventStretch['values'],
  range: EntityRange,
) => Promise<void>

/** Gives `fill` the events of one range of the asked entities after the other. */
export async function walkKept(
  kept: KeptEvents,
  asked: AskedEvents,
  how: { readonly memory: ColumnMemory; readonly rowsAtOnce?: number | undefined },
  fill: FillRange,
): Promise<void> {
  const ranges = stretchesOf(asked, how.rowsAtOnce ?? eventsAimed)
  const spans = ranges.map(
    ({ from, to }) => [asked.starts[from + 1] ?? 0, asked.ends[to]!] as const,
  )
  const most = spans.reduce((sum, [first, end]) => Math.max(sum, end - first), 0)
  const turns = [0, 1].map(() => how.memory.take(most * kept.eventBytes))
  const read = (at: number) => {
    const reading = kept.stretch(...spans[at]!, turns[at % 2]!)
    reading.catch(() => {}) // It may fail before anyone waits for it.
    return reading
  }
  let next = read(0)
  try {
    for (const [at, range] of ranges.entries()) {
      const stretch = await next
      if (at + 1 < ranges.length) next = read(at + 1)
      await fill(eventsOfRange(asked, range, stretch), stretch.values, range)
    }
  } finally {
    await next.catch(() => {}) // Nothing is read any more into memory that others take.
  }
}

/** Events of asked entity e are [starts[e], ends[e]) of those that are kept. */
export interface AskedEvents {
  readonly starts: Int32Array
  readonly ends: Int32Array
}

/**
 * The events of the entities that are asked for. Undefined when those stand in another order, which
 * a text and a number do: windows rely on it.
 */
export async function eventsOfAsked(
  engine: Engine,
  { keys, ends: endsKept }: Pick<KeptEvents, 'keys' | 'ends'>,
  kind: Entities,
): Promise<AskedEvents | undefined> {
  if (!kind.numbers && kind.count > keyTextsMax) return undefined
  const placeOf = await placesOf(engine, keys, kind)
  const starts = new Int32Array(kind.count + 1)
  const ends = new Int32Array(kind.count + 1)
  let [last, end] = [0, 0]
  for (let entity = 1; entity <= kind.count; entity++) {
    const place = placeOf(entity)
    if (place > 0) {
      if (place <= last) return undefined
      last = place
      end = endsKept[place]!
    }
    starts[entity] = place > 0 ? endsKept[place - 1]! : end
    ends[entity] = end
  }
  return { starts, ends }
}

/**
 * Entities whose events are read at a time: neighbours, as many as have about `aimed` of them or
 * one of more. Every entity is in one range, and there is one.
 */
function stretchesOf({ starts, ends }: AskedEvents, aimed: number): readonly EntityRange[] {
  const found: EntityRange[] = []
  const count = ends.length - 1
  let from = 0
  for (let entity = 2; entity <= count; entity++) {
    if (ends[entity]! - starts[from + 1]! <= aimed) continue
    found.push({ from, to: entity - 1 })
    from = entity - 1
  }
  return [...found, { from, to: count }]
}

/** The events of a range, which counts its entities from 1, as they stand in their stretch. */
function eventsOfRange(
  { starts, ends }: AskedEvents,
  { from, to }: EntityRange,
  stretch: EventStretch,
): OrderedEvents {
  const first = starts[from + 1] ?? 0
  const local = (of: Int32Array) => {
    const moved = of.slice(from, to + 1)
    moved[0] = first
    for (let at = 0; at < moved.length; at++) moved[at]! -= first
    return moved
  }
  const { knownUs, eventUs, supersededUs } = stretch
  const of = { rows: undefined, starts: local(starts), ends: local(ends), knownUs }
  return new OrderedEvents(of, () => eventUs, supersededUs)
}

/** Gives the place of an asked entity among the keys, from 1; 0: it has no events. */
async function placesOf(
  engine: Engine,
  keys: EntityKeys,
  kind: Entities,
): Promise<(entity: number) => number> {
  const { numbers } = kind
  if (numbers && keys instanceof Float64Array) {
    let at = 0
    // Both ascend, and so do the entities that are asked for.
    return entity => {
      const number = numbers[entity - 1]!
      while (at < keys.length && keys[at]! < number) at++
      return keys[at] === number ? at + 1 : 0
    }
  }
  const asked = await keyTexts(engine, kind)
  const lists = keys instanceof Float64Array ? [Array.from(keys, String)] : keys
  const places = new Map<string, number>()
  const textOf = (all: readonly (readonly string[])[], at: number) =>
    all.length === 1 ? all[0]![at]! : JSON.stringify(all.map(texts => texts[at]))
  for (let at = 0; at < (lists[0]?.length ?? 0); at++) places.set(textOf(lists, at), at + 1)
  return entity => places.get(textOf(asked, entity - 1)) ?? 0
}
