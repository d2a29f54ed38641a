import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { header, salesRows } from './shop-sales.ts'
import { openWorld, type World } from './world.ts'

/* New data of one source trains exactly those who read it, through whatever hands. */

const blueprint = (name: string, view: string, label = 'units') => `---
kind: Blueprint
name: ${name}
purpose: Units of a day
key: [product]
members: { atLeast: 100 }
view: ${view}
label: ${label}
pipeline: ridge@1
spans: { train: 2024-01..2024-04, judge: 2024-05, report: 2024-06 }
`

const view = (name: string, rows: string, more: string) => `---
kind: FeatureView
name: ${name}
version: 1
rows: ${rows}
asOf: day
features:
  weekend: { sql: cast(isodow(day) >= 6 as int) }
${more}`

const yaml = `apiVersion: muster/v1
fleet: shops
defaults: { owner: me, riskClass: low }
environments: [prod]
---
kind: Source
name: sales
files: sales/*.csv
eventTime: day
---
kind: Source
name: visits
files: visits/*.csv
eventTime: day
expect:
  - { column: units, min: 0 }
---
kind: FeatureGroup
name: seen
source: visits
knownAt: day + interval 1 day
windows:
  - { by: [product], of: units, stats: [mean], over: [7d] }
${view('of-sales', 'sales', '')}${view('of-visits', 'visits', '')}${view(
  'of-both',
  'sales',
  '  seen.*: { transform: impute(mean) }\n',
)}${view(
  'ahead',
  'sales',
  'labels:\n  tocome: { source: visits, by: [product], of: units, stat: sum, horizon: 1d }\n',
)}${blueprint('a-sales', 'of-sales@1')}${blueprint('b-visits', 'of-visits@1')}${blueprint(
  'c-both',
  'of-both@1',
)}${blueprint('d-ahead', 'ahead@1', 'tocome')}`

const addVisits = (world: World, file: string, rows: string): Promise<void> =>
  writeFile(join(world.folder, 'visits', file), `${header}\n${rows}`)

const trained = (plan: Awaited<ReturnType<World['plan']>>): string[] =>
  plan.groups.map(({ action, blueprint, because }) => {
    const words = because.replace(/[0-9a-f]{6}/g, '......')
    return `${action} ${blueprint}: ${words}`
  })

test('of four families over two sources those train that read the new data', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await mkdir(join(world.folder, 'visits'))
  await addVisits(world, 'a.csv', salesRows({ seed: 5 }))
  await world.follow(yaml)
  expect((await world.plan()).groups).toEqual([])

  await addVisits(world, 'b.csv', salesRows({ from: 200, days: 3, seed: 6 }))
  const because = 'visits: snapshot ...... replaces ......'
  const { plan } = await world.follow()
  expect(trained(plan)).toEqual([
    `train b-visits: ${because}`,
    `train c-both: ${because}`,
    `train d-ahead: ${because}`,
  ])
  expect((await world.plan()).groups).toEqual([])

  await world.addSales('z.csv', salesRows({ from: 200, days: 3, seed: 7 }))
  const ofSales = 'sales: snapshot ...... replaces ......'
  expect(trained((await world.follow()).plan)).toEqual([
    `train a-sales: ${ofSales}`,
    `train c-both: ${ofSales}`,
    `train d-ahead: ${ofSales}`,
  ])
})

test('a source that fails what is expected holds its readers, and no others', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await mkdir(join(world.folder, 'visits'))
  await addVisits(world, 'a.csv', salesRows({ seed: 5 }))
  await world.follow(yaml)
  await addVisits(world, 'b.csv', '2024-07-25,bread,cork,0,-5\n')
  await world.addSales('z.csv', salesRows({ from: 200, days: 3, seed: 7 }))
  const plan = await world.plan()
  // Who reads both trains on what was accepted: the new sales, the old visits.
  expect(trained(plan)).toEqual([
    'train a-sales: sales: snapshot ...... replaces ......',
    'train c-both: sales: snapshot ...... replaces ......',
    'train d-ahead: sales: snapshot ...... replaces ......',
  ])
  expect(plan.notes.join('\n')).toContain('visits')
})
