import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { World, WorldRow } from '../../src/features/oracle-world.fixture.ts'
import type { WindowLength } from '../../src/spec/index.ts'

/*
 * The worlds of the oracle as Parquet, for peers to be asked the same: `spine`, a file for each
 * group's rows, `features` (what each feature is) and `expected` (what is right). A column `world`
 * is part of every entity. Times are TIMESTAMP.
 */

const groupColumns = `(world integer, row integer, station varchar, sensor varchar, city integer,
  happened timestamp, counted timestamp, known timestamp, number double, word varchar)`

/** `entity`: `column=column of the spine`, with commas between; `stat` is null of latest values. */
const tables = {
  spine: `(world integer, row integer, station varchar, other varchar, town integer,
    sensor varchar, as_of timestamp)`,
  features: `(world integer, feature varchar, rows varchar, entity varchar, value varchar,
    stat varchar, over_ms bigint, over_rows integer, ttl_ms bigint)`,
  expected: '(world integer, row integer, feature varchar, number double, word varchar)',
  kept: groupColumns,
  cities: groupColumns,
  counts: groupColumns,
} as const

type Table = keyof typeof tables

/** Rows of one INSERT. */
const linesAtOnce = 1_000

export class WorldExport {
  readonly #connection: DuckDBConnection
  readonly #into: string
  readonly #pending = new Map<Table, string[]>()

  private constructor(connection: DuckDBConnection, into: string) {
    this.#connection = connection
    this.#into = into
  }

  static async open(into: string): Promise<WorldExport> {
    mkdirSync(into, { recursive: true })
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    for (const [name, columns] of Object.entries(tables)) {
      await connection.run(`create table ${name} ${columns}`)
    }
    return new WorldExport(connection, into)
  }

  /** One row of the spine, and what is right for it by feature. */
  async ask(world: number, row: number, of: World, expected: readonly unknown[]): Promise<void> {
    const ask = of.asks[row]!
    const keys = [text(ask.station), text(ask.other), plain(ask.town), text(ask.sensor)]
    await this.#add('spine', [world, row, ...keys, moment(ask.asOf)])
    for (const [at, { name, type }] of of.features.entries()) {
      const value = expected[at]
      const number = type ? 'null' : plain(value as number)
      const word = type ? text(value as string | null) : 'null'
      await this.#add('expected', [world, row, text(name), number, word])
    }
  }

  /** The rows of its groups and what its features are. */
  async world(world: number, { groups, features }: World): Promise<void> {
    for (const { name, from } of features) {
      if (from.kind !== 'group') continue
      const { features: windows, latest } = groups.find(g => g.spec.name === from.group)!.spec
      const found = [...windows, ...latest].find(f => f.name === from.feature)!
      const entity = found.by.map(column => `${column}=${from.on?.[column] ?? column}`).join(',')
      const how =
        'stat' in found
          ? [text(found.stat), ...overOf(found.over), 'null']
          : ['null', 'null', 'null', plain(found.ttlMs ?? null)]
      const said = [name, from.group, entity, found.of].map(text)
      await this.#add('features', [world, ...said, ...how])
    }
    for (const { spec, rows } of groups) {
      for (const row of rows) await this.#add(spec.name as Table, [world, ...valuesOf(row)])
    }
  }

  async close(): Promise<void> {
    for (const table of Object.keys(tables) as Table[]) {
      await this.#flush(table)
      const path = join(this.#into, `${table}.parquet`)
      await this.#connection.run(`copy ${table} to '${path}' (format parquet)`)
    }
    this.#connection.closeSync()
  }

  async #add(table: Table, values: readonly (string | number)[]): Promise<void> {
    const lines = this.#pending.get(table) ?? []
    lines.push(`(${values.join(', ')})`)
    this.#pending.set(table, lines)
    if (lines.length >= linesAtOnce) await this.#flush(table)
  }

  async #flush(table: Table): Promise<void> {
    const lines = this.#pending.get(table)
    if (lines?.length) await this.#connection.run(`insert into ${table} values ${lines.join(',')}`)
    this.#pending.set(table, [])
  }
}

function valuesOf(row: WorldRow): readonly (string | number)[] {
  return [
    row.row,
    text(row.station),
    text(row.sensor),
    plain(row.city),
    moment(row.happened),
    moment(row.counted),
    moment(row.known),
    plain(row.number),
    text(row.word),
  ]
}

function text(value: string | null): string {
  return value === null ? 'null' : `'${value.replaceAll("'", "''")}'`
}

function plain(value: number | null): string {
  return value === null || Number.isNaN(value) ? 'null' : String(value)
}

function moment(minutes: number): string {
  return Number.isNaN(minutes) ? 'null' : `make_timestamp(${minutes * 60_000_000}::bigint)`
}

function overOf(over: WindowLength): readonly string[] {
  return over.kind === 'time' ? [String(over.ms), 'null'] : ['null', String(over.rows)]
}
