import { faultAt, quoted } from '../engine/index.ts'
import type { Blobs } from '../fleet/index.ts'
import { isKept, type SourceSpec } from '../spec/index.ts'
import type { Connections } from './connections.ts'
import { postgresAt } from './declared-at.ts'
import { openSession, type PostgresSession, postgresOf } from './postgres-session.ts'
import { duckColumns } from './postgres-types.ts'
import { type TextRow, type WrittenRows, writeTextRows } from './text-rows.ts'

/*
 * A table or query of a database of others, left where it is. It is read whole and as of one
 * moment, and ordered here, by all columns: neither the plan that the server chose nor its
 * collation makes another snapshot of the same rows.
 */

/** Throws a DataFault: E_SOURCE, E_DATA_SCHEMA, E_SQL_FORBIDDEN, E_SQL_TIMEOUT. */
export async function readTable(
  source: SourceSpec,
  connections: Connections,
  blobs: Blobs,
): Promise<WrittenRows> {
  try {
    await using session = await openSession(source, connections)
    return await session.transaction('repeatable read', () =>
      copyRows(session, source, { where: '', values: [] }, blobs),
    )
  } catch (error) {
    throw faultAt(tableAt(source), error)
  }
}

export interface RowsAsked {
  /** Of PostgreSQL, over `q`; empty for all rows. */
  readonly where: string
  readonly values: readonly string[]
  /** The column that orders them first. */
  readonly cursor?: string
  /** Whether a row is taken; its values are in the order of the columns. */
  readonly takes?: (row: TextRow) => boolean
}

/** In a transaction of the session. */
export async function copyRows(
  session: PostgresSession,
  source: SourceSpec,
  asked: RowsAsked,
  blobs: Blobs,
): Promise<WrittenRows> {
  const select = selectOf(source)
  const columns = await duckColumns(session, await session.describe(select))
  const names = columns.map(c => c.name)
  const order = asked.cursor === undefined ? names : [asked.cursor, ...names]
  return writeTextRows(columns, blobs.scratch, order, add =>
    session.stream(`${select} ${asked.where}`, asked.values, rows => {
      for (const row of rows) if (asked.takes?.(row) ?? true) add(row)
    }),
  )
}

/**
 * The declared rows as one SELECT. A query stands on lines of its own, so that a comment at its end
 * ends there; inside a FROM no statement but a SELECT is one.
 */
export function selectOf(source: SourceSpec, what = columnsOf(source)): string {
  const { table, query } = postgresOf(source)
  if (query !== undefined) return `select ${what} from (\n${query.replace(/;\s*$/, '')}\n) as q`
  return `select ${what} from ${table!.split('.').map(quoted).join('.')} as q`
}

/** Rows that are kept have the same columns for ever, whatever columns a table is given later. */
function columnsOf(source: SourceSpec): string {
  const declared = isKept(source) ? Object.keys(source.columns) : []
  return declared.length === 0 ? '*' : declared.map(name => `q.${quoted(name)}`).join(', ')
}

export function tableAt(source: SourceSpec) {
  return postgresAt(source, postgresOf(source).query === undefined ? 'table' : 'query')
}
