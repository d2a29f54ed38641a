import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { propose } from '../../src/reconcile/index.ts'
import { readConnections } from '../../src/sources/index.ts'
import { lastCommit, versionDigests } from '../../src/store/index.ts'
import { fleetYaml, units } from './declaration.ts'
import { salesRows } from './shop-sales.ts'
import { openWorld, type World } from './world.ts'

/*
 * A source that fails what is expected of it stops what would be trained on it, and nothing else:
 * not what serves, not another family, not another source.
 */

/** The usual fleet, and a second family on a source of its own. */
const weather = `---
kind: Source
name: weather
files: weather.csv
eventTime: day
expect:
  - { column: rain, min: 0, max: 100 }
---
kind: FeatureView
name: sky
version: 1
rows: weather
asOf: day
features:
  weekday: { sql: isodow(day) }
---
kind: Blueprint
name: rain
purpose: How wet a day will be
key: [town]
members: { atLeast: 10 }
view: sky@1
label: rain
pipeline: ridge@1
spans: { train: 2024-01..2024-04, judge: 2024-05, report: 2024-06 }
`
const both = `${fleetYaml()}${weather}`

/** As wet as its weekday, and on one day, if wanted, wetter than can be. */
function rain(days: number, wettest = 0): string {
  const lines = Array.from({ length: days }, (_, d) => {
    const day = new Date(Date.UTC(2024, 0, 1 + d)).toISOString().slice(0, 10)
    const fell = d === 40 && wettest > 0 ? wettest : (d % 7) * 10 + ((d * 3) % 5)
    return ['cork', 'bergen'].map(town => `${day},${town},${fell}\n`).join('')
  })
  return `day,town,rain\n${lines.join('')}`
}

const pour = (world: World, text: string) => writeFile(join(world.folder, 'weather.csv'), text)

function groupsOf(plan: Awaited<ReturnType<World['plan']>>) {
  return plan.groups.map(({ action, blueprint, reason }) => `${action} ${blueprint} ${reason}`)
}

test('new data that fails holds its own readers; they serve on, the rest goes on', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await pour(world, rain(180))
  await world.follow(both)
  const serving = await world.serving('rain')
  expect(serving.rain).toBe(1)
  const good = await lastCommit(world.store, 'weather')

  await pour(world, rain(181, 250))
  await world.appendSales('2024.csv', salesRows({ from: 200, days: 2 }))
  const { plan } = await world.follow()
  const bad = await lastCommit(world.store, 'weather')
  expect(groupsOf(plan)).toEqual(['train units new-data'])
  expect(plan.base.snapshots.weather).toBe(good?.snapshot)
  expect(plan.notes).toEqual([
    `weather is held: c-${bad?.number} was rejected: rain between 0 and 100 ` +
      '(2 of 362 rows; the first is 250 in row 80); 3 members stay on what was accepted before; ' +
      'mend the data, or what is expected of it, then: muster plan',
  ])
  expect(plan.totals).toMatchObject({ train: 16, retire: 0, unchanged: 3 })
  expect(await world.serving('rain')).toEqual(serving)

  // What is no matter of the data is trained, on the data that was accepted.
  const edited = await world.plan(
    both
      .replace('sql: isodow(day)', 'sql: month(day)')
      .replace('name: sky\nversion: 1', 'name: sky\nversion: 2')
      .replace('sky@1', 'sky@2'),
  )
  expect(groupsOf(edited)).toEqual(['train rain view-changed'])
  expect(edited.base.snapshots.weather).toBe(good?.snapshot)

  await pour(world, rain(181))
  expect(groupsOf(await world.plan(both))).toEqual(['train rain new-data'])
})

test('what reads a source of which nothing was accepted waits; the rest is trained', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await pour(world, rain(180, 250))
  const { plan } = await world.follow(both)
  expect(groupsOf(plan)).toEqual(['train units no-version'])
  expect(plan.notes).toEqual([expect.stringMatching(/^weather is held: .*; rain waits; mend/)])
  expect(Object.keys(plan.base.snapshots)).toEqual(['sales'])
  expect((await world.serving('units')).units).toBe(1)
  expect((await world.models('rain')).size).toBe(0)
  expect((await world.plan()).totals.train).toBe(0)
  await pour(world, rain(180))
  expect(groupsOf(await world.plan())).toEqual(['train rain no-version'])
})

test('members whose source has no snapshot any more are not retired', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await pour(world, rain(180))
  await world.follow(both)
  // Another source takes the place of the first, and holds nothing that can be accepted.
  await writeFile(join(world.folder, 'new-weather.csv'), rain(180, 250))
  const moved = both
    .replace('name: weather\nfiles: weather.csv', 'name: stations\nfiles: new-weather.csv')
    .replace('rows: weather', 'rows: stations')
    .replace('name: sky\nversion: 1', 'name: sky\nversion: 2')
    .replace('sky@1', 'sky@2')
  const { plan } = await world.follow(moved)
  expect(groupsOf(plan)).toEqual([])
  expect(plan.totals).toMatchObject({ declared: 19, train: 0, retire: 0, unchanged: 19 })
  expect(plan.notes).toEqual([expect.stringMatching(/^stations is held: .*; rain waits; mend/)])
  expect((await world.serving('rain')).rain).toBe(1)
})

test('rows in quarantine are trained without; the version is that of the clean data', async () => {
  await using clean = await openWorld(inject('postgresUrl'))
  await using dirty = await openWorld(inject('postgresUrl'))
  const aside = fleetYaml().replace(
    'eventTime: day\n',
    'eventTime: day\nexpect:\n  - { holds: units < 10000, onFail: quarantine }\n',
  )
  const rows = salesRows()
  await clean.follow(aside)
  await dirty.addSales('2024.csv', `${rows}2024-02-03,bread,cork,0,99999\n`)
  const { plan } = await dirty.follow(aside)
  expect(await versionDigests(dirty.store)).toEqual(await versionDigests(clean.store))
  expect((await dirty.models('units')).get('units')?.rows).toBe(12 * 200)
  expect(plan.notes).toEqual([])
})

test('a plan on the data of a past time is the plan of that time', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const first = await world.plan(fleetYaml({ blueprints: [units] }))
  const then = await lastCommit(world.store, 'sales')
  await world.appendSales('2024.csv', salesRows({ from: 200, days: 20 }))
  const now = await world.plan()
  expect(now.base.snapshots).not.toEqual(first.base.snapshots)
  const ask = (asOf: Date) =>
    propose([{ path: 'muster.yaml', text: world.yaml }], {
      store: world.store,
      blobs: world.blobs,
      fleetFolder: world.folder,
      connections: readConnections({}),
      clock: systemClock,
      asOf,
    })
  const { plan } = await ask(then!.at)
  expect(plan.base.snapshots).toEqual(first.base.snapshots)
  expect(plan.groups).toEqual(first.groups)
  expect(plan.notes).toEqual([`the data is as it was at ${then!.at.toISOString()}`])
  // The past is read from what was recorded, not from the files.
  await rm(join(world.folder, 'sales'), { recursive: true })
  expect((await ask(then!.at)).plan.base.snapshots).toEqual(first.base.snapshots)
  const before = await ask(new Date(0))
  expect(before.plan.groups).toEqual([])
  expect(before.plan.notes[1]).toContain('sales is held: nothing of it was accepted by 1970')
})
