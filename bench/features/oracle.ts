import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/base/random.ts'
import { lookupAsOf } from '../../src/features/index.ts'
import { expectedValue } from '../../src/features/oracle.fixture.ts'
import { aWorld, storeRows, type World } from '../../src/features/oracle-world.fixture.ts'
import { openBlobs } from '../../src/registry/index.ts'
import { WorldExport } from './export-worlds.ts'

/*
 * F5: random point-in-time lookups, each checked against a brute-force oracle. A lookup is one row
 * asking one group under one entity as of its time; all features of it are compared. With
 * `--export FOLDER` the same worlds are written as Parquet, for peers to be asked the same: a
 * column `world` is part of every entity.
 */

const { values: options } = parseArgs({
  options: {
    lookups: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    export: { type: 'string' },
  },
})
const wanted = Number(options.lookups)
const random = new SeededRandom(Number(options.seed))
const size = { rows: 300, asks: 1_500, moments: 200 }

const folder = mkdtempSync(join(tmpdir(), 'muster-oracle-'))
const blobs = await openBlobs(join(folder, 'blobs'))
const exported = options.export === undefined ? undefined : await WorldExport.open(options.export)
let lookups = 0
let compared = 0
let missing = 0
let mismatches = 0
const startedMs = performance.now()
try {
  for (let number = 0; lookups < wanted; number++) await lookUp(aWorld(random, size), number)
  await exported?.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0)
const text = (count: number) => count.toLocaleString('en')
console.log(`${text(lookups)} lookups, ${text(compared)} values (${text(missing)} of them missing)`)
console.log(`${text(mismatches)} mismatches; ${seconds} s`)
process.exitCode = mismatches === 0 ? 0 : 1

async function lookUp(world: World, number: number): Promise<void> {
  const { asks, features, groups } = world
  const sources = []
  for (const group of groups) sources.push(await storeRows(group, blobs))
  const columns = {
    station: asks.map(ask => ask.station),
    other: asks.map(ask => ask.other),
    town: asks.map(ask => ask.town),
    sensor: asks.map(ask => ask.sensor),
  }
  const asOfMs = Float64Array.from(asks, ask => ask.asOf * 60_000)
  const rows = { columns, asOfMs }
  const specs = groups.map(group => group.spec)
  const ask = { features, groups: specs, sources, rows }
  const found = await lookupAsOf(ask, { blobs })
  // Asked for the second time events are kept, and then read from where they are.
  for (const how of ['kept', 'read again']) {
    const again = await lookupAsOf(ask, { blobs })
    for (const { name } of features) {
      const [before, now] = [found.get(name)!, again.get(name)!]
      const other = before.findIndex((value, row) => !Object.is(value, now[row]))
      if (other >= 0) throw new Error(`world ${number}, row ${other}, ${name}: ${how}, it differs`)
    }
  }
  for (const [row, ask] of asks.entries()) {
    const expected = features.map(({ name }) => expectedValue(world, ask, name))
    for (const [at, { name }] of features.entries()) {
      const actual = found.get(name)![row]!
      compared++
      if (actual === null || Number.isNaN(actual)) missing++
      if (Object.is(expected[at], actual)) continue
      mismatches++
      if (mismatches <= 10) {
        console.log(`world ${number}, row ${row}, ${name}: ${actual}, not ${expected[at]}`)
      }
    }
    await exported?.ask(number, row, world, expected)
  }
  lookups += asks.length * joinsOf(world)
  await exported?.world(number, world)
}

/** How often a group is joined under an entity. */
function joinsOf({ features, groups }: World): number {
  const joins = features.map(({ from }) => {
    if (from.kind !== 'group') throw new Error('only features of groups are asked for')
    const { spec } = groups.find(group => group.spec.name === from.group)!
    const all = [...spec.features, ...spec.latest]
    return JSON.stringify([from.group, from.on, all.find(f => f.name === from.feature)!.by])
  })
  return new Set(joins).size
}
