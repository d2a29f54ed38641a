import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { MusterError } from '../base/errors.ts'
import { Pulse, silence } from './pulse.ts'
import type { Sql, SqlText, Transactions } from './sql.ts'

/**
 * Twelve: control, its listener and a few requests; embedded Postgres allows 60 for all processes
 * together.
 */
const connectionsMax = 12
/**
 * A statement over 111,468 models takes seconds; one that runs for two minutes has lost its way.
 */
const statementTimeoutMs = 120_000
/** For one connection that is dead while the server lives: it would have ended any statement. */
const answerTimeoutMs = statementTimeoutMs + 10_000
/** Of the question whether it is there: a connection, and a statement on it. */
const askMs = 5_000
/** A transaction that nobody carries on holds locks that others wait for. */
const idleInTransactionMs = 60_000
const transactionAttempts = 5
/** How long a new connection is tried for: a killed server is back in well under a second. */
const connectTries = 40
const connectPauseMs = 100
/** For one of the pool, or for the server to accept one: longer than what it is in the way of. */
const connectMs = 10_000

export interface Store extends Transactions, AsyncDisposable {
  close(): Promise<void>
}

export interface StoreOptions {
  readonly connections?: number
  readonly applicationName?: string
  /** Milliseconds until a connection is there; default 10,000. */
  readonly connectMs?: number
  /** Called when the database is found away, and when it is found back; must not throw. */
  readonly turned?: () => void
}

/** bigint comes as a number: none of ours reaches 2^53. */
const numberTypes = { getTypeParser }
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === pg.types.builtins.INT8) return Number
  return pg.types.getTypeParser(oid as 20, format as 'text')
}

interface Server {
  readonly pool: pg.Pool
  readonly pulse: Pulse
}

export async function openStore(url: string, options: StoreOptions = {}): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connections ?? connectionsMax,
    application_name: options.applicationName ?? 'muster',
    statement_timeout: statementTimeoutMs,
    query_timeout: answerTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    connectionTimeoutMillis: options.connectMs ?? connectMs,
    types: numberTypes as never,
  })
  // A connection that breaks while idle, or between two statements of a transaction, is found
  // broken by the next use; unheard, its error would end us.
  pool.on('error', () => {})
  pool.on('connect', client => client.on('error', () => {}))
  const store = onServer({
    pool,
    pulse: new Pulse(() => askServer(url), options.turned ?? (() => {})),
  })
  try {
    await store.one('select 1 as "up"')
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}

/** On a connection of its own: those of the pool may all be waiting. */
async function askServer(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'muster asks',
    connectionTimeoutMillis: askMs,
    query_timeout: askMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
  } catch (error) {
    // Of one that refuses us, each call tells why.
    if (!(error instanceof pg.DatabaseError)) throw error
  } finally {
    void client.end()
  }
}

function onServer(server: Server): Store {
  const { pool, pulse } = server
  let closed: Promise<void> | undefined
  const close = () => {
    pulse.close()
    closed ??= pool.end()
    return closed
  }
  const once = async <T>(deed: (sql: Sql) => Promise<T>): Promise<T> => {
    const client = await connect(server)
    try {
      const result = await deed(onClient(client, pulse))
      client.release()
      return result
    } catch (error) {
      client.release(isBroken(error) ? (error as Error) : undefined)
      throw asDatabaseError(error)
    }
  }
  return {
    all: (text, values) => once(sql => sql.all(text, values)),
    one: (text, values) => once(sql => sql.one(text, values)),
    run: (text, values) => once(sql => sql.run(text, values)),
    transaction: (deed, reading) => transact(server, deed, reading),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * A connection, tried again when the server has just gone: nothing was sent, so nothing can double.
 * While it is known to be away, it is not tried.
 */
async function connect({ pool, pulse }: Server): Promise<pg.PoolClient> {
  for (let tries = 1; ; tries++) {
    if (pulse.isAway) throw asDatabaseError(silence())
    const connection = pool.connect()
    try {
      return await pulse.until(connection)
    } catch (error) {
      if (pulse.isAway) {
        connection.then(
          late => late.release(),
          () => {},
        )
        throw asDatabaseError(error)
      }
      // That took its time already; tried again, callers would wait for minutes.
      if (isTimeout(error)) throw noConnection(pool, error)
      if (pool.ending || !isBroken(error)) throw asDatabaseError(error)
      if (tries >= connectTries) {
        if (!(error instanceof pg.DatabaseError)) pulse.lose()
        throw asDatabaseError(error)
      }
      await sleep(connectPauseMs)
    }
  }
}

function isTimeout(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^timeout exceeded when|due to connection timeout$|^timeout expired$/.test(error.message)
  )
}

function noConnection({ totalCount, options }: pg.Pool, cause: unknown): MusterError {
  const isFull = totalCount >= (options.max ?? connectionsMax)
  const detail = isFull
    ? `all ${totalCount} connections to the database are in use`
    : 'Postgres does not accept a connection in time'
  const hint = 'send it again later; muster doctor tells what waits'
  return new MusterError('E_DATABASE', detail, { hint, cause })
}

async function transact<T>(
  server: Server,
  deed: (sql: Sql) => Promise<T>,
  reading?: 'snapshot',
): Promise<T> {
  const begin = reading ? 'begin isolation level repeatable read read only' : 'begin'
  for (let attempt = 1; ; attempt++) {
    const client = await connect(server)
    const sql = onClient(client, server.pulse)
    let committing = false
    try {
      await sql.run(begin)
      const result = await deed(sql)
      committing = true
      await sql.run('commit')
      client.release()
      return result
    } catch (error) {
      const broken = isBroken(error)
      const rolledBack = !broken && (await undo(sql))
      client.release(rolledBack ? undefined : (error as Error))
      const again = isConflict(error) || (broken && !committing)
      if (!again || attempt >= transactionAttempts) throw asDatabaseError(error)
      await sleep(5 * 2 ** attempt)
    }
  }
}

/** A connection on which this fails is in nobody knows what state. */
async function undo(sql: Sql): Promise<boolean> {
  return sql.run('rollback').then(
    () => true,
    () => false,
  )
}

function onClient(client: pg.ClientBase, pulse: Pulse): Sql {
  const query = (text: SqlText, values?: readonly unknown[]) => {
    const statement = typeof text === 'string' ? { text } : text
    return pulse.answer(client.query({ ...statement, ...(values && { values: [...values] }) }))
  }
  return {
    all: async <Row extends object>(text: SqlText, values?: readonly unknown[]) =>
      (await query(text, values)).rows as Row[],
    one: async <Row extends object>(text: SqlText, values?: readonly unknown[]) =>
      (await query(text, values)).rows[0] as Row | undefined,
    run: async (text, values) => (await query(text, values)).rowCount ?? 0,
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '')
}

/** Serialization failure and deadlock: Postgres undid all of it and asks to be asked again. */
function isConflict(error: unknown): boolean {
  return ['40001', '40P01'].includes(codeOf(error))
}

/** The connection is gone or was never made: class 08, shutdown, too many clients, the socket. */
function isBroken(error: unknown): boolean {
  if (error instanceof MusterError) return false
  const code = codeOf(error)
  if (/^08|^57P0[123]$|^53300$|^E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH)/.test(code))
    return true
  return (
    error instanceof Error &&
    /connection terminated|timeout exceeded when|query read timeout|is not queryable/i.test(
      error.message,
    )
  )
}

/** E_DATABASE when the server does not answer; every other error as it is. */
function asDatabaseError(error: unknown): unknown {
  if (!isBroken(error)) return error
  const detail =
    codeOf(error) === 'ETIMEDOUT'
      ? 'Postgres does not answer'
      : 'Postgres closed the connection or does not accept one'
  return new MusterError('E_DATABASE', detail, {
    hint: 'wait until it is up again; the call may be repeated',
    cause: error,
  })
}
