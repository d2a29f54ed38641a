import pg from 'pg'
import Cursor from 'pg-cursor'
import { DataFault } from '../engine/index.ts'
import type { PostgresLocation, SourceSpec } from '../spec/index.ts'
import { type Connections, variableOf } from './connections.ts'
import { connectionOf, postgresAt } from './declared-at.ts'
import type { TextRow } from './text-rows.ts'

/*
 * One connection to a database of others, for one read. Whatever a declaration asks for runs in a
 * transaction that may only read, as one statement (the extended protocol takes no two), with a
 * time limit, and as text: what a value is called is settled by the settings below and not by those
 * of the server.
 */

/** A column of a result, as PostgreSQL describes it. */
export interface ResultColumn {
  readonly name: string
  readonly oid: number
  /** `atttypmod`: precision and scale of a numeric; -1 when there is none. */
  readonly modifier: number
}

export type Isolation = 'read committed' | 'repeatable read'

/** One that does not answer is told soon: a person waits for the plan. */
const connectMs = 10_000
/** Of a statement, or of one batch of it: a scan of a large table, not a runaway join. */
const statementMs = 300_000
/** So much later the socket is cut: the server did not keep the limit, or is gone. */
const graceMs = 10_000
/** Rows of a batch are parsed in one go while this process also serves; so it is kept short. */
const batchBytes = 1_000_000
const batchRowsMax = 2_000

const settings = `set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set extra_float_digits = 1;
  set default_transaction_read_only = on; set statement_timeout = ${statementMs}`

export class PostgresSession implements AsyncDisposable {
  readonly #client: pg.Client
  readonly #source: SourceSpec
  readonly #location: PostgresLocation

  constructor(client: pg.Client, source: SourceSpec, location: PostgresLocation) {
    this.#client = client
    this.#source = source
    this.#location = location
  }

  /** What `work` reads is of one moment, when the isolation is `repeatable read`. */
  async transaction<T>(isolation: Isolation, work: () => Promise<T>): Promise<T> {
    await this.rows(`begin transaction isolation level ${isolation} read only`)
    const done = await work()
    await this.rows('rollback')
    return done
  }

  async rows(sql: string, values: readonly (string | null)[] = []): Promise<readonly TextRow[]> {
    return (await this.#query(sql, values)).rows
  }

  async describe(sql: string): Promise<readonly ResultColumn[]> {
    const { fields } = await this.#query(`${sql}\nlimit 0`, [])
    return fields.map(f => ({ name: f.name, oid: f.dataTypeID, modifier: f.dataTypeModifier }))
  }

  /** Gives `take` all rows in batches; never more than one is in memory. */
  async stream(
    sql: string,
    values: readonly string[],
    take: (rows: readonly TextRow[]) => void,
  ): Promise<void> {
    await this.#limited(async restart => {
      const cursor = this.#client.query(
        new Cursor<TextRow>(sql, [...values], { rowMode: 'array', types: asText }),
      )
      for (let wanted = 100; ; ) {
        const rows = await cursor.read(wanted)
        if (rows.length === 0) return
        take(rows)
        restart()
        const bytes = sizeOf(rows)
        wanted = Math.ceil((rows.length * batchBytes) / Math.max(bytes, 1))
        wanted = Math.max(1, Math.min(wanted, batchRowsMax, 2 * rows.length))
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end().catch(() => {})
  }

  #query(text: string, values: readonly (string | null)[]) {
    const config = { text, values: [...values], rowMode: 'array', types: asText } as const
    // Not of the package's types: also without values it sends one statement, never several.
    const extended = { ...config, queryMode: 'extended' }
    return this.#limited(() => this.#client.query<(string | null)[]>(extended))
  }

  async #limited<T>(work: (restart: () => void) => Promise<T>): Promise<T> {
    const stop = new Error('no answer in time')
    const cut = () => this.#client.connection.stream.destroy(stop)
    let timer = setTimeout(cut, statementMs + graceMs)
    try {
      return await work(() => {
        clearTimeout(timer)
        timer = setTimeout(cut, statementMs + graceMs)
      })
    } catch (error) {
      throw faultOf(error, this.#source, this.#location)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Throws a DataFault of the source when it cannot be had; no error holds the address. */
export async function openSession(
  source: SourceSpec,
  connections: Connections,
): Promise<PostgresSession> {
  const location = postgresOf(source)
  const { url } = connectionOf(source, connections, 'postgres')
  const client = await connect(url).catch(error => {
    throw faultOf(error, source, location)
  })
  return new PostgresSession(client, source, location)
}

/** A client with the settings of a reader; throws what the driver does. */
export async function connect(url: string, timeoutMs = connectMs): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'muster source',
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
  })
  // A connection that breaks while nobody asks is told by the next question.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(settings)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

export function postgresOf({ location, name }: SourceSpec): PostgresLocation {
  if ('postgres' in location) return location.postgres
  throw new Error(`the source ${name} is no table`)
}

const asText = { getTypeParser: () => (text: string | Buffer) => String(text) }

function sizeOf(rows: readonly TextRow[]): number {
  let size = 0
  for (const row of rows) for (const value of row) size += value?.length ?? 0
  return size
}

/** What a person is told of a failure to connect: no address, and nothing that holds one. */
export function connectReason(error: unknown): string {
  const code = (error as { code?: unknown }).code
  if (code === '28P01' || code === '28000') return 'the log-in is refused'
  if (code === '3D000') return 'it has no such database'
  if (code === '53300') return 'it takes no more connections'
  return typeof code === 'string' && /^[A-Z0-9_]{5,40}$/.test(code)
    ? `it does not answer (${code})`
    : 'it does not answer'
}

function faultOf(error: unknown, source: SourceSpec, location: PostgresLocation): unknown {
  if (error instanceof DataFault) return error
  const { connection } = location
  if (!(error instanceof pg.DatabaseError) || /^(?:28|3D|53|57P|08)/.test(error.code ?? '')) {
    const detail = `the connection \`${connection}\`: ${connectReason(error)}`
    // Without its cause: what the driver throws may hold the address.
    return new DataFault(postgresAt(source, 'connection'), 'E_SOURCE', detail, {
      hint: `see that its server is up, and that ${variableOf(connection)} is right`,
    })
  }
  const at = postgresAt(source, location.query === undefined ? 'table' : 'query')
  const fault = (code: 'E_SOURCE' | 'E_SQL_FORBIDDEN' | 'E_SQL_TIMEOUT', hint: string) =>
    new DataFault(at, code, `\`${connection}\` answers: ${error.message}`, { hint, cause: error })
  switch (error.code) {
    case '25006':
      return fault('E_SQL_FORBIDDEN', 'a source only reads: leave out what writes')
    case '57014':
      return fault('E_SQL_TIMEOUT', `make it answer within ${statementMs / 60_000} minutes`)
    case '42501':
      return fault('E_SOURCE', 'let the role of the connection read it: grant select on ...')
    default:
      return fault('E_SOURCE', 'try the query in psql, as the role of the connection')
  }
}
