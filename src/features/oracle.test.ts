import { mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { aSource, aView, writeParquet } from '../engine/small-data.fixture.ts'
import { type Blobs, rowNumbersOf } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { Connections, takeSnapshot } from '../sources/index.ts'
import { buildFrame, readManifest, readPart } from './index.ts'
import { lookupAsOf } from './lookup.ts'
import { expectedValue } from './oracle.fixture.ts'
import { aWorld, storeRows, type World } from './oracle-world.fixture.ts'

let folder: string
let blobs: Blobs
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-oracle-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const columnsOf = ({ asks }: World) => ({
  station: asks.map(ask => ask.station),
  other: asks.map(ask => ask.other),
  town: asks.map(ask => ask.town),
  sensor: asks.map(ask => ask.sensor),
})

test('lookups as of a time and frames agree with the oracle', async () => {
  const random = new SeededRandom(3)
  const mismatches: string[] = []
  let checked = 0
  for (let seed = 0; seed < 6; seed++) {
    const world = aWorld(random, { rows: 140, asks: 90, moments: 100 })
    const sources = []
    for (const group of world.groups) sources.push(await storeRows(group, blobs))
    const groups = world.groups.map(({ spec }) => spec)
    const { asks, features } = world
    const asOfMs = Float64Array.from(asks, ask => ask.asOf * 60_000)
    const rows = { columns: columnsOf(world), asOfMs }
    const found = await lookupAsOf({ features, groups, sources, rows }, { blobs })
    const inPasses = await lookupAsOf(
      { features, groups, sources, rows },
      { blobs, rowsAtOnce: 10 + seed },
    )
    expect(inPasses, `world ${seed} in passes`).toEqual(found)
    const framed = await frameOf(world, sources, seed)
    // Asked again, what is kept of the snapshots is made, or read.
    const again = await lookupAsOf({ features, groups, sources, rows }, { blobs })
    expect(again, `world ${seed} again`).toEqual(found)
    expect((await readdir(join(folder, 'blobs', 'derived'))).length).toBeGreaterThan(2 * seed)
    for (const [row, ask] of asks.entries()) {
      for (const { name } of features) {
        const expected = expectedValue(world, ask, name)
        const actual = found.get(name)![row]!
        checked++
        if (!Object.is(expected, actual)) {
          mismatches.push(`world ${seed}, ask ${row}, ${name}: ${actual}, not ${expected}`)
        }
        if (Number.isNaN(ask.asOf)) continue
        const rounded = typeof actual === 'number' ? Math.fround(actual) : actual
        expect(framed(row, name), `world ${seed}, ask ${row}, ${name}`).toBe(rounded)
      }
    }
  }
  expect(mismatches.slice(0, 5)).toEqual([])
  expect(checked).toBeGreaterThan(12_000)
})

/** The same asks as the rows of a view, and what its frame says of them. */
async function frameOf(
  world: World,
  sources: readonly Awaited<ReturnType<typeof storeRows>>[],
  seed: number,
) {
  const path = join(folder, `asks-${seed}.parquet`)
  const text = (value: string | null) =>
    value === null ? 'null' : `'${value.replaceAll("'", "''")}'`
  const lines = world.asks.map((ask, row) => {
    const as = Number.isNaN(ask.asOf) ? 'null' : `make_timestamp(${ask.asOf * 60_000_000}::bigint)`
    const values = [text(ask.station), text(ask.other), ask.town ?? 'null', text(ask.sensor), as]
    return `(${row}, 1, ${values.join(', ')})`
  })
  await writeParquet(
    path,
    `select * from (values ${lines.join(',')}) t(i, one, station, other, town, sensor, as_of)`,
  )
  const spec = aSource(path, { name: 'asks', eventTime: 'as_of' })
  const connections = new Connections(new Map())
  const places = { fleetFolder: folder, dataRoots: [folder], blobs, connections }
  const snapshot = await takeSnapshot(spec, places)
  expect(rowNumbersOf(snapshot)).toBe(world.asks.length)
  const view = aView({ i: 'i' }, undefined, {
    rows: 'asks',
    eventTime: 'as_of',
    asOf: 'as_of',
  })
  const features = [...view.features, ...world.features]
  const digest = await buildFrame(
    {
      kind: 'frame',
      view: { ...view, features },
      groups: world.groups.map(group => group.spec),
      sources: [...sources, { spec, snapshot }],
      key: ['one'],
    },
    { blobs, progress: () => {} },
  )
  const manifest = await readManifest(digest, blobs)
  const part = await readPart(manifest, 0, blobs)
  const placeOf = new Map([...part.features[0]!].map((row, place) => [row, place]))
  return (row: number, name: string): number | string | null => {
    const at = manifest.features.indexOf(name)
    const value = part.features[at]![placeOf.get(row)!]!
    const texts = manifest.categories?.[name]
    if (texts === undefined) return value
    return Number.isNaN(value) ? null : texts[value]!
  }
}
