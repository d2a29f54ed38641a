import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { lockSource } from './source-commits.ts'
import type { Sql, Transactions } from './sql.ts'

/*
 * Deliveries that wait together are kept in one transaction: numbered, and durable with its commit.
 * Rows that go straight into files get their numbers before, in a transaction of their own, for the
 * numbers stand in the files; a crash between the two leaves a gap, which hurts nobody: numbers
 * only order rows.
 */

export interface ReservedRows {
  readonly batch: number
  /** Of the first row; the others follow. */
  readonly rowFrom: number
  /** When the rows became known: later than that of all rows before them, and never before now. */
  readonly knownAt: Date
}

/** Row numbers are INTEGER, for arrays are indexed by them. */
const rowNumbersMax = 2 ** 31 - 1

/** Gives the next numbers of a source, once. Throws E_TOO_LARGE when there are none left. */
export async function reserveRows(
  store: Transactions,
  source: string,
  rows: number,
  now: Date,
): Promise<ReservedRows> {
  return store.transaction(sql => reserve(sql, source, { rows, batches: 1 }, now))
}

/** In a transaction; until its end nobody else numbers rows of the source. */
async function reserve(
  sql: Sql,
  source: string,
  { rows, batches }: { readonly rows: number; readonly batches: number },
  now: Date,
): Promise<ReservedRows> {
  const next = () =>
    sql.one<ReservedRows>(
      `update source_state set
         next_row = next_row + $2,
         next_batch = next_batch + $4,
         known_to = greatest($3, known_to + interval '1 millisecond')
       where source = $1
       returning next_batch - $4 as "batch", next_row - $2 as "rowFrom", known_to as "knownAt"`,
      [source, rows, now, batches],
    )
  let row = await next()
  if (row === undefined) {
    await lockSource(sql, source)
    row = (await next())!
  }
  if (row.rowFrom + rows <= rowNumbersMax) return row
  throw new MusterError('E_TOO_LARGE', `\`${source}\` has ${row.rowFrom} rows`, {
    hint: `a source numbers ${rowNumbersMax} rows: begin another one`,
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

/** A delivery before it has a number. */
export type Delivery = Pick<PushedBatch, 'rows' | 'idempotencyKey' | 'digest'> & {
  readonly bytes: Uint8Array
  /** Whether its rows become known now; else they were when they happened. */
  readonly isNew: boolean
}

/** `again`: a delivery with its key was kept before, as this batch. */
export type KeptDelivery = PushedBatch & { readonly again: boolean }

/**
 * Keeps deliveries of one source, whose keys differ from each other; all or none. They become known
 * at one moment, later than all rows before them, and their numbers say which of them came later.
 */
export async function keepDeliveries(
  store: Transactions,
  source: string,
  deliveries: readonly Delivery[],
  now: Date,
): Promise<readonly KeptDelivery[]> {
  return store.transaction(async sql => {
    const rows = deliveries.reduce((sum, delivery) => sum + delivery.rows, 0)
    const reserved = await reserve(sql, source, { rows, batches: deliveries.length }, now)
    const before = await batchesByKey(sql, source, deliveries)
    let { rowFrom, batch: number } = reserved
    const kept = deliveries.map((delivery): KeptDelivery => {
      const earlier = before.get(delivery.idempotencyKey ?? '')
      if (earlier !== undefined) return { ...earlier, again: true }
      const knownAt = delivery.isNew ? reserved.knownAt : null
      const { idempotencyKey, digest } = delivery
      const place = { source, number: number++, rowFrom, rows: delivery.rows }
      rowFrom += delivery.rows
      return { ...place, knownAt, receivedAt: now, idempotencyKey, digest, again: false }
    })
    const fresh = kept.flatMap((one, at) =>
      one.again ? [] : [{ ...one, bytes: deliveries[at]!.bytes }],
    )
    if (fresh.length === 0) return kept
    await sql.run(
      `insert into pushed_batch (source, number, bytes, row_from, rows, known_at, received_at,
         idempotency_key, digest)
       select $1, number, substring($3::bytea from bytes_to - size + 1 for size), row_from, rows,
         known_at, $2, idempotency_key, digest
       from (
         select *, (sum(size) over (order by number))::int as bytes_to
         from unnest($4::bigint[], $5::int[], $6::bigint[], $7::int[], $8::timestamptz[],
           $9::text[], $10::text[])
           as given (number, size, row_from, rows, known_at, idempotency_key, digest)
       ) as placed`,
      [
        source,
        now,
        // One after the other: a list of them would go as text, of twice the size.
        Buffer.concat(fresh.map(one => one.bytes)),
        fresh.map(one => one.number),
        fresh.map(one => one.bytes.length),
        fresh.map(one => one.rowFrom),
        fresh.map(one => one.rows),
        fresh.map(one => one.knownAt),
        fresh.map(one => one.idempotencyKey),
        fresh.map(one => one.digest),
      ],
    )
    return kept
  })
}

async function batchesByKey(
  sql: Sql,
  source: string,
  deliveries: readonly Delivery[],
): Promise<ReadonlyMap<string, PushedBatch>> {
  const keys = deliveries.flatMap(({ idempotencyKey }) => idempotencyKey ?? [])
  if (keys.length === 0) return new Map()
  const found = await sql.all<PushedBatch & { readonly idempotencyKey: string }>(
    `select ${columns} from pushed_batch where source = $1 and idempotency_key = any($2)`,
    [source, keys],
  )
  return new Map(found.map(batch => [batch.idempotencyKey, batch]))
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

/** A batch that is in no snapshot yet. */
export type WaitingBatch = Pick<PushedBatch, 'number' | 'rows' | 'rowFrom' | 'knownAt'> & {
  /** As `heldBytes` writes them. */
  readonly bytes: Buffer
}

/**
 * The oldest batches that wait, with their bytes, of those with greater numbers than `after`: at
 * least one if there is one, and no more than both bounds.
 */
export async function waitingBatches(
  sql: Sql,
  source: string,
  most: Backlog,
  after = -1,
): Promise<readonly WaitingBatch[]> {
  return sql.all(
    `with waiting as (
       select number, sum(length(bytes)) over (order by number) as size
       from pushed_batch where source = $1 and bytes is not null and number > $4
       order by number limit $2
     )
     select b.number, b.rows, b.bytes, b.row_from as "rowFrom", b.known_at as "knownAt"
     from waiting w join pushed_batch b on b.source = $1 and b.number = w.number
     where w.size <= $3 or w.number = (select min(number) from waiting)
     order by b.number`,
    [source, most.batches, most.sizeBytes, after],
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
