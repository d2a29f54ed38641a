import type { Digest } from '../base/digest.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { Sql, Transactions } from './sql.ts'

/** A Parquet file of predictions of one blueprint. */
export interface JournalFile {
  readonly number: number
  /** That it was made of. */
  readonly segment: string
  readonly blueprint: string
  readonly digest: Digest
  readonly sizeBytes: number
  readonly rows: number
  readonly firstReceipt: ReceiptId
  readonly lastReceipt: ReceiptId
}

export interface ConvertedSegment {
  readonly name: string
  readonly predictions: number
  readonly badBytes: number
  readonly files: readonly ConvertedFile[]
}

export interface ConvertedFile extends Omit<JournalFile, 'number' | 'segment'> {
  /** Of the receipts in it: bits that `FilesOfReceipt` names are set for each. */
  readonly receiptFilter: Uint8Array
}

const columns = `number, segment, blueprint, digest, size_bytes as "sizeBytes", rows,
  first_receipt as "firstReceipt", last_receipt as "lastReceipt"`

/** Names a segment and its files; false when that was done before: then nothing has changed. */
export async function recordSegment(
  store: Transactions,
  { name, predictions, badBytes, files }: ConvertedSegment,
): Promise<boolean> {
  return store.transaction(async sql => {
    const first = await sql.run(
      `insert into journal_segment (name, predictions, bad_bytes) values ($1, $2, $3)
       on conflict (name) do nothing`,
      [name, predictions, badBytes],
    )
    if (first === 0) return false
    await sql.run(
      `insert into journal_file
         (segment, blueprint, digest, size_bytes, rows, first_receipt, last_receipt,
          receipt_filter)
       select $1, * from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
         $7::text[], $8::bytea[])`,
      [
        name,
        files.map(file => file.blueprint),
        files.map(file => file.digest),
        files.map(file => file.sizeBytes),
        files.map(file => file.rows),
        files.map(file => file.firstReceipt),
        files.map(file => file.lastReceipt),
        files.map(file => file.receiptFilter),
      ],
    )
    return true
  })
}

/** Which of these segments have turned into files. */
export async function convertedSegments(
  sql: Sql,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await sql.all<{ name: string }>(
    'select name from journal_segment where name = any($1)',
    [names],
  )
  return new Set(rows.map(row => row.name))
}

export interface JournalRange {
  readonly blueprint: string | undefined
  /** First and last receipt that may be of interest, inclusive. */
  readonly from: string
  readonly to: string
  readonly limit: number
}

/** Files that may hold predictions of a range, newest first. */
export async function journalFiles(
  sql: Sql,
  { blueprint, from, to, limit }: JournalRange,
): Promise<readonly JournalFile[]> {
  return sql.all(
    `select ${columns} from journal_file
     where condemned_because is null and first_receipt <= $3 and last_receipt >= $2
       and ($1::text is null or blueprint = $1)
     order by last_receipt desc, number desc limit $4`,
    [blueprint ?? null, from, to, limit],
  )
}

export interface FilesOfReceipt {
  readonly receipt: ReceiptId
  /** Numbers of 32 bits: a filter of n bits has the bits of them modulo n where it may hold it. */
  readonly hashes: readonly number[]
  readonly limit: number
}

/** Files that may hold one receipt: by its time, and by their filters. */
export async function journalFilesOfReceipt(
  sql: Sql,
  { receipt, hashes, limit }: FilesOfReceipt,
): Promise<readonly JournalFile[]> {
  return sql.all(
    `select ${columns} from journal_file
     where condemned_because is null and first_receipt <= $1 and last_receipt >= $1
       and (receipt_filter is null or not exists (
         select from unnest($2::bigint[]) hash
         where get_bit(receipt_filter, hash % (length(receipt_filter) * 8)) = 0
       ))
     order by last_receipt desc, number desc limit $3`,
    [receipt, hashes, limit],
  )
}

/** All files of a blueprint, in the order in which they came, some at a time. */
export async function journalFilesOf(
  sql: Sql,
  ask: { readonly blueprint: string; readonly after: number; readonly limit: number },
): Promise<readonly JournalFile[]> {
  return sql.all(
    `select ${columns} from journal_file
     where condemned_because is null and blueprint = $1 and number > $2
     order by number limit $3`,
    [ask.blueprint, ask.after, ask.limit],
  )
}

/** Files that the policy keeps no longer: what is older, and the oldest of what is too much. */
export async function condemnJournalFiles(
  sql: Sql,
  keep: { readonly from: string; readonly sizeBytesMax: number },
): Promise<void> {
  await sql.run(
    `with sized as (
       select number, last_receipt,
         sum(size_bytes) over (order by last_receipt desc, number desc) as newer
       from journal_file where condemned_because is null
     )
     update journal_file f set condemned_because =
       case when s.last_receipt < $1 then 'older than is kept' else 'more than is kept' end
     from sized s where s.number = f.number and (s.last_receipt < $1 or s.newer > $2)`,
    [keep.from, keep.sizeBytesMax],
  )
}

export interface CondemnedFile extends JournalFile {
  readonly because: string
  /** Another file has the same bytes, and is not condemned. */
  readonly isHeld: boolean
}

export async function condemnedJournalFiles(sql: Sql): Promise<readonly CondemnedFile[]> {
  return sql.all(
    `select ${columns}, condemned_because as "because",
       exists (
         select from journal_file s where s.digest = f.digest and s.condemned_because is null
       ) as "isHeld"
     from journal_file f where condemned_because is not null order by number limit 1000`,
  )
}

/** Their bytes are gone: forgets the files, keeps what was deleted and why. */
export async function forgetJournalFiles(
  store: Transactions,
  numbers: readonly number[],
): Promise<void> {
  await store.transaction(sql =>
    sql.run(
      `with gone as (
         delete from journal_file where number = any($1) and condemned_because is not null
         returning rows, size_bytes, condemned_because
       )
       insert into journal_deletion (files, rows, size_bytes, because)
       select count(*), sum(rows), sum(size_bytes), condemned_because
       from gone group by condemned_because`,
      [numbers],
    ),
  )
}

export interface JournalTotals {
  readonly files: number
  readonly rows: number
  readonly sizeBytes: number
  readonly badBytes: number
}

export async function journalTotals(sql: Sql): Promise<JournalTotals> {
  const row = await sql.one<JournalTotals>(
    `select count(*) as "files", coalesce(sum(rows), 0)::bigint as "rows",
       coalesce(sum(size_bytes), 0)::bigint as "sizeBytes",
       (select coalesce(sum(bad_bytes), 0)::bigint from journal_segment) as "badBytes"
     from journal_file where condemned_because is null`,
  )
  return row!
}
