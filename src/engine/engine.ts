import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  StatementType,
} from '@duckdb/node-api'
import { MusterError } from '../base/errors.ts'
import { type LoadedColumn, loadTable } from './loaded-table.ts'
import { columnOf, PreparedSelect, type ResultColumn } from './prepared.ts'
import { sqlError } from './sql-error.ts'
import { literal } from './sql-text.ts'

/*
 * DuckDB in memory, locked: it may read the files named when it is opened and nothing else, can
 * load no extension, and its configuration cannot be changed again. `allowed_paths` (files), not
 * `allowed_directories`, because the latter still permits COPY TO inside the folder. Every query
 * has a time limit, by interrupt.
 */

export interface EngineOptions {
  /** Files that may be read: digest-checked blobs. */
  readonly allowedPaths: readonly string[]
  /**
   * A folder in which to make a folder for what does not fit in memory. Without it nothing spills.
   */
  readonly tempFolder?: string
  readonly threads?: number
  readonly memoryMb?: number
  readonly timeLimitMs?: number
  /** Of whoever waits for answers: with it the query that runs is stopped, and no other begun. */
  readonly signal?: AbortSignal | undefined
}

export interface Column {
  readonly name: string
  /** As DuckDB spells it: `BIGINT`, `TIMESTAMP`, `DECIMAL(18,3)`. */
  readonly type: string
}

/**
 * One column of a chunk: FLOAT, DOUBLE and INTEGER columns arrive as what they are. Nulls are not
 * marked.
 */
export type ChunkColumn = Float32Array | Float64Array | Int32Array

/**
 * Two, because two cores are what the smallest machine has, and an engine is one of several
 * processes.
 */
const threadsDefault = 2
/**
 * Beside it the process holds the columns of a frame; together they stay under 1.2 GB for 3,000,000
 * rows.
 */
const memoryMbDefault = 768
/**
 * Long enough for a scan of a billion rows, short enough to free a worker from a runaway cross
 * join.
 */
const timeLimitMsDefault = 600_000

/** No DuckDB of ours loads code or remembers secrets, whether it reads or writes. */
export const noExtensions = {
  autoload_known_extensions: 'false',
  autoinstall_known_extensions: 'false',
  allow_community_extensions: 'false',
  allow_persistent_secrets: 'false',
} as const

export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { connection, close } = await openLocked(options)
  const { timeLimitMs = timeLimitMsDefault, signal } = options
  return new Engine(connection, { timeLimitMs, signal }, close)
}

/**
 * The bare connection behind an engine. Exported so that a test can try the lock without the engine
 * before it.
 */
export async function openLocked(options: EngineOptions) {
  const { tempFolder: parent } = options
  const tempFolder = parent === undefined ? undefined : await mkdtemp(join(parent, 'duckdb-'))
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? threadsDefault),
    memory_limit: `${options.memoryMb ?? memoryMbDefault}MB`,
    temp_directory: tempFolder ?? '',
    ...noExtensions,
  })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  await connection.run(`set allowed_paths = [${options.allowedPaths.map(literal).join(', ')}]`)
  await connection.run('set enable_external_access = false')
  await connection.run('set lock_configuration = true')
  const close = async () => {
    connection.closeSync()
    instance.closeSync()
    if (tempFolder !== undefined) await rm(tempFolder, { recursive: true, force: true })
  }
  return { connection, close }
}

function numbersOf(chunk: DuckDBDataChunk, at: number): ChunkColumn {
  // Both are private in the package's types; its public accessors read value by value, 20 times
  // slower.
  const { items, validity } = chunk.getColumnVector(at) as unknown as {
    readonly items: ChunkColumn
    readonly validity: { readonly data: BigUint64Array | null }
  }
  if (validity.data === null || items instanceof Int32Array) return items
  const bits = new Uint8Array(validity.data.buffer, validity.data.byteOffset)
  const numbers = items.slice()
  for (let row = 0; row < numbers.length; row++) {
    if (((bits[row >> 3]! >> (row & 7)) & 1) === 0) numbers[row] = Number.NaN
  }
  return numbers
}

export class Engine implements AsyncDisposable {
  readonly #connection: DuckDBConnection
  readonly #timeLimitMs: number
  readonly #signal: AbortSignal | undefined
  readonly #close: () => Promise<void>

  constructor(
    connection: DuckDBConnection,
    limits: { readonly timeLimitMs: number; readonly signal?: AbortSignal | undefined },
    close: () => Promise<void>,
  ) {
    this.#connection = connection
    this.#timeLimitMs = limits.timeLimitMs
    this.#signal = limits.signal
    this.#close = close
  }

  /** Rows as objects, for small results. Throws what `sqlError` gives. */
  async rows<Row extends object = Record<string, unknown>>(sql: string): Promise<readonly Row[]> {
    return this.#limited(async () => {
      const result = await (await this.#prepare(sql)).stream()
      return (await result.getRowObjectsJS()) as unknown as Row[]
    })
  }

  /**
   * Gives `take` the columns of one chunk after the other; it must not keep them. A null FLOAT or
   * DOUBLE is NaN; INTEGER columns hold no nulls.
   */
  async stream(
    sql: string,
    take: (columns: readonly ChunkColumn[], rows: number) => void,
  ): Promise<void> {
    await this.#limited(async () => {
      const result = await (await this.#prepare(sql)).stream()
      const width = result.columnCount
      // The next chunk is made while one is taken.
      let next = result.fetchChunk()
      try {
        for (;;) {
          const chunk = await next
          if (!chunk || chunk.rowCount === 0) return
          next = result.fetchChunk()
          take(
            Array.from({ length: width }, (_, at) => numbersOf(chunk, at)),
            chunk.rowCount,
          )
        }
      } finally {
        await next.catch(() => {})
      }
    })
  }

  /**
   * Like `stream`, of columns of any type, which may be kept; the next chunk waits for `take`.
   * Nulls of numbers are not marked.
   */
  async streamValues(
    sql: string,
    take: (columns: readonly ResultColumn[], rows: number) => Promise<void> | void,
  ): Promise<void> {
    await this.#limited(async () => {
      const result = await (await this.#prepare(sql)).stream()
      const { columnCount } = result
      for (;;) {
        const chunk = await result.fetchChunk()
        if (!chunk || chunk.rowCount === 0) return
        const columns = Array.from({ length: columnCount }, (_, at) => columnOf(chunk, at))
        await take(columns, chunk.rowCount)
      }
    })
  }

  /** One SELECT with parameters `$1`, `$2` ..., to be run many times. */
  async prepare(sql: string): Promise<PreparedSelect> {
    const statement = await this.#limited(() => this.#prepare(sql))
    return new PreparedSelect(statement, work => this.#limited(work))
  }

  /** Names and types of what a SELECT would give. */
  async describe(sql: string): Promise<readonly Column[]> {
    return this.#limited(async () => {
      const statement = await this.#prepare(sql)
      return Array.from({ length: statement.columnCount }, (_, at) => ({
        name: statement.columnName(at),
        type: statement.columnType(at).toString(),
      }))
    })
  }

  /** Makes or drops a temporary table or view. */
  async define(sql: string): Promise<void> {
    await this.#limited(async () => {
      const statement = await this.#prepare(sql, [StatementType.CREATE, StatementType.DROP])
      await statement.run()
    })
  }

  /** Makes a temporary table of values that a caller holds: `rows` of them a column. */
  async load(name: string, columns: readonly LoadedColumn[], rows: number): Promise<void> {
    await this.#limited(() => loadTable(this.#connection, name, columns, rows))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }

  async #prepare(sql: string, types: readonly number[] = [StatementType.SELECT]) {
    const statements = await this.#connection.extractStatements(sql)
    if (statements.count !== 1) {
      throw new MusterError('E_SQL_STATEMENT', `this is ${statements.count} statements, not one`)
    }
    const statement = await statements.prepare(0)
    if (!types.includes(statement.statementType)) {
      throw new MusterError('E_SQL_STATEMENT', 'this is not a SELECT')
    }
    return statement
  }

  async #limited<T>(work: () => Promise<T>): Promise<T> {
    if (this.#signal?.aborted) throw cancelled()
    const interrupt = () => this.#connection.interrupt()
    const timer = setTimeout(interrupt, this.#timeLimitMs)
    this.#signal?.addEventListener('abort', interrupt)
    try {
      return await work()
    } catch (cause) {
      throw this.#signal?.aborted ? cancelled() : sqlError(cause, this.#timeLimitMs)
    } finally {
      clearTimeout(timer)
      this.#signal?.removeEventListener('abort', interrupt)
    }
  }
}

function cancelled(): MusterError {
  return new MusterError('E_CANCELLED', 'nobody waits for the answer any more')
}
