import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aFleet, aSource, aView, writeParquet } from '../engine/small-data.fixture.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections, takeSnapshot } from '../sources/index.ts'
import { checkFeatures } from './index.ts'

let folder: string
let blobs: Blobs
let snapshot: Snapshot
const source = aSource('trips.parquet')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-request-'))
  blobs = await openBlobs(join(folder, 'blobs'))
  await writeParquet(
    join(folder, 'trips.parquet'),
    `select timestamp '2001-01-01' as happened, 1.5::float as miles, 7 as seats, [1] as stops`,
  )
  const connections = readConnections({})
  snapshot = await takeSnapshot(source, { fleetFolder: folder, blobs, connections })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('columns of a request are columns of the rows, of their type', async () => {
  const view = (request: Readonly<Record<string, string>>) =>
    aFleet(source, [], [aView({ miles: 'miles' }, undefined, { request })], [])
  const snapshots = new Map([['trips', snapshot]])
  const good = view({ miles: 'float4', seats: 'int', happened: 'datetime' })
  expect(await checkFeatures(good, snapshots, blobs)).toEqual([])
  const bad = view({
    miles: 'DOUBLE',
    seat: 'INTEGER',
    stops: 'INTEGER[]',
    seats: 'INTEGER) from (select 1',
  })
  const problems = await checkFeatures(bad, snapshots, blobs)
  expect(problems.map(({ at, code, detail }) => [at.path.join('.'), code, detail])).toEqual([
    ['request.miles', 'E_DATA_SCHEMA', '`miles` is FLOAT in trips, not DOUBLE'],
    ['request.seat', 'E_DATA_SCHEMA', 'there is no column `seat`'],
    ['request.stops', 'E_DATA_SCHEMA', 'INTEGER[] cannot come in a request'],
    ['request.seats', 'E_SQL_STATEMENT', expect.any(String)],
  ])
})
