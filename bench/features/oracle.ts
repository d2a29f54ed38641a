import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { SeededRandom } from '../../src/base/random.ts'
import { lookupAsOf } from '../../src/features/index.ts'
import { expectedValue } from '../../src/features/oracle.fixture.ts'
import {
  aWorld,
  storeRows,
  type World,
  type WorldRow,
} from '../../src/features/oracle-world.fixture.ts'
import { openBlobs } from '../../src/registry/index.ts'
import type { WindowLength } from '../../src/spec/index.ts'

/*
 * F5: random point-in-time lookups, each checked against a brute-force oracle. A lookup is one row
 * asking one group under one entity as of its time; all features of it are compared. With
 * `--export FOLDER` the same worlds are written as Parquet, for peers to be asked the same: a
 * column `world` is part of every entity.
 */

const { values: options } = parseArgs({
  options: {
    lookups: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    export: { type: 'string' },
  },
})
const wanted = Number(options.lookups)
const random = new SeededRandom(Number(options.seed))
const size = { rows: 300, asks: 1_500, moments: 200 }

const folder = mkdtempSync(join(tmpdir(), 'muster-oracle-'))
const blobs = await openBlobs(join(folder, 'blobs'))
const exported = options.export === undefined ? undefined : await openExport(options.export)
let lookups = 0
let compared = 0
let missing = 0
let mismatches = 0
const startedMs = performance.now()
try {
  for (let number = 0; lookups < wanted; number++) await lookUp(aWorld(random, size), number)
  await exported?.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0)
const text = (count: number) => count.toLocaleString('en')
console.log(`${text(lookups)} lookups, ${text(compared)} values (${text(missing)} of them missing)`)
console.log(`${text(mismatches)} mismatches; ${seconds} s`)
process.exitCode = mismatches === 0 ? 0 : 1

async function lookUp(world: World, number: number): Promise<void> {
  const { asks, features, groups } = world
  const sources = []
  for (const group of groups) sources.push(await storeRows(group, folder, blobs))
  const columns = {
    station: asks.map(ask => ask.station),
    other: asks.map(ask => ask.other),
    town: asks.map(ask => ask.town),
    sensor: asks.map(ask => ask.sensor),
  }
  const asOfMs = Float64Array.from(asks, ask => ask.asOf * 60_000)
  const rows = { columns, asOfMs }
  const specs = groups.map(group => group.spec)
  const found = await lookupAsOf({ features, groups: specs, sources, rows }, { blobs })
  for (const [row, ask] of asks.entries()) {
    const expected = features.map(({ name }) => expectedValue(world, ask, name))
    for (const [at, { name }] of features.entries()) {
      const actual = found.get(name)![row]!
      compared++
      if (actual === null || Number.isNaN(actual)) missing++
      if (Object.is(expected[at], actual)) continue
      mismatches++
      if (mismatches <= 10) {
        console.log(`world ${number}, row ${row}, ${name}: ${actual}, not ${expected[at]}`)
      }
    }
    await exported?.ask(number, row, world, expected)
  }
  lookups += asks.length * joinsOf(world)
  await exported?.rows(number, world)
}

/** How often a group is joined under an entity. */
function joinsOf({ features, groups }: World): number {
  const joins = features.map(({ from }) => {
    if (from.kind !== 'group') throw new Error('only features of groups are asked for')
    const { spec } = groups.find(group => group.spec.name === from.group)!
    const all = [...spec.features, ...spec.latest]
    return JSON.stringify([from.group, from.on, all.find(f => f.name === from.feature)!.by])
  })
  return new Set(joins).size
}

function overOf(over: WindowLength): readonly string[] {
  return over.kind === 'time' ? [String(over.ms), 'null'] : ['null', String(over.rows)]
}

/** Spine, rows and what is right of all worlds; times in microseconds, as TIMESTAMP. */
async function openExport(into: string) {
  mkdirSync(into, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const quotedText = (value: string | null) =>
    value === null ? 'null' : `'${value.replaceAll("'", "''")}'`
  const plain = (value: number | null) =>
    value === null || Number.isNaN(value) ? 'null' : String(value)
  const moment = (minutes: number) =>
    Number.isNaN(minutes) ? 'null' : `make_timestamp(${minutes * 60_000_000}::bigint)`
  const pending = new Map<string, string[]>()
  const flush = async (table: string) => {
    const lines = pending.get(table)
    if (lines?.length) await connection.run(`insert into ${table} values ${lines.join(',')}`)
    pending.set(table, [])
  }
  const add = async (table: string, line: string) => {
    const lines = pending.get(table) ?? []
    lines.push(line)
    pending.set(table, lines)
    if (lines.length >= 1_000) await flush(table)
  }
  await connection.run(`create table spine (world integer, row integer, station varchar,
    other varchar, town integer, sensor varchar, as_of timestamp)`)
  await connection.run(
    'create table expected (world integer, row integer, feature varchar, number double, word varchar)',
  )
  await connection.run(`create table features (world integer, feature varchar, rows varchar,
    entity varchar, value varchar, stat varchar, over_ms bigint, over_rows integer, ttl_ms bigint)`)
  const groupTable = `(world integer, row integer, station varchar, sensor varchar, city integer,
    happened timestamp, counted timestamp, known timestamp, number double, word varchar)`
  const rowLine = (world: number, row: WorldRow) =>
    `(${world}, ${row.row}, ${quotedText(row.station)}, ${quotedText(row.sensor)}, ` +
    `${plain(row.city)}, ${moment(row.happened)}, ${moment(row.counted)}, ${moment(row.known)}, ` +
    `${plain(row.number)}, ${quotedText(row.word)})`
  return {
    async ask(number: number, row: number, { asks, features }: World, expected: unknown[]) {
      const ask = asks[row]!
      const keys = [quotedText(ask.station), quotedText(ask.other), plain(ask.town)]
      const line = [number, row, ...keys, quotedText(ask.sensor), moment(ask.asOf)]
      await add('spine', `(${line.join(', ')})`)
      for (const [at, { name, type }] of features.entries()) {
        const value = expected[at]
        const both = type
          ? ['null', quotedText(value as string | null)]
          : [plain(value as number), 'null']
        await add('expected', `(${[number, row, quotedText(name), ...both].join(', ')})`)
      }
    },
    /** `entity`: `column=column of the spine`, with commas between; `stat` is null of the newest. */
    async rows(number: number, { groups, features }: World) {
      for (const { name, from } of features) {
        if (from.kind !== 'group') continue
        const { features: windows, latest } = groups.find(g => g.spec.name === from.group)!.spec
        const found = [...windows, ...latest].find(f => f.name === from.feature)!
        const entity = found.by.map(column => `${column}=${from.on?.[column] ?? column}`).join(',')
        const said = [name, from.group, entity, found.of].map(quotedText)
        const how =
          'stat' in found
            ? [quotedText(found.stat), ...overOf(found.over), 'null']
            : ['null', 'null', 'null', plain(found.ttlMs ?? null)]
        await add('features', `(${[number, ...said, ...how].join(', ')})`)
      }
      for (const { spec, rows } of groups) {
        await connection.run(`create table if not exists ${spec.name} ${groupTable}`)
        for (const row of rows) await add(spec.name, rowLine(number, row))
      }
    },
    async close() {
      for (const table of pending.keys()) {
        await flush(table)
        await connection.run(
          `copy ${table} to '${join(into, `${table}.parquet`)}' (format parquet)`,
        )
      }
      connection.closeSync()
      instance.closeSync()
    },
  }
}
