import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { DataFault, faultAt, quoted } from '../engine/index.ts'
import { type Blobs, putJson, readJson } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import type { Connections } from './connections.ts'
import { postgresAt, sourceFault } from './declared-at.ts'
import { copyRows, selectOf, tableAt } from './postgres.ts'
import { openSession, type PostgresSession, postgresOf } from './postgres-session.ts'
import type { TextRow, WrittenRows } from './text-rows.ts'

/*
 * Only what is new in a table, by a column that grows. Two things make `where id > the last` lose
 * rows, silently and for ever:
 *
 * Writers overtake each other: 8 may be committed while 7, taken from the sequence before it, is
 * not. So the largest value is looked up first; then everyone who holds a lock for writing on the
 * tables that are read is waited for; then rows up to that value are read. Whoever takes a value in
 * the INSERT itself (a sequence, an identity, clock_timestamp()) holds that lock before he has the
 * value, so none below the largest is missing after the wait.
 *
 * Values come again: more rows of the same moment, or day. So the largest value is read again next
 * time, and those of its rows that were given before are known by their digests.
 *
 * What stays lost is a value that was taken before the INSERT and committed after a larger one was
 * read: `now()` of a long transaction, numbers that a program draws ahead. The guide says so.
 */

/** Rows past a mark, in order of the cursor, and the mark for the next time. */
export interface RowsBeyond extends WrittenRows {
  /** Opaque; null while no row was ever given. */
  readonly mark: string | null
}

interface Mark {
  /** The largest value, up to which all was given. */
  readonly value: string
  /** Digests of its rows, in a blob. */
  readonly given: Digest
}

/** Writers that are slower than this are told; rows are not left out for them. */
const settleLooks = 50
const settlePauseMs = 100
/** Rows of one value of the cursor: their digests are kept in memory, and in a blob of 30 MB. */
const tiesMax = 1_000_000

/**
 * Reads what came since `mark`, the one of the last time, or all for null. What is deleted in the
 * table stays given. Throws a DataFault: what `readTable` throws, and E_SOURCE when a writer does
 * not end, on a standby server, or for a cursor that is null or the same in too many rows.
 */
export async function readBeyond(
  source: SourceSpec,
  mark: string | null,
  connections: Connections,
  blobs: Blobs,
): Promise<RowsBeyond> {
  try {
    const before = mark === null ? undefined : (JSON.parse(mark) as Mark)
    const given = before ? await readJson<readonly string[]>(blobs, before.given) : []
    await using session = await openSession(source, connections)
    const upTo = await settledUpTo(session, source)
    return await session.transaction('repeatable read', async () => {
      const range = await rangeOf(session, source, before?.value, upTo)
      const ties = new Ties(source, range, { value: before?.value, rows: given })
      const rows = await copyRows(
        session,
        source,
        { ...range, takes: row => ties.takes(row) },
        blobs,
      )
      if (rows.rows === 0 || upTo === undefined) return { ...rows, mark }
      const next: Mark = { value: upTo, given: await putJson(blobs, ties.atTop()) }
      return { ...rows, mark: JSON.stringify(next) }
    })
  } catch (error) {
    throw faultAt(tableAt(source), error)
  }
}

interface Range {
  readonly where: string
  readonly values: readonly string[]
  readonly cursor: string
  /** Which column it is. */
  readonly at: number
  readonly upTo: string | undefined
}

async function rangeOf(
  session: PostgresSession,
  source: SourceSpec,
  from: string | undefined,
  upTo: string | undefined,
): Promise<Range> {
  const cursor = cursorOf(source)
  const names = (await session.describe(selectOf(source))).map(c => c.name)
  const column = `q.${quoted(cursor)}`
  const base = { cursor, at: names.indexOf(cursor), upTo }
  if (upTo === undefined) return { ...base, where: 'where false', values: [] }
  if (from === undefined) {
    return { ...base, where: `where ${column} <= $1`, values: [upTo] }
  }
  const where = `where ${column} >= $1 and ${column} <= $2`
  return { ...base, where, values: [from, upTo] }
}

/** Rows that were given before, and those to remember for the next time. */
class Ties {
  readonly #source: SourceSpec
  readonly #range: Range
  readonly #from: string | undefined
  readonly #given = new Map<string, number>()
  readonly #top: string[] = []

  constructor(
    source: SourceSpec,
    range: Range,
    before: { readonly value: string | undefined; readonly rows: readonly string[] },
  ) {
    this.#source = source
    this.#range = range
    this.#from = before.value
    for (const row of before.rows) this.#given.set(row, (this.#given.get(row) ?? 0) + 1)
  }

  /** Whether the row was not given before. */
  takes(row: TextRow): boolean {
    const value = row[this.#range.at]
    const isTop = value === this.#range.upTo
    if (!isTop && value !== this.#from) return true
    const digest = createHash('sha256').update(JSON.stringify(row)).digest('base64url').slice(0, 22)
    if (isTop && this.#top.push(digest) > tiesMax) {
      const detail = `more than ${tiesMax} rows have one value of \`${this.#range.cursor}\``
      const hint = 'name a column that tells rows apart, or leave out cursor: then all is read'
      throw sourceFault(postgresAt(this.#source, 'cursor'), detail, hint)
    }
    const left = value === this.#from ? (this.#given.get(digest) ?? 0) : 0
    if (left > 0) this.#given.set(digest, left - 1)
    return left === 0
  }

  /** In order, so that the same rows are the same blob. */
  atTop(): readonly string[] {
    return this.#top.sort()
  }
}

/**
 * The largest value of the cursor, once no smaller one can appear any more: see above. Undefined
 * when there are no rows.
 */
async function settledUpTo(
  session: PostgresSession,
  source: SourceSpec,
): Promise<string | undefined> {
  const { upTo, writers } = await session.transaction('read committed', async () => {
    const upTo = await largest(session, source)
    return { upTo, writers: await writersOf(session) }
  })
  for (let look = 0; look < settleLooks && writers.length > 0; look++) {
    const [row] = await session.rows(
      `select count(*)::text from pg_locks where virtualtransaction || ':' || coalesce(pid, 0)
       = any($1::text[])`,
      [`{${writers.map(writer => `"${writer}"`).join(',')}}`],
    )
    if (row?.[0] === '0') return upTo
    await sleep(settlePauseMs)
  }
  if (writers.length === 0) return upTo
  const seconds = (settleLooks * settlePauseMs) / 1_000
  throw sourceFault(
    tableAt(source),
    `it is being written to for more than ${seconds} s, and what is not committed may belong before
     what is`.replace(/\s+/g, ' '),
    'end that transaction (select * from pg_stat_activity), or try again when it has ended',
  )
}

async function largest(session: PostgresSession, source: SourceSpec): Promise<string | undefined> {
  const cursor = cursorOf(source)
  const column = `q.${quoted(cursor)}`
  const columns = await session.describe(selectOf(source))
  if (!columns.some(c => c.name === cursor)) {
    const shown = columns.slice(0, 20).map(c => c.name)
    throw new DataFault(
      postgresAt(source, 'cursor'),
      'E_DATA_SCHEMA',
      `there is no column \`${cursor}\``,
      { hint: `name one of ${shown.join(', ')}${columns.length > 20 ? ', ...' : ''}` },
    )
  }
  const [server] = await session.rows('select pg_is_in_recovery()::text')
  if (server?.[0] === 'true') {
    throw sourceFault(
      postgresAt(source, 'connection'),
      'this is a standby server, which does not show who is writing',
      'name a connection to the primary, or leave out cursor: then all is read each time',
    )
  }
  const [nulls] = await session.rows(`${selectOf(source)} where ${column} is null limit 1`)
  if (nulls !== undefined) {
    throw sourceFault(
      postgresAt(source, 'cursor'),
      `\`${cursor}\` is null in some row, which would never be read`,
      'name a column that is never null, or leave such rows out in a query',
    )
  }
  const [row] = await session.rows(
    `${selectOf(source, column)} where ${column} is not null order by ${column} desc limit 1`,
  )
  const top = row?.[0] ?? undefined
  if (top !== undefined && /^(?:infinity|nan)$/i.test(top)) {
    throw sourceFault(
      postgresAt(source, 'cursor'),
      `\`${cursor}\` is ${top} in some row: nothing can come after it`,
      'leave such rows out in a query',
    )
  }
  return top
}

/** Oids below are of the system's own tables. */
const firstUserOid = 16_384

/** Transactions that hold a lock for writing on a table that this one has read. */
async function writersOf(session: PostgresSession): Promise<readonly string[]> {
  const rows = await session.rows(
    `select distinct w.virtualtransaction || ':' || coalesce(w.pid, 0) from pg_locks w
     join pg_locks r on r.locktype = 'relation' and r.database = w.database
       and r.relation = w.relation and r.pid = pg_backend_pid()
     where w.locktype = 'relation' and w.granted and w.pid is distinct from pg_backend_pid()
       and w.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
         'AccessExclusiveLock')
       and w.relation >= ${firstUserOid}`,
  )
  return rows.map(([writer]) => must(writer ?? undefined, 'a lock has a transaction'))
}

function cursorOf(source: SourceSpec): string {
  return must(postgresOf(source).cursor, 'it is read by a cursor')
}
