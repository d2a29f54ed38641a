import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSource, aView, writeParquet } from '../engine/small-data.fixture.ts'
import type { Blobs } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { Connections, takeSnapshot } from '../sources/index.ts'
import { buildFrame, readManifest } from './index.ts'

let folder: string
let blobs: Blobs
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-spine-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Numbers as text stand in another order than as numbers; above 2^53 they are not JavaScript's. */
const rows = `select i, small, (small * (2::hugeint ** 57)::hugeint)::bigint as large,
    case i % 13 when 3 then null when 4 then 'infinity'::timestamp
      else timestamp '1969-12-31 23:00:00' + to_seconds(i * 7919 % 9999) end as happened
  from (select i, case when i % 11 = 5 then null else i * 37 % 31 - 9 end as small
        from range(400) t(i))`

test('leaves are the same by number and by text, and times with a zone and without', async () => {
  const path = join(folder, 'rows.parquet')
  await writeParquet(
    path,
    `select *, small::varchar as "small text", large::varchar as "large text",
       happened::timestamptz as zoned from (${rows})`,
  )
  const framed = async (key: string, eventTime: string) => {
    const spec = aSource(path, { name: 'rows', eventTime })
    const connections = new Connections(new Map())
    const places = { fleetFolder: folder, dataRoots: [folder], blobs, connections }
    const snapshot = await takeSnapshot(spec, places)
    const view = aView({ i: 'i' }, undefined, { rows: 'rows', eventTime, asOf: eventTime })
    const input = { view, groups: [], sources: [{ spec, snapshot }], key: [key] }
    const made = await buildFrame({ kind: 'frame', ...input }, { blobs, progress: () => {} })
    const { key: _, ...manifest } = await readManifest(made, blobs)
    return manifest
  }
  for (const key of ['small', 'large']) {
    const expected = await framed(`${key} text`, 'happened')
    expect(expected.rows).toBeGreaterThan(200)
    expect(expected.leafKeys[0]).toEqual([...expected.leafKeys[0]!].sort())
    expect(await framed(key, 'happened')).toEqual(expected)
    expect(await framed(key, 'zoned')).toEqual(expected)
  }
})
