import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { openWorld, push, readings, rowsOf, type World } from '../../test/intake-world.ts'
import { writeParquet } from '../engine/small-data.fixture.ts'
import { acceptedAsOf, lastCommit, listCommits, snapshotLeft } from '../store/index.ts'
import { appendRows, compactSource, keptSnapshot } from './index.ts'

let world: World

beforeEach(async () => {
  world = await openWorld(inject('postgresUrl'))
})
afterEach(() => world[Symbol.asyncDispose]())

const reading = (station: string, happened: string, value: number | null = 1) => ({
  station,
  happened,
  value,
})

test('what is pushed is numbered in order of arrival and part of the next snapshot', async () => {
  expect((await keptSnapshot(readings, world.at)).rows).toBe(0)
  expect(await lastCommit(world.store, 'readings')).toBeUndefined()
  await push(world, [
    reading('70', '2026-06-02T10:00:00Z', 2.5),
    reading('12', '2026-05-31T23:00:00-02:00'),
  ])
  const unkeyed = { ...readings, key: [] }
  await push(world, [reading('70', '2026-06-01', null)], { knownAt: 'event', source: unkeyed })
  const snapshot = await keptSnapshot(readings, world.at)
  expect(await rowsOf(snapshot, world.blobs)).toEqual([
    '0 | 70 | 2026-06-02 10:00:00 | 2.5 | 2026-06-15 12:00:01',
    '1 | 12 | 2026-06-01 01:00:00 | 1.0 | 2026-06-15 12:00:01',
    '2 | 70 | 2026-06-01 00:00:00 | - | -',
  ])
  expect(snapshot).toMatchObject({
    rows: 3,
    rowNumbersTo: 3,
    fromMs: Date.parse('2026-06-01'),
    toMs: Date.parse('2026-06-02T10:00Z'),
    files: [{ path: '2026-06/0.parquet', rows: 3, partitionMs: Date.parse('2026-06-01') }],
  })
  expect((await keptSnapshot(readings, world.at)).id).toBe(snapshot.id)
  const [commit, ...more] = await listCommits(world.store, 'readings', { limit: 10 })
  expect(more).toEqual([])
  expect(commit).toMatchObject({ change: { kind: 'append', rows: 3, late: 0 }, parent: null })
})

test('late rows and corrections are rows of their own, and the past stays as it was', async () => {
  const seen: { at: Date; rows: readonly string[] }[] = []
  const look = async () => {
    const snapshot = await keptSnapshot(readings, world.at)
    const { at } = (await lastCommit(world.store, 'readings'))!
    seen.push({ at, rows: await rowsOf(snapshot, world.blobs) })
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  await push(world, [reading('70', '2026-06-02T10:00:00', 2)])
  await look()
  await push(world, [reading('70', '2026-06-02T10:00:00', 3), reading('9', '2026-01-05T10:00:00')])
  await look()
  expect((await lastCommit(world.store, 'readings'))?.change).toMatchObject({ rows: 2, late: 1 })
  await compactSource(readings, world.at)
  await look()
  await push(world, [reading('8', '2026-06-03')])
  expect(seen[2]?.rows).toEqual(seen[1]?.rows)
  for (const { at, rows } of seen) {
    const past = await keptSnapshot(readings, { ...world.at, asOf: at })
    expect(await rowsOf(past, world.blobs)).toEqual(rows)
  }
  const before = new Date(seen[0]!.at.getTime() - 1)
  await expect(keptSnapshot(readings, { ...world.at, asOf: before })).rejects.toMatchObject({
    code: 'E_SOURCE',
  })
  // Reading the past has flushed nothing.
  expect(await acceptedAsOf(world.store, 'readings', new Date())).toMatchObject({ parent: 2 })
})

test('a delivery is repeated without effect, before and after it became a file', async () => {
  const rows = [reading('70', '2026-06-02')]
  const first = await push(world, rows, { idempotencyKey: 'k-1' })
  expect(first).toEqual({ batch: 1, rows: 1, again: false })
  expect(await push(world, rows, { idempotencyKey: 'k-1' })).toEqual({ ...first, again: true })
  await keptSnapshot(readings, world.at)
  expect(await push(world, rows, { idempotencyKey: 'k-1' })).toEqual({ ...first, again: true })
  const other = push(world, [reading('71', '2026-06-02')], { idempotencyKey: 'k-1' })
  await expect(other).rejects.toMatchObject({ code: 'E_IDEMPOTENCY', status: 422 })
  const twice = [1, 2, 3].map(() => push(world, rows, { idempotencyKey: 'k-2' }))
  const answers = await Promise.all(twice)
  expect(answers.map(answer => answer.again).sort()).toEqual([false, true, true])
  expect((await keptSnapshot(readings, world.at)).rows).toBe(2)
})

test('a delivery without rows is no batch', async () => {
  expect(await push(world, [])).toEqual({ batch: null, rows: 0, again: false })
  expect((await keptSnapshot(readings, world.at)).rows).toBe(0)
})

test('many at once: each row once, in one line of commits', async () => {
  const pushes = Array.from({ length: 20 }, (_, i) =>
    push(world, [reading(`s${i}`, '2026-06-02T10:00:00', i)]),
  )
  const looks = Array.from({ length: 4 }, () => keptSnapshot(readings, world.at))
  await Promise.all([...pushes, ...looks])
  const snapshot = await keptSnapshot(readings, world.at)
  const rows = await rowsOf(snapshot, world.blobs)
  expect(rows.length).toBe(20)
  expect(new Set(rows.map(row => row.split(' | ')[0])).size).toBe(20)
  // Two rows are never known at the same moment when they came in different deliveries.
  expect(new Set(rows.map(row => row.split(' | ').at(-1))).size).toBe(20)
})

test('files of any size are appended in one commit, from each format', async () => {
  const parquet = join(world.folder, 'history.parquet')
  await writeParquet(
    parquet,
    `select 's' || (i % 7) as station, timestamp '2025-01-01' + interval (i) hour as happened,
       i::float as value from range(5000) _(i)`,
  )
  const incoming = { path: parquet, format: 'parquet', knownAt: 'event' } as const
  expect(await appendRows(readings, { ...incoming, idempotencyKey: 'h' }, world.at)).toEqual({
    rows: 5000,
    again: false,
  })
  expect(await appendRows(readings, { ...incoming, idempotencyKey: 'h' }, world.at)).toEqual({
    rows: 5000,
    again: true,
  })
  const csv = join(world.folder, 'more.csv')
  await writeFile(
    csv,
    'value,happened,station\n1.5,2026-06-01T10:00:00+02:00,"a,""b"\n,2026-06-02,c\n',
  )
  await appendRows(readings, { path: csv, format: 'csv', knownAt: 'arrival' }, world.at)
  const snapshot = await keptSnapshot(readings, world.at)
  expect(snapshot.files.map(file => file.path).slice(0, 2)).toEqual([
    '2025-01/0.parquet',
    '2025-02/744.parquet',
  ])
  expect((await rowsOf(snapshot, world.blobs)).slice(5000)).toEqual([
    '5000 | a,"b | 2026-06-01 08:00:00 | 1.5 | 2026-06-15 12:00:00.000001',
    '5001 | c | 2026-06-02 00:00:00 | - | 2026-06-15 12:00:00.000001',
  ])
  const commits = await listCommits(world.store, 'readings', { limit: 10 })
  expect(commits.map(commit => commit.change)).toEqual([
    { kind: 'append', rows: 2, late: 0 },
    { kind: 'append', rows: 5000, late: 0 },
  ])
})

test('history that is loaded twice agrees with itself; what differs is a correction', async () => {
  const rows = [reading('70', '2026-06-01', 1), reading('71', '2026-06-01', 2)]
  await push(world, rows, { knownAt: 'event' })
  await push(world, [rows[1]!], { knownAt: 'event' })
  const other = [reading('72', '2026-06-01'), reading('71', '2026-06-01', 3)]
  await expect(push(world, other, { knownAt: 'event' })).rejects.toMatchObject({
    code: 'E_DUPLICATE_KEY',
    message: 'row 2 differs from a row that was loaded before, of one station and one happened',
  })
  await push(world, other)
  await push(world, [reading('72', '2026-06-01', 9)], { knownAt: 'event' })
  expect((await keptSnapshot(readings, world.at)).rows).toBe(6)
})

test('a span of time with many small files is compacted by itself', async () => {
  for (let i = 0; i < 9; i++) {
    await push(world, [reading(`s${i}`, '2026-06-02'), reading(`s${i}`, '2026-05-02')])
    await keptSnapshot(readings, world.at)
  }
  const snapshot = await keptSnapshot(readings, world.at)
  expect(snapshot.files.map(file => [file.path, file.rows])).toEqual([
    ['2026-05/1.parquet', 9],
    ['2026-06/0.parquet', 9],
  ])
  const last = (await lastCommit(world.store, 'readings'))!
  expect(last.change).toEqual({ kind: 'compact', filesBefore: 18, filesAfter: 2 })
  const [, before] = await listCommits(world.store, 'readings', { limit: 2 })
  const earlier = (await snapshotLeft(world.store, before!.snapshot))!
  expect(await rowsOf(snapshot, world.blobs)).toEqual(await rowsOf(earlier, world.blobs))
})

test('a source whose columns were declared anew needs another name', async () => {
  await push(world, [reading('70', '2026-06-02')])
  await keptSnapshot(readings, world.at)
  const other = { ...readings, columns: { ...readings.columns, note: 'VARCHAR' } }
  await expect(keptSnapshot(other, world.at)).rejects.toMatchObject({
    code: 'E_DATA_SCHEMA',
    message: 'the rows that were kept have other columns than what comes now: note VARCHAR',
  })
})
