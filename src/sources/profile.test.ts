import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSource, writeParquet } from '../engine/small-data.fixture.ts'
import type { Blobs, ColumnProfile } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { quantileLevels } from './column-profiles.ts'
import { stabilityIndex } from './drift.ts'
import { profileOf, readConnections, takeSnapshot } from './index.ts'

let folder: string
let blobs: Blobs

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-profile-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let made = 0

async function profile(select: string): Promise<ReadonlyMap<string, ColumnProfile>> {
  const name = `data-${++made}`
  mkdirSync(join(folder, name))
  await writeParquet(join(folder, name, 'a.parquet'), select)
  const source = aSource(name, { eventTime: undefined })
  const connections = readConnections({})
  const snapshot = await takeSnapshot(source, { fleetFolder: folder, blobs, connections })
  const { columns } = await profileOf(source, snapshot, blobs)
  return new Map(columns.map(column => [column.name, column]))
}

test('of a million rows quantiles and frequent values are near, and always the same', async () => {
  const rows = 1_200_000
  const columns = await profile(
    `select i, i::double / 7 as value, (i * 7919) % 400000 as many, (i % 100) * (i % 100) as few
     from range(${rows}) t(i)`,
  )
  const value = columns.get('value')!
  for (const [at, level] of quantileLevels.entries()) {
    const rank = ((value.quantiles[at] ?? 0) * 7) / (rows - 1)
    expect(Math.abs(rank - level), `at ${level}`).toBeLessThan(0.004)
  }
  expect([value.quantiles[0], value.quantiles[20]]).toEqual([0, (rows - 1) / 7])
  expect(Math.abs(value.distinct / rows - 1)).toBeLessThan(0.02)
  expect(columns.get('few')).toMatchObject({ distinct: 100, nulls: 0, min: '0', max: '9801' })
  expect(columns.get('few')?.top).toHaveLength(20)
  expect(columns.get('few')?.top[0]).toEqual({ value: '0', count: 12_000 })
  const many = columns.get('many')!
  expect(Math.abs(many.distinct / 400_000 - 1)).toBeLessThan(0.02)
  expect(many.top[0]?.count).toBeLessThan(60)
})

test('columns of every kind have a profile', async () => {
  const columns = await profile(
    `select case when i > 0 then i % 2 = 0 end as flag, date '2026-01-01' + i::integer as day,
       'x' || repeat('long', 100) as text, [i] as list, {a: i} as struct, 'ab'::blob as bytes,
       case i when 0 then 'inf'::double when 1 then 'nan'::double else i end as odd,
       1e300 * (i + 1) as huge, i::decimal(18, 3) as price, time '10:00' as clock,
       null::integer as nothing, 'infinity'::timestamp as never
     from range(10) t(i)`,
  )
  expect(columns.get('flag')).toMatchObject({
    nulls: 1,
    distinct: 2,
    top: [{ value: 'false' }, {}],
  })
  expect(columns.get('day')).toMatchObject({ min: '2026-01-01', max: '2026-01-10', mean: null })
  expect(columns.get('day')?.quantiles[0]).toBe(Date.UTC(2026, 0, 1) * 1_000)
  expect(columns.get('text')?.min).toHaveLength(200)
  expect(columns.get('list')).toMatchObject({ distinct: 10, min: '[0]', quantiles: [] })
  expect(columns.get('odd')).toMatchObject({ max: 'nan', mean: 5.5 })
  expect(columns.get('odd')?.quantiles.at(-1)).toBe(9)
  expect(columns.get('huge')).toMatchObject({ mean: null, deviation: null })
  expect(columns.get('price')).toMatchObject({ mean: 4.5, min: '0.000' })
  expect(columns.get('nothing')).toMatchObject({ nulls: 10, distinct: 0, min: null, top: [] })
  expect(columns.get('never')).toMatchObject({ quantiles: [], nulls: 0 })
  expect(columns.size).toBe(12)
})

test('the index of stability is that of the shares, and 0 for equals', async () => {
  const normal = (mean: number) =>
    profile(`select ${mean} + sqrt(-2 * ln((i + 0.5) / 20000)) * cos(2 * pi() * (i * 0.618034)) as v
             from range(20000) t(i)`).then(columns => columns.get('v')!)
  const at0 = await normal(0)
  expect(stabilityIndex(at0, at0)).toBe(0)
  // Two normal distributions a standard deviation apart have a divergence of 1; ten bins hold most.
  expect(stabilityIndex(at0, await normal(1))).toBeGreaterThan(0.8)
  expect(stabilityIndex(at0, await normal(1))).toBeLessThan(1.05)
  const small = stabilityIndex(at0, await normal(0.1))!
  expect(small).toBeGreaterThan(0.006)
  expect(small).toBeLessThan(0.014)
})

test('of few values the index is exact; of many texts it never cries wolf', async () => {
  const words = (shares: string) =>
    profile(`select ${shares} as v from range(1000) t(i)`).then(columns => columns.get('v')!)
  const half = await words("case when i < 500 then 'a' else 'b' end")
  const more = await words("case when i < 700 then 'a' else 'b' end")
  const exact = 0.2 * Math.log(0.7 / 0.5) - 0.2 * Math.log(0.3 / 0.5)
  expect(stabilityIndex(half, more)).toBeCloseTo(exact, 2)
  const gone = await words("case when i < 500 then 'c' else 'b' end")
  expect(stabilityIndex(half, gone)).toBeGreaterThan(3)
  // Forty equal texts, of which each profile keeps another twenty.
  const forward = await words("'t' || lpad((i % 40)::varchar, 2, '0')")
  const backward = await words("'t' || lpad((39 - i % 40 + 0 * i)::varchar, 2, '0')")
  expect(stabilityIndex(forward, backward)).toBeLessThan(0.001)
  const nulls = await words("case when i >= 500 then 'b' end")
  expect(stabilityIndex(half, nulls)).toBeGreaterThan(3)
  const number = await words('i')
  expect(stabilityIndex(half, number)).toBeUndefined()
})
