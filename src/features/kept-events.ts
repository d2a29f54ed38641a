import { type Digest, digestOfValue } from '../base/digest.ts'
import { type Engine, quoted } from '../engine/index.ts'
import type { Derived, DerivedBytes, Snapshot } from '../fleet/index.ts'
import type { FeatureGroupSpec, SourceSpec } from '../spec/index.ts'
import type { ColumnMemory } from './column-memory.ts'
import type { Entities } from './entities.ts'
import type { ValueColumn } from './events.ts'
import type { OrderedEvents } from './ordered-events.ts'
import { gathered } from './time-order.ts'

/*
 * The events of one snapshot of a group by one kind of entity, in order, as columns of a file: what
 * is left to do for a join is to walk them beside those who ask, a stretch of them at a time. To
 * decode the same files and to sort the same rows again is most of a join. They hold all entities
 * and all times, and follow from the snapshot and the declaration alone, so no answer depends on
 * whether they are there.
 */

/** The values that tell entities apart: numbers that ascend, or texts, a list for each column. */
export type EntityKeys = Float64Array | readonly (readonly string[])[]

/** What is kept. */
export interface MadeEvents {
  readonly keys: EntityKeys
  /** By place among the keys, from 1. */
  readonly events: OrderedEvents
  readonly values: ReadonlyMap<string, Float64Array>
  /** Rows that belong to nobody, because a column of the entity is null. */
  readonly rowsWithoutEntity: number
}

/** Some events, one behind the other, in order. */
export interface EventStretch {
  readonly knownUs: Float64Array
  readonly eventUs: Float64Array
  readonly supersededUs: Float64Array | undefined
  readonly values: ReadonlyMap<string, Float64Array>
}

/** An open file of them. */
export interface KeptEvents
  extends AsyncDisposable,
    Pick<MadeEvents, 'keys' | 'rowsWithoutEntity'> {
  /** Where the events of each place among the keys end; from 1, and 0 for none. */
  readonly ends: Int32Array
  /** What an event takes in memory. */
  readonly eventBytes: number
  /** Reads events [from, to) into the memory. */
  stretch(from: number, to: number, into: ArrayBuffer): Promise<EventStretch>
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
/** Of a time or a value: a double. */
const bytesEach = 8
/** Of where the events of an entity end. */
const placeBytes = 4

/** Writes the rows that have an entity and a time. */
export async function writeKept(
  { derived, snapshot }: KeptIn,
  key: Digest,
  { keys, events, values, rowsWithoutEntity }: MadeEvents,
  memory: ColumnMemory,
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
  const count = knownUs.length - first
  // Values take turns in the memory of one.
  const turn = rows && memory.column(Float64Array, count)
  function* parts() {
    yield begin
    if (!isText) yield bytesOf(keys)
    yield bytesOf(counted(knownUs))
    if (!head.isKnownAtOnce) yield bytesOf(counted(eventUs))
    if (supersededUs) yield bytesOf(counted(supersededUs))
    for (const all of values.values()) {
      yield bytesOf(rows ? gathered(all, rows.subarray(first), turn) : counted(all))
    }
    // Behind columns of eight bytes each; of entity 0, "none", there are no events.
    yield bytesOf(events.starts.map(start => start - first).subarray(1))
  }
  const columns = 1 + (head.isKnownAtOnce ? 0 : 1) + (supersededUs ? 1 : 0) + values.size
  const keyBytes = (isText ? 0 : keys.byteLength) + (events.starts.length - 1) * placeBytes
  const files = snapshot.files.map(file => file.digest)
  const from = snapshot.setAside ? [...files, snapshot.setAside.digest] : files
  await derived.write(key, from, parts(), begin.length + keyBytes + columns * count * bytesEach)
}

function bytesOf(values: Float64Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

export async function openKept(
  { derived }: KeptIn,
  key: Digest,
  values: readonly ValueColumn[],
): Promise<KeptEvents | undefined> {
  const bytes = await derived.open(key)
  if (bytes === undefined) return undefined
  const { head, length } = await readHead(bytes)
  const keysAt = alignment + length
  const firstAt = keysAt + (head.texts ? 0 : head.entities * bytesEach)
  const names = values.map(({ name }) => name)
  const times = 1 + (head.isKnownAtOnce ? 0 : 1) + (head.isSuperseded ? 1 : 0)
  const count = times + names.length
  const numbers = new Float64Array(head.texts ? 0 : head.entities)
  await bytes.read(bytesOf(numbers), keysAt)
  const ends = new Int32Array(head.entities + 1)
  await bytes.read(bytesOf(ends), firstAt + count * head.events * bytesEach)
  return {
    keys: head.texts ?? numbers,
    rowsWithoutEntity: head.rowsWithoutEntity,
    ends,
    eventBytes: count * bytesEach,
    async stretch(from, to, into) {
      const columns = Array.from(
        { length: count },
        (_, c) => new Float64Array(into, c * (to - from) * bytesEach, to - from),
      )
      const placeOf = (c: number) => firstAt + (c * head.events + from) * bytesEach
      await Promise.all(columns.map((column, c) => bytes.read(bytesOf(column), placeOf(c))))
      const [knownUs] = columns
      return {
        knownUs: knownUs!,
        eventUs: head.isKnownAtOnce ? knownUs! : columns[1]!,
        supersededUs: head.isSuperseded ? columns[times - 1] : undefined,
        values: new Map(names.map((name, n) => [name, columns[times + n]!])),
      }
    },
    [Symbol.asyncDispose]: () => bytes[Symbol.asyncDispose](),
  }
}

async function readHead(bytes: DerivedBytes): Promise<{ head: Head; length: number }> {
  const begin = Buffer.alloc(alignment)
  await bytes.read(begin, 0)
  const length = begin.readDoubleLE(0)
  const text = Buffer.alloc(length)
  await bytes.read(text, alignment)
  return { head: JSON.parse(text.toString('utf8')) as Head, length }
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
