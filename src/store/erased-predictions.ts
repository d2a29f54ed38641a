import { must } from '../base/assert.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { JournalFile } from './journal-files.ts'
import type { Sql, Transactions } from './sql.ts'

/*
 * Predictions that were erased on request. A file is written again without them; the new one takes
 * the place of the old one in the transaction that says what was erased, and only then the old
 * bytes go. The new one is named before its bytes are there, as one to be deleted: so a crash
 * leaves nothing that nobody knows.
 */

/** One predicted row. */
export interface ErasedRow {
  readonly receipt: ReceiptId
  readonly row: number
}

/** What is left of a file. */
export type LeftFile = Omit<JournalFile, 'number'>

const notTaken = 'its writing was cut short'

/** Names what is left of the file `of` and is about to be stored; gives its number. */
export async function announceJournalFile(sql: Sql, file: LeftFile, of: number): Promise<number> {
  const row = await sql.one<{ number: number }>(
    `insert into journal_file (segment, blueprint, digest, size_bytes, rows, first_receipt,
       last_receipt, condemned_because, receipt_filter)
     select $1, $2, $3, $4, $5, $6, $7, $8, receipt_filter from journal_file where number = $9
     returning number`,
    [
      file.segment,
      file.blueprint,
      file.digest,
      file.sizeBytes,
      file.rows,
      file.firstReceipt,
      file.lastReceipt,
      notTaken,
      of,
    ],
  )
  return must(row, 'the file that is written again is in the catalogue').number
}

/**
 * Puts the file `by` in the place of `file`, or nothing; notes what was erased, and forgets what
 * was said of it. False when either is not there any more: then nothing has changed.
 */
export async function replaceJournalFile(
  store: Transactions,
  file: number,
  by: number | undefined,
  erased: readonly ErasedRow[],
): Promise<boolean> {
  return store.transaction(async sql => {
    const standing = await sql.all<{ number: number; condemned: string | null }>(
      `select number, condemned_because as condemned from journal_file
       where number = any($1) for update`,
      [by === undefined ? [file] : [file, by]],
    )
    const isThere = (number: number, condemned: string | null) =>
      standing.some(each => each.number === number && each.condemned === condemned)
    if (!isThere(file, null) || (by !== undefined && !isThere(by, notTaken))) return false
    await sql.run(
      `update journal_file set condemned_because =
         case when number = $1 then 'rows were erased on request' end
       where number = any($2)`,
      [file, by === undefined ? [file] : [file, by]],
    )
    const rows = [erased.map(({ receipt }) => receipt), erased.map(({ row }) => row)]
    await sql.run(
      `insert into erased_prediction (receipt, row) select * from unnest($1::text[], $2::int[])
       on conflict (receipt, row) do nothing`,
      rows,
    )
    await sql.run(
      `delete from outcome
       where (receipt, row) in (select * from unnest($1::text[], $2::int[]))`,
      rows,
    )
    return true
  })
}

/** How many rows were erased, of those of these receipts of which any were. */
export async function erasedOf(
  sql: Sql,
  receipts: readonly ReceiptId[],
): Promise<ReadonlyMap<ReceiptId, number>> {
  const rows = await sql.all<{ receipt: ReceiptId; rows: number }>(
    `select receipt, count(*)::int as "rows" from erased_prediction
     where receipt = any($1) group by receipt`,
    [receipts],
  )
  return new Map(rows.map(({ receipt, rows }) => [receipt, rows]))
}

/** Forgets that answers were erased which would not be kept any more. */
export async function forgetErased(sql: Sql, before: string): Promise<number> {
  return sql.run('delete from erased_prediction where receipt < $1', [before])
}
