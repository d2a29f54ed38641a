import type { Digest } from '../base/digest.ts'
import type { Sql } from './sql.ts'

/** Rows of one file, by their number within it; of rows that Muster keeps, without a file. */
export interface ReleasedRows {
  readonly file: Digest | undefined
  readonly rows: readonly number[]
}

/** Remembers rows that were released from quarantine. Released twice is released. */
export async function addReleasedRows(
  sql: Sql,
  source: string,
  released: readonly ReleasedRows[],
): Promise<void> {
  for (const { file, rows } of released) {
    await sql.run('insert into released_rows (source, file, rows) values ($1, $2, $3)', [
      source,
      file ?? '',
      rows,
    ])
  }
}

export async function readReleasedRows(sql: Sql, source: string): Promise<readonly ReleasedRows[]> {
  const found = await sql.all<{ file: Digest | ''; rows: number[] }>(
    'select file, rows from released_rows where source = $1 order by number',
    [source],
  )
  return found.map(({ file, rows }) => ({ file: file === '' ? undefined : file, rows }))
}
