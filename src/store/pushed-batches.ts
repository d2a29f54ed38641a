import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { lockSource } from './source-commits.ts'
import type { Sql, Transactions } from './sql.ts'

/*
 * Deliveries that wait together are kept by one statement: numbered, and durable when it is done.
 * Rows that go straight into files get their numbers before, in a transaction of their own, for the
 * numbers stand in the files; a crash between the two leaves a gap, which hurts nobody: numbers
 * only order rows.
 */

export interface ReservedRows {
  readonly batch: number
  /** Of the first row; the others follow. */
  readonly rowFrom: number
  /**
   * When the last of the batches became known, in microseconds since 1970; those before it a
   * microsecond earlier each: later than all rows before them, and never before now.
   */
  readonly knownUs: number
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
  return numbering(store, source, rows, () =>
    store.one(`${reserveSql} select "batch", "rowFrom", "knownUs" from reserved`, [
      source,
      rows,
      1,
      now,
    ]),
  )
}

/**
 * Until the end of its transaction nobody else numbers rows of the source. `$1` to `$4`: the
 * source, how many rows and batches, now. Gives no row where there are no numbers.
 */
const reserveSql = `with reserved as (
  update source_state set
    next_row = next_row + $2::bigint,
    next_batch = next_batch + $3::bigint,
    known_to = greatest($4::timestamptz, known_to + interval '1 microsecond')
      + ($3 - 1) * interval '1 microsecond'
  where source = $1 and next_row + $2::bigint <= ${rowNumbersMax}
  returning next_batch - $3::bigint as "batch", next_row - $2::bigint as "rowFrom",
    known_to as "knownTo", ${microsOf('known_to')} as "knownUs"
)`

/** A moment, which a Date would round, in microseconds since 1970. */
function microsOf(moment: string): string {
  return `(extract(epoch from ${moment}) * 1000000)::bigint`
}

/** What `number` gives, which has no row before the first of the source, and after its last. */
async function numbering<Row>(
  store: Transactions,
  source: string,
  rows: number,
  number: () => Promise<Row | undefined>,
): Promise<Row> {
  const row = await number()
  if (row !== undefined) return row
  await store.transaction(sql => lockSource(sql, source))
  const again = await number()
  if (again !== undefined) return again
  throw new MusterError('E_TOO_LARGE', `\`${source}\` has no numbers left for ${rows} rows`, {
    hint: `a source numbers ${rowNumbersMax} rows: begin another one`,
  })
}

export interface PushedBatch {
  readonly source: string
  readonly number: number
  readonly rowFrom: number
  readonly rows: number
  /** In microseconds since 1970; null: known when they happened. */
  readonly knownUs: number | null
  readonly receivedAt: Date
  readonly idempotencyKey: string | null
  /** Of what was sent. */
  readonly digest: Digest
}

const columns = `source, number, row_from as "rowFrom", rows,
  ${microsOf('known_at')} as "knownUs", received_at as "receivedAt",
  idempotency_key as "idempotencyKey", digest`

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
     values ($1, $2, $3, $4, $5, timestamptz 'epoch' + $6 * interval '1 microsecond', $7, $8, $9)
     on conflict (source, idempotency_key) do nothing`,
    [
      batch.source,
      batch.number,
      bytes,
      batch.rowFrom,
      batch.rows,
      batch.knownUs,
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
 * one after the other, in the order in which they are given, later than all rows before them.
 */
export async function keepDeliveries(
  store: Transactions,
  source: string,
  deliveries: readonly Delivery[],
  now: Date,
): Promise<readonly KeptDelivery[]> {
  const rows = deliveries.reduce((sum, delivery) => sum + delivery.rows, 0)
  const reserved = await numbering(store, source, rows, () =>
    store.one<ReservedRows & { readonly kept: number }>(keepSql, [
      source,
      rows,
      deliveries.length,
      now,
      // One after the other: a list of them would go as text, of twice the size.
      Buffer.concat(deliveries.map(({ bytes }) => bytes)),
      deliveries.map(({ bytes }) => bytes.length),
      deliveries.map(one => one.rows),
      deliveries.map(({ isNew }) => isNew),
      deliveries.map(({ idempotencyKey }) => idempotencyKey),
      deliveries.map(({ digest }) => digest),
    ]),
  )
  let { rowFrom } = reserved
  const fresh = deliveries.map(({ isNew, rows: count, idempotencyKey, digest }, at) => {
    const knownUs = isNew ? reserved.knownUs - (deliveries.length - 1 - at) : null
    const place = { source, number: reserved.batch + at, rowFrom, rows: count }
    rowFrom += count
    return { ...place, knownUs, receivedAt: now, idempotencyKey, digest, again: false }
  })
  if (reserved.kept === fresh.length) return fresh
  const byKey = await batchesByKey(store, source, deliveries)
  const kept: KeptDelivery[] = []
  for (const [at, one] of fresh.entries()) {
    const found = one.idempotencyKey === null ? one : byKey.get(one.idempotencyKey)
    if (found?.number === one.number) kept.push(one)
    else if (found !== undefined) kept.push({ ...found, again: true })
    // The earlier one was old, and has been forgotten since.
    else kept.push(...(await keepDeliveries(store, source, [deliveries[at]!], now)))
  }
  return kept
}

/** A delivery with the key of an earlier one is left out, and its numbers are nobody's. */
const keepSql = {
  name: 'keep deliveries',
  text: `${reserveSql}, placed as (
  select *, (sum(size) over (order by place))::int as bytes_to,
    sum(rows) over (order by place) as rows_to
  from unnest($6::int[], $7::int[], $8::bool[], $9::text[], $10::text[]) with ordinality
    as given (size, rows, is_new, idempotency_key, digest, place)
), kept as (
  insert into pushed_batch (source, number, bytes, row_from, rows, known_at, received_at,
    idempotency_key, digest)
  select $1, "batch" + place - 1, substring($5::bytea from bytes_to - size + 1 for size),
    "rowFrom" + rows_to - rows, rows,
    case when is_new then "knownTo" - ($3 - place) * interval '1 microsecond' end, $4,
    idempotency_key, digest
  from placed, reserved
  on conflict (source, idempotency_key) do nothing
  returning 1
)
select "batch", "rowFrom", "knownUs", (select count(*) from kept) as "kept" from reserved`,
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
export type WaitingBatch = Pick<PushedBatch, 'number' | 'rows' | 'rowFrom' | 'knownUs'> & {
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
     select b.number, b.rows, b.bytes, b.row_from as "rowFrom",
       ${microsOf('b.known_at')} as "knownUs"
     from waiting w join pushed_batch b on b.source = $1 and b.number = w.number
     where w.size <= $3 or w.number = (select min(number) from waiting)
     order by b.number`,
    [source, most.batches, most.sizeBytes, after],
  )
}

/**
 * Whether exactly these batches waited still; their rows are in a snapshot now. Of those that can
 * be repeated it stays known that they came.
 */
export async function settleBatches(
  sql: Sql,
  source: string,
  numbers: readonly number[],
): Promise<boolean> {
  // Who delivers waits meanwhile, so no row is written that is removed at once.
  const row = await sql.one<{ settled: number }>(
    `with forgotten as (
       delete from pushed_batch where source = $1 and number = any($2::bigint[])
         and bytes is not null and idempotency_key is null
       returning 1
     ), emptied as (
       update pushed_batch set bytes = null where source = $1 and number = any($2::bigint[])
         and bytes is not null and idempotency_key is not null
       returning 1
     )
     select (select count(*) from forgotten) + (select count(*) from emptied) as "settled"`,
    [source, numbers],
  )
  return row?.settled === numbers.length
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
