import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { aSource, aView, writeParquet } from '../engine/small-data.fixture.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections, takeSnapshot } from '../sources/index.ts'
import { buildFrame, readManifest, readPart } from './index.ts'
import { type OnDemand, openOnDemand, type RowAsk } from './on-demand.ts'
import type { RowValue } from './row-values.ts'

let folder: string
let onDemand: OnDemand
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-on-demand-'))
  onDemand = await openOnDemand()
})
afterAll(async () => {
  await onDemand[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const columns = [
  { name: 'lat', type: 'DOUBLE' },
  { name: 'lon', type: 'DOUBLE' },
  { name: 'to_lat', type: 'DOUBLE' },
  { name: 'to_lon', type: 'FLOAT' },
  { name: 'requested_at', type: 'TIMESTAMP' },
  { name: 'seats', type: 'INTEGER' },
  { name: 'price', type: 'DECIMAL(9,2)' },
  { name: 'member', type: 'BOOLEAN' },
  { name: 'plan "b"', type: 'VARCHAR' },
]
const features: Readonly<Record<string, string>> = {
  haversine:
    '12742 * asin(sqrt(pow(sin(radians(to_lat - lat) / 2), 2) + ' +
    'cos(radians(lat)) * cos(radians(to_lat)) * pow(sin(radians(to_lon - lon) / 2), 2)))',
  hour: 'hour(requested_at)',
  weekday: 'isodow(trips.requested_at)',
  year: 'year(requested_at) -- of the request',
  micros: 'epoch_us(requested_at)',
  ratio: 'seats / nullif(lat, 0)',
  price: 'price * 3',
  wide: 'lat * 1e300',
  member: 'member and seats > 2',
  plan: 'length("plan ""b""") + (case when "plan ""b""" = \'day\' then 10 else 0 end)',
}
const texts = { plan: 'upper("plan ""b""")', seats: 'seats', lat: 'lat' }

const ask: RowAsk = {
  relation: 'trips',
  columns,
  expressions: [
    ...Object.entries(features).map(([name, sql]) => ({ name, sql, gives: 'number' as const })),
    ...Object.entries(texts).map(([name, sql]) => ({ name, sql, gives: 'text' as const })),
  ],
}

const times = ['0001-01-01T00:00:00Z', '1969-12-31T23:59:59.999999', '2026-11-01 08:30:00+02:00']
const extreme = [...times, '9999-12-31 23:59:59.999999', '294246-12-31 00:00:00', '2000-02-29']
const oddTexts = ['day', '', "o'clock", 'é "x"', '\\', '日本', 'a\nb']

function someRow(random: SeededRandom): readonly RowValue[] {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)]!
  const degrees = (most: number) =>
    pick<RowValue>([
      (random.unit() * 2 - 1) * most,
      random.below(180) - 90,
      -0,
      Number.NaN,
      Number.MIN_VALUE,
      1.7976931348623157e308,
    ])
  const row = [
    degrees(90),
    degrees(180),
    degrees(90),
    Math.fround(random.unit() * 180),
    random.unit() < 0.3 ? pick(extreme) : new Date(Math.floor(random.unit() * 4e12)).toISOString(),
    pick([0, -1, 2_147_483_647, -2_147_483_648, random.below(9)]),
    random.below(1_000_000) / 100,
    random.unit() < 0.5,
    pick(oddTexts),
  ]
  return row.map(value => (random.unit() < 0.08 ? null : value))
}

/** As a file would have it: the value's own text, cast to the column's type. */
function literalOf(value: RowValue, type: string): string {
  if (value === null) return `null::${type}`
  const text = Object.is(value, -0) ? '-0' : String(value)
  return `'${text.replaceAll("'", "''")}'::${type}`
}

async function trained(rows: readonly (readonly RowValue[])[]) {
  const path = join(folder, 'trips.parquet')
  const values = rows.map(
    (row, i) => `(${i}, ${row.map((v, c) => literalOf(v, columns[c]!.type)).join(', ')})`,
  )
  const names = columns.map(({ name }) => `"${name.replaceAll('"', '""')}"`)
  await writeParquet(
    path,
    `select *, 'one' as shop, timestamp '2001-01-01' + to_minutes(i) as happened
     from (values ${values.join(',\n')}) as t(i, ${names.join(', ')})`,
  )
  const spec = aSource('trips.parquet')
  const blobs = await openBlobs(join(folder, 'blobs'))
  const connections = readConnections({})
  const snapshot = await takeSnapshot(spec, { fleetFolder: folder, blobs, connections })
  const sources = [{ spec, snapshot }]
  const digest = await buildFrame(
    { kind: 'frame', view: aView(features), groups: [], sources, key: ['shop'] },
    { blobs, progress: () => {} },
  )
  const manifest = await readManifest(digest, blobs)
  return readPart(manifest, 0, blobs)
}

const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer)
const columnsOf = (rows: readonly (readonly RowValue[])[]) =>
  new Map(columns.map(({ name }, c) => [name, rows.map(row => row[c]!)]))

test('a request gives bit for bit what the same row gives in training', async () => {
  const random = new SeededRandom(67)
  const rows = Array.from({ length: 1_500 }, () => someRow(random))
  const frame = await trained(rows)
  expect(frame.rows).toBe(rows.length)
  const view = await onDemand.prepare(ask)
  const whole = await view.run(columnsOf(rows), rows.length)
  for (const [f, name] of Object.keys(features).entries()) {
    const served = whole[f] as Float32Array
    const filled = frame.features[f] as Float32Array
    const differs = [...bits(served)].findIndex((bit, row) => bit !== bits(filled)[row])
    expect({ name, differs }).toEqual({ name, differs: -1 })
  }
  // A row alone, and beside others of the same turn.
  const some = [0, 1, 2, 700, 1_499]
  const alone = await Promise.all(some.map(row => view.run(columnsOf([rows[row]!]), 1)))
  for (const [i, row] of some.entries()) {
    for (const [f, column] of whole.entries()) {
      expect([...alone[i]![f]!]).toEqual([column[row]])
    }
  }
})

test('text comes as the engine writes it', async () => {
  const view = await onDemand.prepare(ask)
  const row = [0.1, 0, 0, 0, null, 7n, 1, null, 'day'] as const
  const result = await view.run(columnsOf([row]), 1)
  expect(result.slice(Object.keys(features).length)).toEqual([['DAY'], ['7'], ['0.1']])
})

test('a value not of its type is refused with its column, and others are answered', async () => {
  const view = await onDemand.prepare(ask)
  const given = (name: string, value: RowValue) => {
    const row: RowValue[] = [1, 1, 1, 1, '2001-01-01', 1, 1, true, 'x']
    row[columns.findIndex(column => column.name === name)] = value
    return view.run(columnsOf([row]), 1)
  }
  const odd: readonly (readonly [string, RowValue])[] = [
    ['lat', '1'],
    ['lat', true],
    ['to_lon', 1e300],
    ['requested_at', 'yesterday'],
    ['requested_at', 1_700_000_000],
    ['seats', 1.5],
    ['seats', 3_000_000_000],
    ['seats', '1'],
    ['price', Number.NaN],
    ['member', 1],
    ['member', 'true'],
    ['plan "b"', 5],
  ]
  const results = await Promise.allSettled([
    given('lat', 2),
    ...odd.map(([name, value]) => given(name, value)),
  ])
  expect(results[0]!.status).toBe('fulfilled')
  for (const [i, [field]] of odd.entries()) {
    expect(results[i + 1]).toMatchObject({ reason: { code: 'E_FEATURE_VALUE', field } })
  }
})

test('what an expression fails on is its own request’s refusal', async () => {
  const view = await onDemand.prepare({
    relation: 'trips',
    columns,
    expressions: [{ name: 'n', sql: 'cast("plan ""b""" as integer)', gives: 'number' }],
  })
  const run = (plan: string) => view.run(new Map([['plan "b"', [plan]]]), 1)
  const [good, bad, other] = await Promise.allSettled([run('4'), run('four'), run('5')])
  expect(good).toMatchObject({ value: [new Float32Array([4])] })
  expect(bad).toMatchObject({ reason: { code: 'E_SQL_VALUE' } })
  expect(other).toMatchObject({ value: [new Float32Array([5])] })
})

test('a runaway expression holds up nobody for longer than its time', async () => {
  await using quick = await openOnDemand({ timeLimitMs: 50 })
  const all = `str_split("plan ""b""", ',')`
  const inner = `list_filter(${all}, b -> levenshtein(b, "plan ""b""") < 0)`
  const sql = `len(list_transform(${all}, a -> len(${inner})))`
  const expressions = [{ name: 'n', sql, gives: 'number' as const }]
  // On a busy machine the preparing may be stopped by the same limit.
  const prepare = (triesLeft: number): ReturnType<typeof quick.prepare> =>
    quick
      .prepare({ relation: 'trips', columns, expressions })
      .catch(error => (triesLeft > 0 ? prepare(triesLeft - 1) : Promise.reject(error)))
  const view = await prepare(50)
  const run = (plan: string) => view.run(new Map([['plan "b"', [plan]]]), 1)
  await expect(run('a,'.repeat(700))).rejects.toMatchObject({ code: 'E_SQL_TIMEOUT' })
  await expect(run('a,b')).rejects.toMatchObject({ code: 'E_BUSY', status: 503 })
  await expect
    .poll(() => run('a,b').catch(() => undefined), { timeout: 20_000 })
    .toEqual([new Float32Array([2])])
  await expect(run('x'.repeat(5_000))).rejects.toMatchObject({ code: 'E_FEATURE_VALUE' })
})

test('only columns of the request are read, and nothing but the row', async () => {
  const only = { relation: 'trips', columns: columns.slice(0, 2) }
  expect(await onDemand.reads(only, 'trips.lat + lon * 2')).toEqual(['lat', 'lon'])
  await expect(onDemand.reads(only, 'seats')).rejects.toMatchObject({ code: 'E_DATA_SCHEMA' })
  for (const sql of [
    '(select 1)',
    'now()',
    'random()',
    "read_text('/etc/passwd')",
    'lat) from (',
  ]) {
    await expect(onDemand.reads(only, sql)).rejects.toMatchObject({
      code: expect.stringMatching(/^E_(?:SQL|DATA_SCHEMA)/),
    })
  }
})

test('rows that wait are bounded', async () => {
  const view = await onDemand.prepare(ask)
  const rows = Array.from({ length: 4_096 }, () => [1, 1, 1, 1, null, 1, 1, null, 'x'] as const)
  const given = columnsOf(rows)
  const runs = await Promise.allSettled(Array.from({ length: 5 }, () => view.run(given, 4_096)))
  expect(runs.map(run => run.status)).toEqual([...Array(4).fill('fulfilled'), 'rejected'])
  expect(runs[4]).toMatchObject({ reason: { code: 'E_BUSY' } })
})
