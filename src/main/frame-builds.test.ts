import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSource, aView, writeParquet } from '../engine/small-data.fixture.ts'
import type { FrameJob } from '../features/index.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections, takeSnapshot } from '../sources/index.ts'
import { openFrameBuilds } from './frame-builds.ts'

let home: string
let job: FrameJob
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'muster-builds-'))
  await writeParquet(
    join(home, 'trips.parquet'),
    `select 'A' as origin, timestamp '2001-01-01' + to_seconds(i) as happened, i as value
     from range(300000) t(i)`,
  )
  const spec = aSource('trips.parquet')
  const blobs = await openBlobs(join(home, 'blobs'))
  const connections = readConnections({})
  const snapshot = await takeSnapshot(spec, { fleetFolder: home, blobs, connections })
  const rows = {
    of: 'view' as const,
    key: ['origin'],
    label: undefined,
    span: undefined,
    limit: undefined,
  }
  const features = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`f${i}`, `value + ${i}`]),
  )
  const view = aView(features)
  job = { view, groups: [], sources: [{ spec, snapshot }], rows, rowsMax: 1_000_000 }
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('two frames at a time; one whose reader leaves makes room', async () => {
  const builds = openFrameBuilds(home)
  const stay = new AbortController()
  // Not read: a stream of 15 MB waits for its reader.
  const leaving = new AbortController()
  const [first] = await Promise.all([
    builds.build(job, stay.signal),
    builds.build(job, leaving.signal),
  ])
  await expect(builds.build(job, stay.signal)).rejects.toMatchObject({
    code: 'E_BUSY',
    extra: { retryAfterSeconds: 10 },
  })
  leaving.abort()
  await expect
    .poll(() => builds.build(job, AbortSignal.abort()).catch(error => error.code))
    .not.toBe('E_BUSY')
  expect((await buffer(first)).length).toBeGreaterThan(300_000 * 8 * 4)
})

test('what the build refuses is refused here, and its place is free again', async () => {
  const builds = openFrameBuilds(home)
  const { signal } = new AbortController()
  for (let i = 0; i < 3; i++) {
    const refused = builds.build({ ...job, rowsMax: 10 }, signal)
    await expect(refused).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
      hint: expect.stringContaining('span'),
    })
  }
})
