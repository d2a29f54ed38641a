import { assert } from '../base/assert.ts'
import { json, type Sql } from './sql.ts'

/*
 * Results of triggered messages in our own database, one table a sink, in the schema `results`: the
 * whole result as JSON beside what names it, so that a graph may change what it gives without a
 * migration. Who wants columns makes a view over it.
 */

export interface ResultRow {
  readonly graph: string
  readonly trigger: string
  readonly messageId: string
  readonly messageKey: string | undefined
  readonly receivedAt: Date
  readonly result: unknown
  readonly parts: unknown
}

/** Any number that no other lock has. */
const resultTablesLock = 7_077_009

/** As it stands in a statement. */
export function resultTable(table: string): string {
  assert(/^[a-z_][a-z0-9_]{0,62}$/.test(table), 'the name of a table was checked when declared')
  return `results."${table}"`
}

/**
 * Made if it is not there; one that is there is used as it is. To be called in a transaction: of
 * two nodes that make it at once one waits, for `if not exists` alone would fail then.
 */
export async function ensureResultTable(sql: Sql, table: string): Promise<void> {
  await sql.run('select pg_advisory_xact_lock($1)', [resultTablesLock])
  await sql.run(
    `create table if not exists ${resultTable(table)} (
       graph text collate "C" not null,
       trigger text collate "C" not null,
       message_id text collate "C" not null,
       message_key text,
       received_at timestamptz not null,
       recorded_at timestamptz not null default now(),
       result jsonb not null,
       parts jsonb not null,
       primary key (graph, trigger, message_id)
     )`,
  )
}

/** In one transaction with what says that the messages are done. */
export async function putResults(
  sql: Sql,
  table: string,
  rows: readonly ResultRow[],
): Promise<void> {
  const of = <T>(pick: (row: ResultRow) => T) => rows.map(pick)
  await sql.run(
    `insert into ${resultTable(table)} (graph, trigger, message_id, message_key, received_at,
       result, parts)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
       $6::jsonb[], $7::jsonb[])
     on conflict do nothing`,
    [
      of(row => row.graph),
      of(row => row.trigger),
      of(row => row.messageId),
      of(row => row.messageKey ?? null),
      of(row => row.receivedAt),
      of(row => json(row.result ?? null)),
      of(row => json(row.parts)),
    ],
  )
}
