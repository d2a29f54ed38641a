import { json, type Sql } from './sql.ts'

/* Results on their way to sinks outside this database. */

export interface OutboxEntry {
  readonly graph: string
  readonly trigger: string
  readonly sink: string
  readonly target: unknown
  readonly messageId: string
  readonly messageKey: string | undefined
  /** The idempotency key. */
  readonly id: string
  readonly body: Uint8Array
  /** The trace that it belongs to, where there is one. */
  readonly traceparent: string | undefined
}

export interface OutboxRow extends Omit<OutboxEntry, 'messageKey' | 'traceparent'> {
  readonly number: number
  readonly messageKey: string | null
  readonly traceparent: string | null
  readonly attempts: number
  /** Rows that go together, and together again. */
  readonly batch: number
}

/** Of the arrays of `outboxArrays`. */
export const outboxTypes = [
  ...['text', 'text', 'text', 'jsonb', 'text', 'text', 'text', 'bytea', 'text'],
]

/** Column by column, as `unnest` takes them. */
export function outboxArrays(entries: readonly OutboxEntry[]): readonly (readonly unknown[])[] {
  const of = <T>(pick: (entry: OutboxEntry) => T) => entries.map(pick)
  return [
    of(entry => entry.graph),
    of(entry => entry.trigger),
    of(entry => entry.sink),
    of(entry => json(entry.target)),
    of(entry => entry.messageId),
    of(entry => entry.messageKey ?? null),
    of(entry => entry.id),
    of(entry => Buffer.from(entry.body)),
    of(entry => entry.traceparent ?? null),
  ]
}

export async function putOutbox(sql: Sql, entries: readonly OutboxEntry[]): Promise<void> {
  const arrays = outboxTypes.map((type, i) => `$${i + 1}::${type}[]`)
  await sql.run(
    `insert into outbox (graph, trigger, sink, target, message_id, message_key, id, body,
       traceparent)
     select * from unnest(${arrays.join(', ')})`,
    outboxArrays(entries),
  )
}

/**
 * The next batch that is due: rows of one target, oldest first; of one that was tried before, the
 * same rows. Nobody else gets them for `leaseMs`. Empty when nothing is due.
 */
export async function claimOutbox(
  sql: Sql,
  leaseMs: number,
  rowsMost: Readonly<Record<'webhook' | 'other', number>>,
): Promise<readonly OutboxRow[]> {
  const rows = await sql.all<OutboxRow>(
    `with first as (
       select number, target, batch from outbox where due_at <= now()
       order by due_at, number limit 1 for update skip locked
     ), picked as (
       select o.number from outbox o join first f on o.target = f.target
       where o.batch is not distinct from f.batch and o.due_at <= now()
       order by o.number
       limit (select case target ->> 'kind' when 'webhook' then $2::int else $3::int end from first)
       for update of o skip locked
     )
     update outbox o set due_at = now() + make_interval(secs => $1 / 1000.0),
       attempts = o.attempts + 1, batch = coalesce(o.batch, f.number)
     from picked p, first f where o.number = p.number
     returning o.number as "number", o.graph as "graph", o.trigger as "trigger", o.sink as "sink",
       o.target as "target", o.message_id as "messageId", o.message_key as "messageKey",
       o.id as "id", o.body as "body", o.traceparent as "traceparent",
       o.attempts as "attempts", o.batch as "batch"`,
    [leaseMs, rowsMost.webhook, rowsMost.other],
  )
  // An update gives them in any order, and a batch that goes again has to be the same bytes.
  return rows.sort((a, b) => a.number - b.number)
}

export async function removeOutbox(sql: Sql, numbers: readonly number[]): Promise<void> {
  await sql.run('delete from outbox where number = any($1::bigint[])', [numbers])
}

export interface Postponed {
  readonly numbers: readonly number[]
  readonly afterMs: number
  readonly cause: string
  /** `together`: as the same batch; `alone`: each by itself; `anew`: with whatever is due then. */
  readonly next: 'together' | 'alone' | 'anew'
  /** Whether the attempt counts: not when nothing could be sent at all. */
  readonly counts: boolean
}

export async function postponeOutbox(sql: Sql, of: Postponed): Promise<void> {
  await sql.run(
    `update outbox set due_at = now() + make_interval(secs => $2 / 1000.0), cause = $3,
       batch = case $4 when 'together' then batch when 'alone' then number end,
       attempts = attempts - $5 where number = any($1::bigint[])`,
    [of.numbers, of.afterMs, of.cause, of.next, of.counts ? 0 : 1],
  )
}

/** How many wait, counted up to `most`. */
export async function outboxRows(sql: Sql, most: number): Promise<number> {
  const row = await sql.one<{ rows: number }>(
    'select count(*) as "rows" from (select from outbox limit $1) as waiting',
    [most],
  )
  return row?.rows ?? 0
}
