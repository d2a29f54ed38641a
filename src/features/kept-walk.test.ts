import { mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import type { Blobs, SourceData } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { lookupAsOf } from './lookup.ts'
import { aWorld, storeRows } from './oracle-world.fixture.ts'

let folder: string
let blobs: Blobs
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-kept-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('what is kept answers the same, however much is read at a time and by how many', async () => {
  const world = aWorld(new SeededRandom(11), { rows: 140, asks: 90, moments: 100 })
  const sources: SourceData[] = []
  for (const group of world.groups) sources.push(await storeRows(group, blobs))
  const groups = world.groups.map(({ spec }) => spec)
  const { asks, features } = world
  const columns = {
    station: asks.map(ask => ask.station),
    other: asks.map(ask => ask.other),
    town: asks.map(ask => ask.town),
    sensor: asks.map(ask => ask.sensor),
  }
  const rows = { columns, asOfMs: Float64Array.from(asks, ask => ask.asOf * 60_000) }
  const answer = (how: { threads?: number; rowsAtOnce?: number }) =>
    lookupAsOf({ features, groups, sources, rows }, { blobs, ...how })
  const kept = async () =>
    (await readdir(join(folder, 'blobs', 'derived'))).filter(name => !name.endsWith('.used'))
  const read = await answer({ threads: 1 })
  const once = (await kept()).length
  expect(await answer({ threads: 2 })).toEqual(read)
  expect((await kept()).length).toBeGreaterThan(once)
  for (const how of [{ rowsAtOnce: 1 }, { rowsAtOnce: 7, threads: 1 }]) {
    expect(await answer(how), JSON.stringify(how)).toEqual(read)
  }
})
