import { json, type Sql } from './sql.ts'

/* Messages that were given up, and results that no sink takes. */

export type LetterState = 'waiting' | 'replayed' | 'dropped'

export interface DeadLetter {
  readonly number: number
  readonly graph: string
  readonly trigger: string
  /** Null: the message itself; else the sink that did not take its result. */
  readonly sink: string | null
  readonly messageId: string
  readonly sizeBytes: number
  readonly code: string
  readonly cause: string
  readonly hint: string | null
  readonly attempts: number
  readonly state: LetterState
  readonly at: Date
}

export interface FullLetter extends DeadLetter {
  readonly target: unknown
  readonly messageKey: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface NewLetter {
  readonly messageId: string
  readonly messageKey: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly sizeBytes: number
  readonly code: string
  readonly cause: string
  readonly hint: string | undefined
  readonly attempts: number
}

const columns = `number as "number", graph as "graph", trigger as "trigger", sink as "sink",
  message_id as "messageId", size_bytes as "sizeBytes", code as "code", cause as "cause",
  hint as "hint", attempts as "attempts", state as "state", at as "at"`

/**
 * Gives up messages: each becomes a letter, unless it is done or a letter already. To be called in
 * a transaction. Gives how many letters were written.
 */
export async function buryMessages(
  sql: Sql,
  of: { readonly graph: string; readonly trigger: string },
  letters: readonly NewLetter[],
): Promise<number> {
  const dead = await sql.all<{ id: string }>(
    `insert into trigger_message as m (trigger, id, attempts, state)
     select $1, id, attempts, 'dead' from unnest($2::text[], $3::int[]) as t (id, attempts)
     order by id
     on conflict (trigger, id) do update set state = 'dead' where m.state = 'running'
     returning id as "id"`,
    [
      `${of.graph}/${of.trigger}`,
      letters.map(({ messageId }) => messageId),
      letters.map(({ attempts }) => attempts),
    ],
  )
  const now = new Set(dead.map(({ id }) => id))
  for (const letter of letters) {
    if (now.has(letter.messageId)) await putLetter(sql, { ...of, sink: null }, letter)
  }
  return now.size
}

export async function putLetter(
  sql: Sql,
  of: {
    readonly graph: string
    readonly trigger: string
    readonly sink: string | null
    readonly target?: unknown
  },
  letter: NewLetter,
): Promise<void> {
  await sql.run(
    `insert into dead_letter (graph, trigger, sink, target, message_id, message_key, headers, body,
       size_bytes, code, cause, hint, attempts)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      of.graph,
      of.trigger,
      of.sink,
      of.target === undefined ? null : json(of.target),
      letter.messageId,
      letter.messageKey ?? null,
      json(letter.headers),
      letter.body,
      letter.sizeBytes,
      letter.code,
      letter.cause,
      letter.hint ?? null,
      letter.attempts,
    ],
  )
}

export interface LettersAsk {
  /** Undefined: of all. */
  readonly graph: string | undefined
  readonly state: LetterState | undefined
  readonly beforeNumber: number | undefined
  readonly limit: number
}

/** Newest first. */
export async function listLetters(sql: Sql, ask: LettersAsk): Promise<readonly DeadLetter[]> {
  return sql.all(
    `select ${columns} from dead_letter
     where ($1::text is null or graph = $1) and ($2::text is null or state = $2)
       and ($3::bigint is null or number < $3)
     order by number desc limit $4`,
    [ask.graph ?? null, ask.state ?? null, ask.beforeNumber ?? null, ask.limit],
  )
}

export async function readLetter(sql: Sql, number: number): Promise<FullLetter | undefined> {
  return sql.one(
    `select ${columns}, target as "target", message_key as "messageKey", headers as "headers",
       body as "body" from dead_letter where number = $1`,
    [number],
  )
}

/** False when it does not wait any more. */
export async function settleLetter(
  sql: Sql,
  number: number,
  state: 'replayed' | 'dropped',
): Promise<boolean> {
  const settled = await sql.run(
    `update dead_letter set state = $2, settled_at = now() where number = $1 and state = 'waiting'`,
    [number, state],
  )
  return settled > 0
}

/** A replay has failed too: the letter waits on, with the newest cause. */
export async function reburyLetter(
  sql: Sql,
  letter: Pick<FullLetter, 'number' | 'graph' | 'trigger' | 'messageId'>,
  failure: { readonly code: string; readonly cause: string; readonly hint: string | undefined },
): Promise<void> {
  await sql.run(
    `update trigger_message set state = 'dead'
     where trigger = $1 and id = $2 and state = 'running'`,
    [`${letter.graph}/${letter.trigger}`, letter.messageId],
  )
  await sql.run(
    `update dead_letter set code = $2, cause = $3, hint = $4, attempts = attempts + 1
     where number = $1`,
    [letter.number, failure.code, failure.cause, failure.hint ?? null],
  )
}

/** Those that were replayed or dropped, some days ago. */
export async function forgetLetters(sql: Sql, days: number): Promise<number> {
  return sql.run(
    `delete from dead_letter
     where state <> 'waiting' and settled_at < now() - make_interval(days => $1)`,
    [days],
  )
}
