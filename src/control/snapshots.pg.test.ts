import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { fleetYaml } from '../../test/loop/declaration.ts'
import { salesRows } from '../../test/loop/shop-sales.ts'
import { deliveriesOf, openWorld, type World } from '../../test/loop/world.ts'
import type { ControlDesk } from '../api/index.ts'
import { systemClock } from '../base/clock.ts'
import { readConnections } from '../sources/index.ts'
import { lastCommit } from '../store/index.ts'
import { CurrentFleet, openDesk } from './index.ts'

let world: World
let desk: ControlDesk

beforeEach(async () => {
  world = await openWorld(inject('postgresUrl'))
  desk = openDesk({
    store: world.store,
    blobs: world.blobs,
    clock: systemClock,
    fleet: new CurrentFleet(world.store),
    fleetFolder: world.folder,
    connections: readConnections({}),
    deliveries: deliveriesOf(world),
    startedAt: systemClock.now(),
    version: '0.1.0',
    wake: () => {},
    changed: () => new Promise(() => {}),
  })
})
afterEach(() => world[Symbol.asyncDispose]())

const expecting = (...lines: string[]) =>
  fleetYaml().replace(
    'eventTime: day\n',
    `eventTime: day\nkey: [product, shop]\nexpect:\n${lines.map(l => `  - ${l}\n`).join('')}`,
  )
const ask = (text: string) => ({ files: [{ path: 'muster.yaml', text }] })
const plan = (text: string) => desk.plan(ask(text))

const usual = expecting('{ column: units, min: 0, max: 10000, onFail: quarantine }')

test('two snapshots by every name, and what differs', async () => {
  await plan(usual)
  const first = (await lastCommit(world.store, 'sales'))!
  await world.appendSales('2024.csv', salesRows({ from: 200, days: 2 }))
  await appendFile(join(world.folder, 'sales', '2024.csv'), '2024-08-01,tea,cork,0,5\n')
  await plan(usual)
  const second = (await lastCommit(world.store, 'sales'))!
  const byNumber = await desk.snapshots.diff(`c-${first.number}`, `c-${second.number}`)
  expect(byNumber).toMatchObject({
    source: 'sales',
    key: ['product', 'shop'],
    from: { commit: `c-${first.number}`, rows: 2_400 },
    to: { commit: `c-${second.number}`, rows: 2_425 },
    rows: { by: 'key', added: 25, removed: 0, changed: 0 },
    entities: { added: { count: 1, first: [['tea', 'cork']] }, removed: { count: 0 } },
  })
  const units = byNumber.columns.find(c => c.name === 'units')
  expect([units?.from?.rows, units?.to?.rows]).toEqual([2_400, 2_425])
  expect(units?.drift).toBeLessThan(0.01)
  const at = first.at.toISOString()
  expect(await desk.snapshots.diff(`sales@${at}`, 'sales')).toEqual(byNumber)
  const digests = [first.snapshot.slice(7, 19), second.snapshot] as const
  expect(await desk.snapshots.diff(...digests)).toEqual(byNumber)
  for (const name of ['c-999', 'nothing', 'sales@1999-01-01', '0123456789']) {
    await expect(desk.snapshots.diff(name, 'sales')).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  }
  await expect(desk.snapshots.diff('sales@noon', 'sales')).rejects.toMatchObject({
    code: 'E_QUERY',
  })
})

test('snapshots of two sources are not compared', async () => {
  await writeFile(join(world.folder, 'towns.csv'), 'town\ncork\n')
  await plan(`${usual}---\nkind: Source\nname: towns\nfiles: towns.csv\n`)
  await expect(desk.snapshots.diff('towns', 'sales')).rejects.toMatchObject({
    code: 'E_QUERY',
    message: 'towns is a snapshot of towns, and sales of sales',
  })
  await expect(desk.snapshots.profile('towns', 'sales')).rejects.toMatchObject({ code: 'E_QUERY' })
  const profile = await desk.snapshots.profile('towns', undefined)
  expect(profile).toMatchObject({ rows: 1, columns: [{ name: 'town', top: [{ value: 'cork' }] }] })
  // A snapshot says of which source it is.
  for (const name of [profile.commit!, 'towns@2100-01-01']) {
    expect(await desk.snapshots.profile(name, undefined)).toEqual(profile)
  }
  const unknown = desk.snapshots.profile('c-999', undefined)
  await expect(unknown).rejects.toMatchObject({ message: 'no snapshot is named `c-999`' })
})

test('rows in quarantine are seen and released before anything is applied', async () => {
  await world.appendSales('2024.csv', '2024-07-30,bread,cork,0,-4\n')
  const first = await plan(usual)
  expect(first.data).toMatchObject([{ source: 'sales', rows: 2_400 }])
  const { items, ...page } = await desk.snapshots.quarantine('sales', {
    limit: 5,
    after: undefined,
  })
  expect(page).toMatchObject({ rows: 1, columns: ['day', 'product', 'shop', 'promotion', 'units'] })
  expect(items).toEqual([
    {
      row: 2_400,
      file: 'sales/2024.csv',
      rowInFile: 2_400,
      expectations: [1],
      values: ['2024-07-30', 'bread', 'cork', '0', '-4'],
    },
  ])
  expect(await desk.snapshots.release('sales', { all: true })).toMatchObject({ rows: 1 })
  expect((await plan(usual)).data).toMatchObject([{ source: 'sales', rows: 2_401 }])
  await expect(desk.snapshots.release('sale', { all: true })).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
  })
})

test('a plan may be asked for on past data, and not on what will be', async () => {
  const first = await plan(usual)
  const { at } = (await lastCommit(world.store, 'sales'))!
  await world.appendSales('2024.csv', salesRows({ from: 200, days: 2 }))
  const now = await plan(usual)
  expect(now.data).not.toEqual(first.data)
  const then = await desk.plan({ ...ask(usual), asOf: at.toISOString() })
  expect(then.data).toEqual(first.data)
  expect(then.notes).toEqual([`the data is as it was at ${at.toISOString()}`])
  await expect(
    desk.plan({ ...ask(usual), asOf: '2999-01-01T00:00:00.000Z' }),
  ).rejects.toMatchObject({ code: 'E_QUERY' })
})

test('validate tells what the data fails, at the line that expects it', async () => {
  const text = expecting(
    '{ column: units, max: 50, onFail: warn }',
    '{ column: units, nullsAtMost: 0 }',
    '{ rows: { min: 5000 } }',
  )
  const answer = await desk.validate({ ...ask(text), fleetFolder: world.folder })
  expect(answer.valid).toBe(false)
  expect(answer.problems).toMatchObject([{ code: 'E_EXPECTATION', file: 'muster.yaml', line: 14 }])
  expect(answer.problems[0]?.message).toContain('`rows at least 5000` does not hold: 2,400 rows')
  expect(answer.findings).toMatchObject([{ source: 'sales', onFail: 'warn' }])
  const wrong = expecting('{ column: unit, required: true }')
  const refused = await desk.validate({ ...ask(wrong), fleetFolder: world.folder })
  expect(refused.problems).toMatchObject([
    { code: 'E_DATA_SCHEMA', line: 12, column: 15, cure: 'use `units`' },
  ])
  expect(await lastCommit(world.store, 'sales')).toBeUndefined()
  const sometimes = "eventTime: case when shop <> 'cork' then day end\n"
  const lost = fleetYaml().replace('eventTime: day\n', sometimes)
  const noted = await desk.validate({ ...ask(lost), fleetFolder: world.folder })
  expect(noted.findings).toMatchObject([{ source: 'sales', onFail: 'warn', expected: 'eventTime' }])
  const { because } = noted.findings[0]!
  expect(because).toMatch(/^\d.* of 2,400 rows have no event time$/)
  expect((await plan(lost)).notes).toContain(`sales: ${because}`)
})
