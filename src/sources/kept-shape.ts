import { Recent } from '../base/recent.ts'
import {
  type Column,
  DataFault,
  type Engine,
  faultAt,
  isTime,
  openEngine,
  openWriter,
  quoted,
  readExpression,
} from '../engine/index.ts'
import type { PartitionSpan, SourceSpec } from '../spec/index.ts'
import { columnsOfParquet } from './partitions.ts'
import { declaredTypes } from './snapshot.ts'

/** What rows of a source that Muster keeps look like. */
export interface KeptShape {
  readonly source: string
  /** As rows bring them: without number and known-at time. */
  readonly columns: readonly Column[]
  /** The column of event time. */
  readonly eventTime: string
  readonly key: readonly string[]
  /** Span of event time that one file holds. */
  readonly span: PartitionSpan
}

/** Of a table that is read by a cursor: nobody says how much comes in a day. */
const spanDefault: PartitionSpan = 'month'

const shapesSeen = new Recent<KeptShape>(1_000)

/**
 * The shape that a source declares, or that `found` columns give one that declares none. Throws a
 * DataFault: E_DATA_SCHEMA, or what the SQL of `eventTime` deserves.
 */
export async function keptShape(
  source: SourceSpec,
  scratch: string,
  found: readonly Column[] = [],
): Promise<KeptShape> {
  const seenAs = JSON.stringify([source, found])
  const before = shapesSeen.get(seenAs)
  if (before !== undefined) return before
  await using engine = await openEngine({ allowedPaths: [] })
  const declared = await declaredTypes(engine, source)
  const typed = Object.entries(declared).map(([name, type]) => ({ name, type }))
  const columns = typed.length > 0 ? typed : found
  checkColumns(source, columns)
  await checkTypes(source, columns, scratch)
  const eventTime = await eventColumn(engine, source, columns)
  const { name, key, location } = source
  const span = 'push' in location ? location.push.partition : spanDefault
  const shape = { source: name, columns, eventTime, key, span }
  shapesSeen.set(seenAs, shape)
  return shape
}

function fault(
  { name }: SourceSpec,
  path: readonly (string | number)[],
  detail: string,
  hint?: string,
): DataFault {
  return new DataFault({ kind: 'Source', name, path }, 'E_DATA_SCHEMA', detail, { hint })
}

function checkColumns(source: SourceSpec, columns: readonly Column[]): void {
  if (columns.length === 0) {
    const hint = 'say what rows look like: columns: {station: VARCHAR, at: TIMESTAMP}'
    throw fault(source, [], `\`${source.name}\` declares no columns`, hint)
  }
  const own = columns.find(c => c.name.toLowerCase().startsWith('muster '))
  if (own !== undefined) {
    const hint = 'names that begin with "muster " are kept for Muster: rename the column'
    throw fault(source, ['columns', own.name], `the rows have a column \`${own.name}\``, hint)
  }
  const names = new Set(columns.map(c => c.name))
  const missing = source.key.findIndex(name => !names.has(name))
  if (missing < 0) return
  throw fault(source, ['key', missing], `\`${source.key[missing]}\` is not a column of the rows`)
}

/** Each type has to come back from a Parquet file as it went in; HUGEINT, say, would not. */
async function checkTypes(
  source: SourceSpec,
  columns: readonly Column[],
  scratch: string,
): Promise<void> {
  await using writer = await openWriter({ allowedPaths: [], scratch })
  const nulls = columns.map(c => `cast(null as ${c.type}) as ${quoted(c.name)}`).join(', ')
  const path = await writer.parquet(`select ${nulls}`, 'types.parquet')
  const kept = new Map((await columnsOfParquet(writer, path)).map(c => [c.name, c.type]))
  const lost = columns.find(c => kept.get(c.name) !== c.type)
  if (lost === undefined) return
  const back = kept.get(lost.name)
  const detail = `${lost.type} cannot be kept: it would come back as ${back}`
  throw fault(source, ['columns', lost.name], detail, `declare ${back}`)
}

/** Files are parted and sorted by it, so it is a column and not what becomes of one. */
async function eventColumn(
  engine: Engine,
  source: SourceSpec,
  columns: readonly Column[],
): Promise<string> {
  const place = { kind: 'Source', name: source.name, path: ['eventTime'] } as const
  const hint = 'name the column of event time, of type TIMESTAMP or DATE'
  const { name, eventTime } = source
  if (eventTime === undefined) throw fault(source, [], `\`${name}\` has no \`eventTime\``, hint)
  try {
    const nulls = columns.map(c => `cast(null as ${c.type}) as ${quoted(c.name)}`).join(', ')
    await engine.define(`create temp view ${quoted(name)} as select ${nulls}`)
    const read = await readExpression(engine, { name, columns }, eventTime)
    const column = read.columns[0] ?? ''
    if (eventTime.toLowerCase() !== column.toLowerCase() && eventTime !== quoted(column)) {
      throw fault(source, ['eventTime'], `\`${eventTime}\` is not a column of the rows`, hint)
    }
    if (!isTime(read.type)) {
      throw fault(source, ['eventTime'], `\`${eventTime}\` is ${read.type}, not a time`, hint)
    }
    return column
  } catch (error) {
    throw faultAt(place, error)
  }
}
