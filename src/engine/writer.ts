import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBAppender, type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { noExtensions } from './engine.ts'
import { type LoadedColumn, loadTable } from './loaded-table.ts'
import { sqlError } from './sql-error.ts'
import { literal } from './sql-text.ts'

/*
 * DuckDB that writes Parquet files. It runs SQL that Muster itself composes, from quoted names and
 * literals, and never an expression that somebody declared: those belong to the `Engine`, which can
 * write nothing. It reaches the files named when it is opened and its own folder.
 */

export interface WriterOptions {
  /** Files that may be read: digest-checked blobs. */
  readonly allowedPaths: readonly string[]
  /** In it a folder is made for what is written and what spills; removed on closing. */
  readonly scratch: string
  readonly threads?: number
  readonly memoryMb?: number
}

export class Writer implements AsyncDisposable {
  /** Where files may be written; what is to stay is moved into the blob store before closing. */
  readonly folder: string
  readonly #connection: DuckDBConnection
  readonly #close: () => Promise<void>

  constructor(folder: string, connection: DuckDBConnection, close: () => Promise<void>) {
    this.folder = folder
    this.#connection = connection
    this.#close = close
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql).catch(refuse)
  }

  async rows<Row extends object = Record<string, unknown>>(sql: string): Promise<readonly Row[]> {
    const reader = await this.#connection.runAndReadAll(sql).catch(refuse)
    return reader.getRowObjectsJS() as unknown as Row[]
  }

  /** Appends to a table of this writer, value by value or by chunks; close it to have them in. */
  async appender(table: string): Promise<DuckDBAppender> {
    return this.#connection.createAppender(table)
  }

  /** Makes a temporary table of values that a caller holds: `rows` of them a column. */
  async load(name: string, columns: readonly LoadedColumn[], rows: number): Promise<void> {
    await loadTable(this.#connection, name, columns, rows).catch(refuse)
  }

  /** Writes what a SELECT gives, in its order, as a zstd Parquet file in `folder`. */
  async parquet(select: string, name: string, rowGroupRows = 122_880): Promise<string> {
    const path = join(this.folder, name)
    const how = `format parquet, compression zstd, row_group_size ${rowGroupRows}`
    await this.run(`copy (${select}) to ${literal(path)} (${how})`)
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}

function refuse(cause: unknown): never {
  throw sqlError(cause, 0)
}

export async function openWriter(options: WriterOptions): Promise<Writer> {
  const folder = await mkdtemp(join(options.scratch, 'write-'))
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? 2),
    memory_limit: `${options.memoryMb ?? 768}MB`,
    temp_directory: join(folder, 'spill'),
    preserve_insertion_order: 'true',
    ...noExtensions,
  })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  await connection.run(`set allowed_directories = [${literal(folder)}]`)
  await connection.run(`set allowed_paths = [${options.allowedPaths.map(literal).join(', ')}]`)
  await connection.run('set enable_external_access = false')
  await connection.run('set lock_configuration = true')
  return new Writer(folder, connection, async () => {
    connection.closeSync()
    instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  })
}
