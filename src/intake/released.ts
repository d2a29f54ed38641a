import type { Digest } from '../base/digest.ts'
import type { Snapshot } from '../fleet/index.ts'
import { type ReleasedRows, readReleasedRows, type Sql } from '../store/index.ts'

/*
 * A row that was released stays so for as long as it is the same row. Rows that Muster keeps have
 * one number for good; those of a file are known by the file's digest, so that a file that moves
 * in its folder keeps them, and a file that is written again is looked at anew.
 */

/** Numbers within the snapshot of rows that were released. */
export async function releasedNumbers(sql: Sql, snapshot: Snapshot): Promise<readonly number[]> {
  const released = await readReleasedRows(sql, snapshot.source)
  if (snapshot.rowNumbersTo !== undefined) {
    return released.flatMap(({ file, rows }) => (file === undefined ? rows : []))
  }
  const numbers: number[] = []
  for (const { digest, rowFrom, rows } of numberedFiles(snapshot)) {
    for (const of of released) {
      if (of.file !== digest) continue
      for (const row of of.rows) if (row < rows) numbers.push(rowFrom + row)
    }
  }
  return numbers
}

/** Rows of a snapshot by what names them for good. `numbers` ascending. */
export function releasedRows(
  snapshot: Snapshot,
  numbers: readonly number[],
): readonly ReleasedRows[] {
  if (snapshot.rowNumbersTo !== undefined) return [{ file: undefined, rows: numbers }]
  return numberedFiles(snapshot).flatMap(({ digest, rowFrom, rows }) => {
    const within = numbers.filter(row => row >= rowFrom && row < rowFrom + rows)
    return within.length === 0 ? [] : [{ file: digest, rows: within.map(row => row - rowFrom) }]
  })
}

interface NumberedFile {
  readonly path: string
  readonly digest: Digest
  readonly rowFrom: number
  readonly rows: number
}

function numberedFiles({ files }: Snapshot): readonly NumberedFile[] {
  let rowFrom = 0
  return files.map(({ path, digest, rows }) => {
    rowFrom += rows
    return { path, digest, rows, rowFrom: rowFrom - rows }
  })
}

/** Where a row of a file stands, for people; undefined for one that Muster keeps. */
export function placeInFile(
  snapshot: Snapshot,
  row: number,
): { readonly file: string; readonly row: number } | undefined {
  if (snapshot.rowNumbersTo !== undefined) return undefined
  const file = numberedFiles(snapshot).findLast(({ rowFrom }) => rowFrom <= row)
  return file && { file: file.path, row: row - file.rowFrom }
}
