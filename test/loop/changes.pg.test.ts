import { expect, inject, test } from 'vitest'
import { listRuns, readVersions, stepsOf, versionDigests } from '../../src/store/index.ts'
import { busy, fleetYaml, units } from './declaration.ts'
import { salesRows, shops } from './shop-sales.ts'
import { openWorld, type World } from './world.ts'

/* What each kind of change makes of a fleet that serves. */

const withFields = (fields: Readonly<Record<string, string>>) =>
  fleetYaml({ blueprints: [{ ...units, fields }] })

function groupsOf(plan: Awaited<ReturnType<World['plan']>>) {
  return plan.groups.map(({ action, blueprint, reason, counts }) =>
    [action, blueprint, reason, counts.join('+')].join(' '),
  )
}

async function numbers(world: World): Promise<Readonly<Record<string, number>>> {
  const newest: Record<string, number> = {}
  for (const { model, number } of await versionDigests(world.store)) newest[model] = number
  return newest
}

test('an override trains the members that it touches; equal bytes keep their number', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const { plan } = await world.follow(
    withFields({ overrides: '[{ match: "*.cork", pipeline: { penalty: 1000000 } }]' }),
  )
  const touched = ['units.bread.cork', 'units.coffee.cork', 'units.juice.cork']
  expect(groupsOf(plan)).toEqual(['train units pipeline-changed 0+0+3'])
  expect(plan.groups[0]?.members).toEqual(touched)
  const expected = Object.entries(await numbers(world)).map(([model]) => [
    model,
    touched.includes(model) ? 2 : 1,
  ])
  expect(await numbers(world)).toEqual(Object.fromEntries(expected))
  const [run] = await listRuns(world.store, { limit: 1 })
  expect(run?.members).toBe(3)
  const steps = await stepsOf(world.store, run!.id)
  expect(steps.find(step => step.kind === 'frame')?.attempts).toBe(1) // Found, not built again.
  expect((await world.plan()).groups).toEqual([])
})

test('a new version of the view replaces every champion', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const newer = fleetYaml({ view: 2, moreFeatures: '  month: { sql: month(day) }\n' })
  const { plan } = await world.follow(newer)
  expect(groupsOf(plan)).toEqual(['train units view-changed 1+3+12'])
  expect(plan.groups[0]?.because).toBe('day-ahead@2 replaces @1')
  const serving = await world.serving('units')
  expect(serving.units).toBe(2)
  // One graph answers for a family, so nothing of the old view may be left beside the new.
  expect(new Set(Object.values(serving))).toEqual(new Set([2]))
  const [version] = await readVersions(world.store, 'units' as never, 1)
  expect(version?.evidence).toMatchObject({ championAbsent: 'other-view' })
  expect((await world.plan()).groups).toEqual([])
})

test('a new file is new data for all, and a new member comes with it', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const special = { 'bread.evora': (_: string, sold: number) => sold }
  await world.addSales(
    'evora.csv',
    salesRows({ special, seed: 5 }).replace(/^(?!.*evora).*\n/gm, ''),
  )
  const { plan } = await world.follow()
  expect(groupsOf(plan)).toEqual(['train units no-version 0+0+1', 'train units new-data 1+3+12'])
  expect(plan.groups[1]?.because).toMatch(/^sales: snapshot [0-9a-f]{6} replaces [0-9a-f]{6}$/)
  const models = await world.models('units')
  expect(models.get('units.bread.evora')).toMatchObject({ depth: 2, rows: 200 })
  expect(models.get('units')?.rows).toBe(13 * 200)
  const now = await numbers(world)
  expect(now.units).toBe(2)
  expect(now['units.bread.evora']).toBe(1)
  expect((await world.plan()).groups).toEqual([])
})

test('more days than the spans read are new data, whose versions come out equal', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const before = await versionDigests(world.store)
  await world.appendSales('2024.csv', salesRows({ from: 200, days: 20 }))
  const { plan } = await world.follow()
  expect(groupsOf(plan)).toEqual(['train units new-data 1+3+12'])
  expect(await versionDigests(world.store)).toEqual(before)
  expect((await world.models('units')).get('units')?.rows).toBe(12 * 220)
})

test('a blueprint that is removed retires its members and their routes', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml({ blueprints: [units, busy] }))
  const unitsBefore = await world.serving('units')
  const { plan, runs } = await world.follow(fleetYaml())
  expect(groupsOf(plan)).toEqual(['retire busy not-declared 1+3+12'])
  expect(plan.groups[0]?.because).toBe('blueprint busy is no longer declared')
  expect(runs).toEqual([])
  expect(await world.serving('busy')).toEqual({})
  expect(await world.serving('units')).toEqual(unitsBefore)
  for (const { state, reason } of (await world.models('busy')).values()) {
    expect([state, reason]).toEqual(['retired', 'not-declared'])
  }
  expect((await world.plan()).groups).toEqual([])

  const { plan: back } = await world.follow(fleetYaml({ blueprints: [units, busy] }))
  expect(groupsOf(back)).toEqual(['train busy no-version 1+3+12'])
  expect(back.groups[0]?.because).toBe('declared again')
  expect((await world.serving('busy')).busy).toBe(1) // The same bytes are the same version.
})

test('a key turned round retires and trains in one plan, and seals at once', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const { plan, runs } = await world.follow(withFields({ key: '[shop, product]' }))
  expect(groupsOf(plan)).toEqual([
    'retire units not-declared 0+3+12',
    'train units no-version 0+4+12',
  ])
  expect(runs).toHaveLength(1)
  const all = await listRuns(world.store, { limit: 5 })
  expect(all.map(run => run.state)).toEqual(['done', 'done'])
  expect(all[0]?.sealedAt).toBeDefined()
  const serving = await world.serving('units')
  expect(Object.keys(serving)).toEqual(expect.arrayContaining(['units', 'units.cork.juice']))
  expect(Object.keys(serving).filter(name => /units\.(bread|coffee|juice)/.test(name))).toEqual([])
  const models = await world.models('units')
  expect(shops.map(shop => models.get(`units.${shop}`)?.depth)).toEqual([1, 1, 1, 1])
  expect((await world.plan()).groups).toEqual([])
})

test('a member with too few rows retires, and its ancestor answers', async () => {
  const special = {
    'juice.dresden': (day: string, sold: number) => (day < '2024-05' ? sold : undefined),
  }
  await using world = await openWorld(inject('postgresUrl'), salesRows({ special }))
  await world.follow(fleetYaml())
  const { plan } = await world.follow(withFields({ members: '{ atLeast: 150 }' }))
  expect(groupsOf(plan)).toEqual(['retire units not-declared 0+0+1'])
  expect(plan.groups[0]?.members).toEqual(['units.juice.dresden'])
  expect(plan.groups[0]?.because).toBe('no longer declared: fewer than 150 rows, or left out')
  expect((await world.models('units')).get('units.juice.dresden')?.state).toBe('retired')
  expect(await world.serving('units')).not.toHaveProperty(['units.juice.dresden'])
})
