import { type Digest, digestOfValue } from '../base/digest.ts'
import { type Engine, quoted } from '../engine/index.ts'
import type { Derived, Snapshot } from '../fleet/index.ts'
import type { FeatureGroupSpec, SourceSpec } from '../spec/index.ts'
import type { ColumnMemory } from './column-memory.ts'
import type { Entities } from './entities.ts'
import type { ValueColumn } from './events.ts'
import { OrderedEvents } from './ordered-events.ts'
import { gathered } from './time-order.ts'

/*
 * The events of one snapshot of a group by one kind of entity, in order, as arrays: what is left
 * to do for a join is to walk them beside those who ask. To decode the same files and to sort the
 * same rows again is most of a join. They hold all entities and all times, and follow from the
 * snapshot and the declaration alone, so no answer depends on whether they are there.
 */

export interface KeptEvents {
  /** The values that tell entities apart: numbers that ascend, or texts, a list for each column. */
  readonly keys: Float64Array | readonly (readonly string[])[]
  /** By place among the keys, from 1. */
  readonly events: OrderedEvents
  readonly values: ReadonlyMap<string, Float64Array>
  /** Rows that belong to nobody, because a column of the entity is null. */
  readonly rowsWithoutEntity: number
}

/** Where the events of a snapshot are kept. */
export interface KeptIn {
  readonly derived: Derived
  readonly snapshot: Snapshot
}

/** Of the bytes, and of what they mean: raised when either changes. */
const form = 1

export function keptKey(
  group: FeatureGroupSpec,
  { key, eventTime }: SourceSpec,
  snapshot: Snapshot,
  by: readonly string[],
  values: readonly ValueColumn[],
): Digest {
  const times = [group.eventTime, group.knownAt]
  const what = { by, times, key, moment: eventTime ?? null, values }
  return digestOfValue({ form, snapshot: snapshot.id, ...what })
}

/** What stands before the arrays. */
interface Head {
  readonly entities: number
  readonly events: number
  /** Of keys that are no numbers. */
  readonly texts: readonly (readonly string[])[] | null
  readonly isKnownAtOnce: boolean
  readonly isSuperseded: boolean
  readonly rowsWithoutEntity: number
}

/** In bytes, of the length of the head, and what the head is filled up to. */
const alignment = 8

/** Writes the rows that have an entity and a time. */
export async function writeKept(
  { derived, snapshot }: KeptIn,
  key: Digest,
  { keys, events, values, rowsWithoutEntity }: KeptEvents,
): Promise<void> {
  const [first, { rows, knownUs, eventUs, supersededUs }] = [events.starts[1] ?? 0, events]
  const counted = <Values extends Float64Array | Int32Array>(all: Values) => all.subarray(first)
  const isText = !(keys instanceof Float64Array)
  const head: Head = {
    entities: events.ends.length - 1,
    events: knownUs.length - first,
    texts: isText ? keys : null,
    isKnownAtOnce: eventUs === knownUs,
    isSuperseded: supersededUs !== undefined,
    rowsWithoutEntity,
  }
  const text = Buffer.from(JSON.stringify(head))
  const length = Math.ceil(text.length / alignment) * alignment
  const begin = Buffer.alloc(alignment + length, ' ')
  begin.writeDoubleLE(length, 0)
  text.copy(begin, alignment)
  const ordered = [...values.values()].map(all =>
    rows ? gathered(all, rows.subarray(first)) : counted(all),
  )
  const parts = [
    ...(isText ? [] : [keys]),
    counted(knownUs),
    ...(head.isKnownAtOnce ? [] : [counted(eventUs)]),
    ...(supersededUs ? [counted(supersededUs)] : []),
    ...ordered,
    events.starts.map(start => start - first).subarray(1),
  ]
  const files = snapshot.files.map(file => file.digest)
  const from = snapshot.setAside ? [...files, snapshot.setAside.digest] : files
  await derived.write(key, from, [begin, ...parts.map(bytesOf)])
}

function bytesOf(values: Float64Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

export async function readKept(
  { derived }: KeptIn,
  key: Digest,
  values: readonly ValueColumn[],
  memory: ColumnMemory,
): Promise<KeptEvents | undefined> {
  const bytes = await derived.read(key, sizeBytes => memory.take(sizeBytes))
  if (bytes === undefined) return undefined
  const { buffer } = bytes
  const length = Buffer.from(buffer, 0, alignment).readDoubleLE(0)
  const head = JSON.parse(Buffer.from(buffer, alignment, length).toString('utf8')) as Head
  let at = alignment + length
  const next = (count: number): Float64Array => {
    const found = new Float64Array(buffer, at, count)
    at += found.byteLength
    return found
  }
  const keys = head.texts ?? next(head.entities)
  const knownUs = next(head.events)
  const eventUs = head.isKnownAtOnce ? knownUs : next(head.events)
  const supersededUs = head.isSuperseded ? next(head.events) : undefined
  const columns = values.map(({ name }) => [name, next(head.events)] as const)
  // Of entity 0, "none", there are no events.
  const ends = new Int32Array(buffer, at, head.entities + 1)
  const starts = new Int32Array(head.entities + 1)
  starts.set(ends.subarray(0, -1), 1)
  const of = { rows: undefined, starts, ends, knownUs }
  return {
    keys,
    events: new OrderedEvents(of, () => eventUs, supersededUs),
    values: new Map(columns),
    rowsWithoutEntity: head.rowsWithoutEntity,
  }
}

/** Texts are objects one by one; more of them cost what they are to spare. */
export const keyTextsMax = 1_000_000

/** Texts of the entities of a kind, a list for each column. */
export async function keyTexts(
  engine: Engine,
  { define, by }: Entities,
): Promise<readonly (readonly string[])[]> {
  const names = by.map((_, b) => quoted(`muster by ${b}`))
  const rows = await engine.rows<Record<string, string>>(
    `select ${names.map((name, b) => `cast(${name} as varchar) as k${b}`).join(', ')}
     from ${quoted(await define(engine))} order by "muster entity"`,
  )
  return by.map((_, b) => rows.map(row => row[`k${b}`]!))
}

/**
 * The events by the entities that are asked for. Undefined when those stand in another order, which
 * a text and a number do: windows rely on it.
 */
export async function eventsOfAsked(
  engine: Engine,
  { keys, events }: KeptEvents,
  kind: Entities,
): Promise<OrderedEvents | undefined> {
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
      end = events.ends[place]!
    }
    starts[entity] = place > 0 ? events.starts[place]! : end
    ends[entity] = end
  }
  const of = { rows: events.rows, starts, ends, knownUs: events.knownUs }
  return new OrderedEvents(of, () => events.eventUs, events.supersededUs)
}

/** Gives the place of an asked entity among the keys, from 1; 0: it has no events. */
async function placesOf(
  engine: Engine,
  keys: KeptEvents['keys'],
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
