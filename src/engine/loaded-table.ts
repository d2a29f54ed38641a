import { setImmediate } from 'node:timers/promises'
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api'
import { quoted } from './sql-text.ts'

/** A column of values that a caller holds; null is null. */
export type LoadedColumn = { readonly name: string } & (
  | { readonly type: 'VARCHAR'; readonly values: readonly (string | null)[] }
  | { readonly type: 'BOOLEAN'; readonly values: readonly (boolean | null)[] }
  | { readonly type: 'BIGINT'; readonly values: readonly (bigint | null)[] }
  | { readonly type: 'DOUBLE' | 'INTEGER'; readonly values: readonly (number | null)[] }
)

const types = { BIGINT, BOOLEAN, DOUBLE, INTEGER, VARCHAR } as const

/** What DuckDB calls a vector: no chunk holds more. */
const chunkRows = 2_048

/** Makes a temporary table of columns of `rows` values. No SQL is made of a value. */
export async function loadTable(
  connection: DuckDBConnection,
  name: string,
  columns: readonly LoadedColumn[],
  rows: number,
): Promise<void> {
  const list = columns.map(column => `${quoted(column.name)} ${column.type}`)
  await connection.run(`create or replace temp table ${quoted(name)} (${list.join(', ')})`)
  const appender = await connection.createAppender(name, 'main', 'temp')
  try {
    for (let from = 0; from < rows; from += chunkRows) {
      const count = Math.min(chunkRows, rows - from)
      const chunk = DuckDBDataChunk.create(
        columns.map(({ type }) => types[type]),
        count,
      )
      columns.forEach(({ values }, at) => {
        chunk.setColumnValues(at, values.slice(from, from + count))
      })
      appender.appendDataChunk(chunk)
      if (from + count < rows) await setImmediate() // Requests are answered in between.
    }
    appender.flushSync()
  } finally {
    appender.closeSync()
  }
}
