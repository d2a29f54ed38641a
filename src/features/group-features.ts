import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { type Engine, readExpression } from '../engine/index.ts'
import type { FeatureGroupSpec, LatestFeature, WindowFeature } from '../spec/index.ts'
import { AskingRows } from './asking-rows.ts'
import { defineTexts, type Texts } from './category.ts'
import { ColumnMemory } from './column-memory.ts'
import { areTogether, readSuperseded, supersededTogether, versionsOf } from './corrections.ts'
import {
  countWithoutEntity,
  defineEntities,
  type Entities,
  type EntityColumns,
  type EntityRange,
} from './entities.ts'
import { type ArrivedEvents, readEvents, type ValueColumn, valueColumn } from './events.ts'
import { type GroupRows, openGroupRows } from './group-rows.ts'
import { type KeptIn, keptKey, keyTexts, keyTextsMax, openKept, writeKept } from './kept-events.ts'
import { eventsOfAsked, type FillRange, walkKept } from './kept-walk.ts'
import { fillLatest, type WantedLatest } from './latest.ts'
import { type OrderedEvents, orderEvents } from './ordered-events.ts'
import { divideEntities, sliceAsks } from './passes.ts'
import { groupAsks, sweepWindows, type WantedWindow } from './sweep.ts'
import { gathered } from './time-order.ts'
import type { OpenSource } from './view-rows.ts'
import type { EntityAsks } from './window-bounds.ts'

/** One feature of a group that the asking rows want, and where it is written, by their place. */
export interface Wanted {
  readonly feature: WindowFeature | LatestFeature
  readonly on?: Readonly<Record<string, string>> | undefined
  /** Whether the value is text: then its place among the texts is written. */
  readonly text?: boolean
  readonly into: Float32Array | Float64Array
}

export interface FilledGroup {
  /** Sorted texts by the SQL of their value. */
  readonly texts: ReadonlyMap<string, readonly string[]>
  /** Rows of the group that belong to nobody, because an entity column is null. */
  readonly rowsWithoutEntity: number
}

/** Where fewer rows ask, most of the group's entities are asked for by nobody. */
const rowsPerAskMax = 100

export interface HowFilled {
  /** About how many rows of a group are held at a time; the result is the same with any number. */
  readonly rowsAtOnce?: number | undefined
  /** In which they are held; it is released. */
  readonly memory?: ColumnMemory
}

/** Fills all wanted features of one group. */
export async function fillGroup(
  engine: Engine,
  group: FeatureGroupSpec,
  source: OpenSource,
  asking: AskingRows,
  wanted: readonly Wanted[],
  { rowsAtOnce, memory = new ColumnMemory() }: HowFilled = {},
): Promise<FilledGroup> {
  const rows = await openGroupRows(engine, group, source)
  const kinds = await defineEntities(engine, rows, asking, kindsOf(wanted))
  const { values, texts } = await valuesOf(engine, group, rows, wanted)
  const joins = [...texts.values()].map(text => text.join)
  const filling = { engine, group, source, rows, wanted, asking, values, joins, memory }
  const readsAll = asking.asOfUs.length * rowsPerAskMax >= rows.rows
  const passes = await divideEntities(engine, rows, kinds, rowsAtOnce)
  const textsOf = new Map([...texts].map(([of, { texts: list }]) => [of, list]))
  if (readsAll && group.sql === undefined && source.kept) {
    const how = { isMade: passes.length === 1, rowsAtOnce }
    const rowsWithoutEntity = await fillFromKept(filling, kinds, source.kept, how)
    if (rowsWithoutEntity !== undefined) return { texts: textsOf, rowsWithoutEntity }
  }
  const isOwn = group.sql === undefined && group.source === asking.relation.name
  // Rows of the view that are the group's own rows are read once, as events and as those who ask.
  const own = isOwn && kinds.every(kind => Object.keys(kind.on ?? {}).length === 0)
  const readsAsks = !own || passes.length > 1
  const span = readsAsks ? spanOf(group, asking.asOfUs, wanted) : undefined
  for (const pass of passes) {
    const query = { group, rows, kinds: pass.kinds, range: pass.range, values, joins, span }
    const arrived = await readEvents(engine, { ...query, readsAll }, memory)
    await fillPass(filling, arrived, pass, readsAsks)
    memory.release()
  }
  return {
    texts: textsOf,
    rowsWithoutEntity: await countOfNobody(engine, rows, kinds),
  }
}

async function countOfNobody(engine: Engine, rows: GroupRows, kinds: readonly EntityColumns[]) {
  const bys = Map.groupBy(kinds, kind => JSON.stringify(kind.by))
  let count = 0
  for (const [kind] of bys.values()) count += await countWithoutEntity(engine, rows.from, kind!.by)
  return count
}

interface Filling {
  readonly engine: Engine
  readonly group: FeatureGroupSpec
  readonly source: OpenSource
  readonly rows: GroupRows
  readonly wanted: readonly Wanted[]
  readonly asking: AskingRows
  readonly values: readonly ValueColumn[]
  /** Joins that the values need. */
  readonly joins: readonly string[]
  readonly memory: ColumnMemory
}

async function fillPass(
  filling: Filling,
  arrived: ArrivedEvents,
  pass: { readonly kinds: readonly Entities[]; readonly range: EntityRange | undefined },
  readsAsks: boolean,
): Promise<void> {
  const { asking, rows, memory } = filling
  for (const [index, kind] of pass.kinds.entries()) {
    const { from, to } = pass.range ?? { from: 0, to: kind.count }
    const ids = must(arrived.entities[index], 'every kind was read')
    const local = from === 0 ? ids : ids.map(entity => entity - from)
    const all = readsAsks
      ? await kind.asks()
      : groupAsks(asking.asOfUs, asking.inPlaces(byRow(arrived, ids, rows.rows)), kind.count)
    const asks = pass.range ? sliceAsks(all, pass.range) : all
    const ordered = orderEvents(arrived, local, to - from, memory)
    const supersededUs = await supersededOf(filling, arrived, ordered, kind.by)
    const events = supersededUs ? ordered.withSuperseded(supersededUs) : ordered
    await fillKind(filling, kind, events, arrived.values, asks)
  }
}

/** From when on each event does not count any more; undefined: all count for ever. */
async function supersededOf(
  { engine, group, source, rows }: Filling,
  arrived: ArrivedEvents,
  ordered: OrderedEvents,
  by: readonly string[],
): Promise<Float64Array | undefined> {
  const versions = versionsOf(group, source.spec)
  if (versions === undefined) return undefined
  if (areTogether(versions, group, by)) return supersededTogether(ordered)
  const byRowNumber = await readSuperseded(engine, group, rows, versions)
  const taken = byRowNumber && Float64Array.from(arrived.rows, row => byRowNumber[row]!)
  return taken && ordered.rows ? gathered(taken, ordered.rows) : taken
}

async function fillKind(
  { group, source, wanted }: Filling,
  kind: Entities,
  events: OrderedEvents,
  values: ReadonlyMap<string, Float64Array>,
  asks: EntityAsks,
): Promise<void> {
  const windows: WantedWindow[] = []
  const latest: WantedLatest[] = []
  for (const one of wanted) {
    const { feature, into, text = false } = one
    if (kindText(one) !== kindText({ feature: kind, on: kind.on })) continue
    if ('stat' in feature) windows.push({ feature, into })
    else latest.push({ feature, into, value: valueName(feature.of, text) })
  }
  await sweepWindows(events, values, asks, windows)
  if (latest.length === 0) return
  const versions = versionsOf(group, source.spec)
  const moved = versions !== undefined && versions.eventTime !== group.eventTime
  fillLatest(events, values, asks, latest, moved)
}

/**
 * Fills from events that are kept, which are made for those who ask the second time where they fit
 * in memory. Gives the rows that belong to nobody; undefined when not all could be filled.
 */
async function fillFromKept(
  filling: Filling,
  kinds: readonly Entities[],
  kept: KeptIn,
  { isMade, rowsAtOnce }: { readonly isMade: boolean; readonly rowsAtOnce: number | undefined },
): Promise<number | undefined> {
  const { engine, group, source, values, memory } = filling
  const withoutEntity = new Map<string, number>()
  let isFilled = true
  for (const kind of kinds) {
    const key = keptKey(group, source.spec, kept.snapshot, kind.by, values)
    let found = await openKept(kept, key, values)
    if (!found && isMade && (await kept.derived.isWantedAgain(key))) {
      await makeKept(filling, kind.by, kept, key)
      found = await openKept(kept, key, values)
    }
    await using _open = found
    const asked = found && (await eventsOfAsked(engine, found, kind))
    if (found && asked) {
      withoutEntity.set(JSON.stringify(kind.by), found.rowsWithoutEntity)
      const asks = await kind.asks()
      const fill: FillRange = (events, columns, range) =>
        fillKind(filling, kind, events, columns, sliceAsks(asks, range))
      await walkKept(found, asked, { memory, rowsAtOnce }, fill)
    } else isFilled = false
    memory.release()
  }
  return isFilled ? [...withoutEntity.values()].reduce((sum, rows) => sum + rows, 0) : undefined
}

/** Reads all rows, of whatever time, by all entities that they have. */
async function makeKept(
  filling: Filling,
  by: readonly string[],
  kept: KeptIn,
  key: Digest,
): Promise<void> {
  const { engine, group, rows, values, joins, memory } = filling
  const all = new AskingRows(rows, new Float64Array(0), { tables: 'muster all entities' })
  const [kind] = await defineEntities(engine, rows, all, [{ by }])
  if (!kind!.numbers && kind!.count > keyTextsMax) return
  const query = { group, rows, kinds: [kind!], values, joins, readsAll: true }
  const whole = { ...query, range: undefined, span: undefined }
  const arrived = await readEvents(engine, whole, memory)
  const ordered = orderEvents(arrived, arrived.entities[0]!, kind!.count, memory)
  const supersededUs = await supersededOf(filling, arrived, ordered, by)
  const made = {
    keys: kind!.numbers ?? (await keyTexts(engine, kind!)),
    events: supersededUs ? ordered.withSuperseded(supersededUs) : ordered,
    values: arrived.values,
    rowsWithoutEntity: await countWithoutEntity(engine, rows.from, by),
  }
  await writeKept(kept, key, made, memory)
  memory.release()
}

function kindsOf(wanted: readonly Wanted[]): readonly EntityColumns[] {
  const kinds = new Map<string, EntityColumns>()
  for (const one of wanted) {
    const key = kindText(one)
    if (!kinds.has(key)) kinds.set(key, { by: one.feature.by, on: one.on })
  }
  return [...kinds.values()]
}

/** Equal for features of one kind of entity. */
function kindText({ feature, on }: { feature: { by: readonly string[] }; on?: Wanted['on'] }) {
  return JSON.stringify(feature.by.map(column => [column, on?.[column] ?? null]))
}

function valueName(of: string, text: boolean): string {
  return text ? `text ${of}` : of
}

async function valuesOf(
  engine: Engine,
  group: FeatureGroupSpec,
  rows: GroupRows,
  wanted: readonly Wanted[],
): Promise<{ values: readonly ValueColumn[]; texts: ReadonlyMap<string, Texts> }> {
  const values: ValueColumn[] = []
  const texts = new Map<string, Texts>()
  const numbers = wanted.filter(({ text }) => text !== true)
  for (const [of, features] of Map.groupBy(numbers, ({ feature }) => feature.of)) {
    const counted = features.every(({ feature }) => 'stat' in feature && feature.stat === 'count')
    values.push(await valueColumn(engine, rows, of, counted))
  }
  for (const { feature, text } of wanted) {
    if (text !== true || texts.has(feature.of)) continue
    await readExpression(engine, rows.relation, feature.of)
    const name = `${group.name} ${texts.size}`
    const all = { from: rows.from, where: 'true' }
    const found = await defineTexts(engine, name, all, feature.of)
    texts.set(feature.of, found)
    values.push({ name: valueName(feature.of, true), sql: found.code })
  }
  return { values, texts }
}

/** Moments outside of which no row of the group can count for any of the asking rows. */
function spanOf(
  group: FeatureGroupSpec,
  asOfUs: Float64Array,
  wanted: readonly Wanted[],
): { fromUs: number; toUs: number } {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (let ask = 0; ask < asOfUs.length; ask++) {
    const asOf = asOfUs[ask]!
    if (asOf < least) least = asOf
    if (asOf > most) most = asOf
  }
  const reachMs = Math.max(...wanted.map(({ feature }) => reachOf(group, feature)))
  return { fromUs: least - reachMs * 1_000, toUs: most }
}

/** How long before the as-of time a row may have happened that still counts, in milliseconds. */
function reachOf(group: FeatureGroupSpec, feature: WindowFeature | LatestFeature): number {
  if (!('stat' in feature)) return feature.ttlMs ?? Number.POSITIVE_INFINITY
  // A window slides over known-at, and a row may have become known long after it happened.
  const known = group.knownAt === group.eventTime
  return known && feature.over.kind === 'time' ? feature.over.ms : Number.POSITIVE_INFINITY
}

function byRow(arrived: ArrivedEvents, entities: Int32Array, rows: number): Int32Array {
  const into = new Int32Array(rows)
  for (let at = 0; at < arrived.count; at++) into[arrived.rows[at]!] = entities[at]!
  return into
}
