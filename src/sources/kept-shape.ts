import { type Column, DataFault, isTime, openEngine, openWriter, quoted } from '../engine/index.ts'
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

const shapesSeen = new Map<string, KeptShape>()

/**
 * The shape that a source declares, or that `found` columns give one that declares none. Throws a
 * DataFault E_DATA_SCHEMA.
 */
export async function keptShape(
  source: SourceSpec,
  scratch: string,
  found: readonly Column[] = [],
): Promise<KeptShape> {
  const seenAs = JSON.stringify([source, found])
  const before = shapesSeen.get(seenAs)
  if (before !== undefined) return before
  const declared = await typesOf(source, scratch)
  const columns = declared.length > 0 ? declared : found
  checkOwnNames(source, columns)
  const names = new Set(columns.map(c => c.name))
  const eventTime = unquoted(source.eventTime ?? '')
  const type = columns.find(c => c.name === eventTime)?.type
  if (type === undefined || !isTime(type)) {
    const what =
      type === undefined
        ? `\`${source.eventTime ?? ''}\` is not a column of the rows`
        : `\`${eventTime}\` is ${type}, not a time`
    throw new DataFault(
      { kind: 'Source', name: source.name, path: ['eventTime'] },
      'E_DATA_SCHEMA',
      what,
      {
        hint: 'rows are kept by a column of event time: declare it under `columns` as TIMESTAMP or DATE',
      },
    )
  }
  const missing = source.key.find(name => !names.has(name))
  if (missing !== undefined) {
    throw new DataFault(
      { kind: 'Source', name: source.name, path: ['key'] },
      'E_DATA_SCHEMA',
      `\`${missing}\` is not a column of the rows`,
    )
  }
  const { location } = source
  const span = 'push' in location ? location.push.partition : spanDefault
  const shape = { source: source.name, columns, eventTime, key: source.key, span }
  shapesSeen.set(seenAs, shape)
  return shape
}

function checkOwnNames({ name }: SourceSpec, columns: readonly Column[]): void {
  const own = columns.find(c => c.name.toLowerCase().startsWith('muster '))
  if (own === undefined) return
  throw new DataFault(
    { kind: 'Source', name, path: ['columns', own.name] },
    'E_DATA_SCHEMA',
    `the rows have a column \`${own.name}\``,
    { hint: 'names that begin with "muster " are kept for Muster: rename the column' },
  )
}

/** A name as SQL writes it, quoted or not. */
function unquoted(expression: string): string {
  const inside = /^"((?:[^"]|"")+)"$/.exec(expression)?.[1]
  return inside === undefined ? expression : inside.replaceAll('""', '"')
}

/** Declared types, each as it comes back from a Parquet file; HUGEINT, say, would not. */
async function typesOf(source: SourceSpec, scratch: string): Promise<readonly Column[]> {
  await using engine = await openEngine({ allowedPaths: [] })
  const types = await declaredTypes(engine, source)
  const columns = Object.entries(types).map(([name, type]) => ({ name, type }))
  if (columns.length === 0) return []
  await using writer = await openWriter({ allowedPaths: [], scratch })
  const nulls = columns.map(c => `cast(null as ${c.type}) as ${quoted(c.name)}`).join(', ')
  const path = await writer.parquet(`select ${nulls}`, 'types.parquet')
  const kept = new Map((await columnsOfParquet(writer, path)).map(c => [c.name, c.type]))
  const lost = columns.find(c => kept.get(c.name) !== c.type)
  if (lost === undefined) return columns
  throw new DataFault(
    { kind: 'Source', name: source.name, path: ['columns', lost.name] },
    'E_DATA_SCHEMA',
    `${lost.type} cannot be kept: it would come back as ${kept.get(lost.name)}`,
    { hint: `declare ${kept.get(lost.name)}` },
  )
}
