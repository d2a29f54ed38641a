import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSource, writeParquet } from '../engine/small-data.fixture.ts'
import type { Blobs } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { diffSnapshots, readConnections, takeSnapshot } from './index.ts'

let folder: string
let blobs: Blobs

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-diff-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Rows of four sensors, one an hour. */
const rows = (from: number, to: number, select = '*') => `select ${select} from (
  select 's' || (i % 4) as sensor, timestamp '2026-01-01' + to_hours(i::integer) as hour,
    i::double as value from range(${from}, ${to}) t(i))`

let taken = 0

async function diff(before: string, now: string, more: Partial<SourceSpec> = {}) {
  const connections = readConnections({})
  const source = (files: string) => aSource(files, { name: 'heat', eventTime: 'hour', ...more })
  const snapshots = []
  for (const select of [before, now]) {
    const name = `data-${++taken}`
    mkdirSync(join(folder, name))
    await writeParquet(join(folder, name, 'a.parquet'), select)
    snapshots.push(await takeSnapshot(source(name), { fleetFolder: folder, blobs, connections }))
  }
  return diffSnapshots(source('none'), snapshots[0]!, snapshots[1]!, blobs)
}

const none = { count: 0, first: [] }
const keyed = { key: ['sensor'] }

test('equal snapshots have no difference', async () => {
  expect(await diff(rows(0, 10), rows(0, 10), keyed)).toEqual({
    schema: { added: [], removed: [], retyped: [] },
    rows: { by: 'key', added: 0, removed: 0, changed: 0 },
    entities: { added: none, removed: none },
  })
  const reordered = await diff(rows(0, 10), `${rows(0, 10)} order by value desc`)
  expect(reordered.rows).toEqual({ by: 'content', added: 0, removed: 0, changed: 0 })
  expect(reordered.entities).toBeUndefined()
})

test('rows are told apart by key and event time, where there is a key', async () => {
  const now = rows(2, 15, '* replace (case when value = 5 then 5.5 else value end as value)')
  const found = await diff(rows(0, 10), now, keyed)
  expect(found.rows).toEqual({ by: 'key', added: 5, removed: 2, changed: 1 })
  const byContent = await diff(rows(0, 10), now)
  expect(byContent.rows).toEqual({ by: 'content', added: 6, removed: 3, changed: 0 })
})

test('equal rows are counted, not merged, and a null is a value', async () => {
  const twice = `${rows(0, 4)} union all ${rows(0, 4)} union all select null, null, null`
  expect((await diff(rows(0, 4), twice)).rows).toMatchObject({ added: 5, removed: 0 })
  expect((await diff(twice, rows(0, 4))).rows).toMatchObject({ added: 0, removed: 5 })
  const keyedTwice = await diff(rows(0, 4), twice, keyed)
  expect(keyedTwice.rows).toEqual({ by: 'key', added: 5, removed: 0, changed: 4 })
})

test('entities that came and went are named', async () => {
  const found = await diff(rows(0, 2), `${rows(1, 4)} union all select 'a''b', null, 1`, keyed)
  expect(found.entities).toEqual({
    added: { count: 3, first: [["a'b"], ['s2'], ['s3']] },
    removed: { count: 1, first: [['s0']] },
  })
  const many = await diff(rows(0, 1), rows(0, 50, '* replace (value::varchar as sensor)'), keyed)
  expect(many.entities?.added.count).toBe(50)
  expect(many.entities?.added.first).toHaveLength(20)
})

test('columns that changed are told, and what is shared is compared', async () => {
  const now = rows(0, 4, "sensor, hour, value::integer as value, 'x' as extra")
  const found = await diff(rows(0, 4), now, keyed)
  expect(found.schema).toEqual({
    added: [{ name: 'extra', type: 'VARCHAR' }],
    removed: [],
    retyped: [{ name: 'value', from: 'DOUBLE', to: 'INTEGER' }],
  })
  expect(found.rows.changed).toBe(0)
  const other = await diff(rows(0, 4), 'select 1 as other from range(3)', { eventTime: undefined })
  expect(other.rows).toEqual({ by: 'content', added: 3, removed: 4, changed: 0 })
})
