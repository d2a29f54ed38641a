import { type OutboxEntry, outboxArrays, outboxTypes } from './outbox.ts'
import { type ResultRow, resultTable } from './result-tables.ts'
import { json, type Sql } from './sql.ts'

/* What is known of each message that a trigger took. `trigger` is graph/trigger. */

export type MessageState = 'running' | 'done' | 'dead'

export interface BegunMessage {
  readonly id: string
  /** Seen for the first time; its first attempt is counted. */
  readonly fresh: boolean
  /** Before this call. */
  readonly attempts: number
  readonly state: MessageState
}

/** Counts the first attempt of those that are new, and says of the others how they stand. */
export async function beginMessages(
  sql: Sql,
  trigger: string,
  ids: readonly string[],
): Promise<readonly BegunMessage[]> {
  return sql.all(
    `with asked as (select unnest($2::text[]) as id),
     fresh as (
       insert into trigger_message (trigger, id, attempts)
       select $1, id, 1 from asked order by id
       on conflict do nothing returning id
     )
     select a.id as "id", f.id is not null as "fresh",
       coalesce(m.attempts, case when f.id is null then 1 else 0 end) as "attempts",
       coalesce(m.state, 'running') as "state"
     from asked a
     left join fresh f on f.id = a.id
     left join trigger_message m on m.trigger = $1 and m.id = a.id`,
    [trigger, ids],
  )
}

/** Counts one more attempt of each, before it runs. Those not given back are done or dead. */
export async function countAttempts(
  sql: Sql,
  trigger: string,
  ids: readonly string[],
): Promise<readonly { readonly id: string; readonly attempts: number }[]> {
  return sql.all(
    `insert into trigger_message as m (trigger, id, attempts)
     select $1, id, 1 from unnest($2::text[]) as id order by id
     on conflict (trigger, id) do update set attempts = m.attempts + 1 where m.state = 'running'
     returning id as "id", attempts as "attempts"`,
    [trigger, ids],
  )
}

/** Takes back an attempt that did not fail by the message: something it needs was away. */
export async function uncountAttempts(
  sql: Sql,
  trigger: string,
  ids: readonly string[],
): Promise<void> {
  await sql.run(
    `update trigger_message set attempts = attempts - 1
     where trigger = $1 and id = any($2::text[]) and state = 'running' and attempts > 0`,
    [trigger, ids],
  )
}

/** A message that is answered, and what is to be sent on of its result. */
export interface FinishedMessage extends Omit<ResultRow, 'graph' | 'trigger'> {
  readonly outgoing: readonly OutboxEntry[]
}

/**
 * Messages are done, their results stand in the tables of `of`, and what goes elsewhere stands in
 * the outbox: in one statement, so in one round trip and one commit. Of those that were done before
 * nothing is written, and of two that finish one at once one does. Gives how many were new.
 */
export async function finishMessages(
  sql: Sql,
  of: { readonly graph: string; readonly trigger: string; readonly tables: readonly string[] },
  finished: readonly FinishedMessage[],
): Promise<number> {
  const sent = finished.flatMap(({ outgoing }) => outgoing)
  // One JSON text: as an array of texts every quote of every result would be escaped once more.
  const given = finished.map(({ messageId, messageKey, receivedAt, result, parts }) => ({
    id: messageId,
    key: messageKey ?? null,
    received_at: receivedAt,
    // Which comes out as SQL's null.
    result: result ?? null,
    parts,
  }))
  const ids = finished.map(({ messageId }) => messageId)
  const values: unknown[] = [of.graph, of.trigger, ids, json(given)]
  const into = [...new Set(of.tables)].map(
    (table, i) => `, table_${i} as (
       insert into ${resultTable(table)} (graph, trigger, message_id, message_key, received_at,
         result, parts)
       select $1, $2, id, key, received_at, coalesce(result, 'null'), parts
       from given join done using (id)
       on conflict do nothing
     )`,
  )
  if (sent.length > 0) {
    values.push(...outboxArrays(sent))
    into.push(`, sent as (
       insert into outbox (graph, trigger, sink, target, message_id, message_key, id, body,
         traceparent)
       select e.graph, e.trigger, e.sink, e.target, e.message_id, e.message_key, e.id, e.body,
         e.traceparent
       from unnest(${outboxTypes.map((type, i) => `$${5 + i}::${type}[]`).join(', ')})
         with ordinality as e (graph, trigger, sink, target, message_id, message_key, id, body,
           traceparent, n)
       join done on done.id = e.message_id order by e.n
     )`)
  }
  const row = await sql.one<{ fresh: number }>(
    `with done as (
       update trigger_message set state = 'done'
       where (trigger, id) in (
         select trigger, id from trigger_message
         where trigger = $1::text || '/' || $2::text and id = any($3::text[]) and state = 'running'
         order by id for update
       ) returning id
     ), given as (
       select * from jsonb_to_recordset($4::jsonb)
         as g (id text, key text, received_at timestamptz, result jsonb, parts jsonb)
     )${into.join('')}
     select count(*) as "fresh" from done`,
    values,
  )
  return row!.fresh
}

/** A dead message is to be run again, by a person's wish. False when it is not dead. */
export async function reviveMessage(sql: Sql, trigger: string, id: string): Promise<boolean> {
  const revived = await sql.run(
    `insert into trigger_message as m (trigger, id, attempts) values ($1, $2, 1)
     on conflict (trigger, id) do update set state = 'running', attempts = m.attempts + 1
     where m.state = 'dead'`,
    [trigger, id],
  )
  return revived > 0
}

/** Removes at most `most` that began before a number of days. Gives how many went. */
export async function forgetMessages(sql: Sql, days: number, most: number): Promise<number> {
  return sql.run(
    `delete from trigger_message where ctid = any(array(
       select ctid from trigger_message
       where first_at < now() - make_interval(days => $1) and state <> 'running' limit $2
     ))`,
    [days, most],
  )
}
