import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { openWorld, push, readings, rowsOf, type World } from '../../test/intake-world.ts'
import { type Engine, literal, openEngine } from '../engine/index.ts'
import { lastCommit, listCommits, snapshotLeft } from '../store/index.ts'
import { compactSource, deleteEntities, keptSnapshot } from './index.ts'

let world: World

beforeEach(async () => {
  world = await openWorld(inject('postgresUrl'))
})
afterEach(() => world[Symbol.asyncDispose]())

const canary = 'canary-8f1c63d94b7e'
const source = {
  ...readings,
  expect: [
    { check: { kind: 'range', column: 'value', min: 0, max: 100 }, onFail: 'quarantine', index: 0 },
  ],
} as const
const reading = (station: string, happened: string, value = 1) => ({ station, happened, value })
const send = (rows: readonly object[]) => push(world, rows as never, { source })

/** Blobs that hold the canary: Parquet by its rows and its footer, all others by their bytes. */
async function blobsWithCanary(): Promise<number> {
  const folder = join(world.folder, 'blobs')
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
  await using engine = await openEngine({ allowedPaths: files })
  let found = 0
  for (const path of files) {
    const bytes = readFileSync(path)
    const isParquet = bytes.subarray(0, 4).toString('latin1') === 'PAR1'
    if (bytes.includes(canary) || (isParquet && (await rowsHold(engine, path)))) found++
  }
  return found
}

async function rowsHold(engine: Engine, path: string): Promise<boolean> {
  const [row] = await engine.rows<{ held: boolean }>(
    `select coalesce(bool_or(r::varchar like '%${canary}%'), false) as held
     from read_parquet(${literal(path)}) r`,
  )
  return row!.held
}

async function grow(): Promise<void> {
  await send([reading('70', '2026-05-02', 5), reading(canary, '2026-05-09', 500)])
  await keptSnapshot(source, world.at)
  await send([reading(canary, '2026-06-02'), reading('71', '2026-06-03', 700)])
  await keptSnapshot(source, world.at)
  await send([reading('71', '2026-06-04'), reading('72', '2026-04-04')])
  await keptSnapshot(source, world.at)
  await compactSource(source, world.at)
  await send([reading(canary, '2026-06-05'), reading('70', '2026-06-05')])
}

test('an entity goes from the newest snapshot, from the past, and from the disk', async () => {
  await grow()
  const old = await keptSnapshot(source, world.at)
  const second = (await listCommits(world.store, 'readings', { limit: 10 })).at(-2)!
  expect(await blobsWithCanary()).toBeGreaterThan(3)
  const done = await deleteEntities(source, [{ station: canary }, { station: 'nobody' }], world.at)
  expect(done).toEqual({ rows: 3, entities: 1, snapshots: 5, commit: 6 })
  expect(await blobsWithCanary()).toBe(0)
  const stations = async (at = world.at) => {
    const snapshot = await keptSnapshot(source, at)
    const rows = await rowsOf(snapshot, world.blobs, source)
    return rows.map(row => row.split(' | ').slice(0, 2).join(' '))
  }
  // Row numbers stay; those of the deleted are not given again.
  expect(await stations()).toEqual(['0 70', '3 71', '4 71', '5 72', '7 70'])
  await send([reading('70', '2026-06-06')])
  expect((await stations()).at(-1)).toBe('8 70')
  // The past is as it was but for them; the row in quarantine is left out as before.
  expect(await stations({ ...world.at, asOf: second.at })).toEqual(['0 70'])
  const left = (await snapshotLeft(world.store, second.snapshot))!
  expect(left.id).not.toBe(second.snapshot)
  expect(left).toMatchObject({ rows: 1, setAside: { rows: 1 }, rowNumbersTo: 4 })
  await expect(rowsOf(old, world.blobs, source)).rejects.toMatchObject({
    code: 'E_SNAPSHOT_ERASED',
  })
  expect((await world.blobs.fsck()).mismatching).toEqual([])
  expect(await world.store.all('select * from loose_file')).toEqual([])
  const told = await world.store.all(
    `select findings::text || change::text as words from source_commit
     union all select body::text from snapshot where erased_to is null`,
  )
  expect(JSON.stringify(told)).not.toContain(canary)
})

test('all columns that are named must be equal, each as a value of its type', async () => {
  await grow()
  const by = (entity: Record<string, string | number>) => deleteEntities(source, [entity], world.at)
  await keptSnapshot(source, world.at)
  const before = await lastCommit(world.store, 'readings')
  expect(await by({ station: 'nobody' })).toEqual({ rows: 0, entities: 0, snapshots: 0 })
  expect(await lastCommit(world.store, 'readings')).toEqual(before)
  expect(await by({ station: '71', value: '700.0' })).toMatchObject({ rows: 1 })
  expect(await by({ station: '71', value: 700 })).toMatchObject({ rows: 0 })
  expect(await by({ happened: '2026-06-05T00:00:00' })).toMatchObject({ rows: 2, entities: 1 })
  for (const [entity, code] of [
    [{ value: 'many' }, 'E_USAGE'],
    [{ stop: '70' }, 'E_DATA_SCHEMA'],
    [{}, 'E_DATA_SCHEMA'],
  ] as const) {
    await expect(deleteEntities(source, [entity], world.at)).rejects.toMatchObject({ code })
  }
  await expect(by({ value: 'many' })).rejects.toMatchObject({
    hint: 'name it as it stands in the rows: muster data profile readings',
  })
  const elsewhere = { ...source, location: { files: ['a.csv'] } }
  await expect(deleteEntities(elsewhere, [{ station: '7' }], world.at)).rejects.toMatchObject({
    code: 'E_SOURCE',
    hint: 'change them where they are; the next plan sees it',
  })
})

test('a source of which all rows were deleted is empty, and grows again', async () => {
  await send([reading('70', '2026-05-02')])
  await deleteEntities(source, [{ station: '70' }], world.at)
  expect(await keptSnapshot(source, world.at)).toMatchObject({
    rows: 0,
    files: [],
    fromMs: null,
    rowNumbersTo: 1,
  })
  await send([reading('70', '2026-05-02')])
  expect((await keptSnapshot(source, world.at)).rows).toBe(1)
})

test('deletion, pushes and looks at once', async () => {
  await grow()
  const pushes = Array.from({ length: 6 }, (_, i) => send([reading(`s${i}`, '2026-06-07')]))
  await Promise.all([
    ...pushes,
    deleteEntities(source, [{ station: canary }], world.at),
    keptSnapshot(source, world.at),
    compactSource(source, world.at),
  ])
  const snapshot = await keptSnapshot(source, world.at)
  const rows = await rowsOf(snapshot, world.blobs, source)
  expect(rows.filter(row => row.includes(canary))).toEqual([])
  expect(rows.length).toBe(11)
  expect(await blobsWithCanary()).toBe(0)
})
