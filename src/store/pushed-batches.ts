import type { Digest } from '../base/digest.ts'
import { lockSource } from './source-commits.ts'
import type { Sql, Transactions } from './sql.ts'

/*
 * Rows get their numbers first, in a transaction of their own, for they stand in the bytes that are
 * then stored. A crash between the two leaves a gap, which hurts nobody: numbers only order rows.
 */

export interface ReservedRows {
  readonly batch: number
  /** Of the first row; the others follow. */
  readonly rowFrom: number
  /** When the rows became known: later than that of all rows before them, and never before now. */
  readonly knownAt: Date
}

/** Gives the next numbers of a source, once. */
export async function reserveRows(
  store: Transactions,
  source: string,
  rows: number,
  now: Date,
): Promise<ReservedRows> {
  return store.transaction(async sql => {
    await lockSource(sql, source)
    const row = await sql.one<ReservedRows>(
      `update source_state set
         next_row = next_row + $2,
         next_batch = next_batch + 1,
         known_to = greatest($3, known_to + interval '1 millisecond')
       where source = $1
       returning next_batch - 1 as "batch", next_row - $2 as "rowFrom", known_to as "knownAt"`,
      [source, rows, now],
    )
    return row!
  })
}

export interface PushedBatch {
  readonly source: string
  readonly number: number
  readonly rowFrom: number
  readonly rows: number
  /** Null: known when they happened. */
  readonly knownAt: Date | null
  readonly receivedAt: Date
  readonly idempotencyKey: string | null
  /** Of what was sent. */
  readonly digest: Digest
}

const columns = `source, number, row_from as "rowFrom", rows, known_at as "knownAt",
  received_at as "receivedAt", idempotency_key as "idempotencyKey", digest`

/** What an earlier delivery with this key left. */
export async function batchByKey(
  sql: Sql,
  source: string,
  key: string,
): Promise<PushedBatch | undefined> {
  return sql.one(`select ${columns} from pushed_batch where source = $1 and idempotency_key = $2`, [
    source,
    key,
  ])
}

/**
 * Keeps a batch; `bytes` null when its rows are in a snapshot of the same transaction. False when a
 * delivery with its key was kept meanwhile.
 */
export async function putBatch(
  sql: Sql,
  batch: PushedBatch,
  bytes: Uint8Array | null,
): Promise<boolean> {
  const count = await sql.run(
    `insert into pushed_batch (source, number, bytes, row_from, rows, known_at, received_at,
       idempotency_key, digest)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (source, idempotency_key) do nothing`,
    [
      batch.source,
      batch.number,
      bytes,
      batch.rowFrom,
      batch.rows,
      batch.knownAt,
      batch.receivedAt,
      batch.idempotencyKey,
      batch.digest,
    ],
  )
  return count === 1
}

export interface Backlog {
  readonly batches: number
  readonly sizeBytes: number
}

/** What waits to be in a snapshot. */
export async function backlogOf(sql: Sql, source: string): Promise<Backlog> {
  const row = await sql.one<Backlog>(
    `select count(*) as "batches", coalesce(sum(length(bytes)), 0)::bigint as "sizeBytes"
     from pushed_batch where source = $1 and bytes is not null`,
    [source],
  )
  return row!
}

/** The oldest batches that wait, with their bytes: at least one, and no more than both bounds. */
export async function waitingBatches(
  sql: Sql,
  source: string,
  most: Backlog,
): Promise<readonly { readonly number: number; readonly rows: number; readonly bytes: Buffer }[]> {
  return sql.all(
    `with waiting as (
       select number, sum(length(bytes)) over (order by number) as size
       from pushed_batch where source = $1 and bytes is not null order by number limit $2
     )
     select b.number, b.rows, b.bytes
     from waiting w join pushed_batch b on b.source = $1 and b.number = w.number
     where w.size <= $3 or w.number = (select min(number) from waiting)
     order by b.number`,
    [source, most.batches, most.sizeBytes],
  )
}

/** Whether exactly these batches waited still; their rows are in a snapshot now. */
export async function settleBatches(
  sql: Sql,
  source: string,
  numbers: readonly number[],
): Promise<boolean> {
  const count = await sql.run(
    `update pushed_batch set bytes = null
     where source = $1 and number = any($2) and bytes is not null`,
    [source, numbers],
  )
  return count === numbers.length
}

/** Forgets deliveries that are in snapshots: those nobody can repeat, and old ones. */
export async function forgetBatches(sql: Sql, source: string, before: Date): Promise<void> {
  await sql.run(
    `delete from pushed_batch
     where source = $1 and bytes is null and (idempotency_key is null or received_at < $2)`,
    [source, before],
  )
}

export async function readCursor(sql: Sql, source: string): Promise<string | undefined> {
  const row = await sql.one<{ cursor: string | null }>(
    'select cursor from source_state where source = $1',
    [source],
  )
  return row?.cursor ?? undefined
}

export async function putCursor(sql: Sql, source: string, cursor: string): Promise<void> {
  await sql.run('update source_state set cursor = $2 where source = $1', [source, cursor])
}
