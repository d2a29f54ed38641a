import { expect, inject, test } from 'vitest'
import { apply } from '../../src/reconcile/index.ts'
import { listRuns, readPlanHead, targetPlan, versionDigests } from '../../src/store/index.ts'
import { busy, fleetYaml, units } from './declaration.ts'
import { openWorld } from './world.ts'

/* A plan is adopted whole, by one, in the world that it was made in, or not at all. */

const both = fleetYaml({ blueprints: [units, busy] })

test('adopting a plan twice, and at the same moment, makes its runs once', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const plan = await world.plan(both)
  const [one, other] = await Promise.all([world.apply(plan), world.apply(plan)])
  expect(other).toEqual(one)
  const before = await world.rowMarks()
  expect(await world.apply(plan)).toEqual(one)
  expect((await world.rowMarks()).run).toEqual(before.run)
  expect((await world.rowMarks()).model).toEqual(before.model)
  expect(await targetPlan(world.store)).toBe(plan.id)
})

test('of two plans made in one world the second is refused whole', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const one = await world.plan(fleetYaml())
  const other = await world.plan(both)
  await world.apply(one)
  const before = await listRuns(world.store, { limit: 5 })
  await expect(world.apply(other)).rejects.toMatchObject({
    code: 'E_PLAN_STALE',
    message: `p-2 is out of date: it was made before any was applied, and the fleet follows p-1`,
    hint: 'plan again: muster plan',
  })
  expect(await listRuns(world.store, { limit: 5 })).toEqual(before)
  expect((await world.models('busy')).size).toBe(0)
  expect((await readPlanHead(world.store, other.id))?.state).toBe('superseded')
})

test('a plan is refused when routes moved since it was made', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.apply(await world.plan(fleetYaml()))
  const early = await world.plan(both)
  await world.settle() // The first run seals: generation 1.
  await expect(world.apply(early)).rejects.toMatchObject({
    code: 'E_PLAN_STALE',
    message: expect.stringContaining('the routes of prod are at generation 1, it was made at 0'),
  })
})

test('a plan that is not the one that was seen is refused', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const plan = await world.plan(fleetYaml())
  await expect(apply(plan.id, 'sha256:another', world)).rejects.toMatchObject({
    code: 'E_PLAN_STALE',
    message: `${plan.id} is not the plan that was seen`,
  })
  await expect(apply('p-99' as never, undefined, world)).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
  })
  expect(await targetPlan(world.store)).toBeNull()
})

test('a newer plan takes over from one that is under way', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.apply(await world.plan(fleetYaml()))
  await world.loop.activate() // Its frame is asked for and waits.
  await world.follow(both)
  const runs = await listRuns(world.store, { limit: 5 })
  expect(runs.map(run => `${run.plan} ${run.blueprint} ${run.state}`)).toEqual([
    'p-2 units done',
    'p-2 busy done',
    'p-1 units failed',
  ])
  expect(runs[2]?.because).toBe('superseded by p-2')
  expect((await world.serving('units')).units).toBe(1)
})

test('the same inputs give the same versions in two databases', async () => {
  await using one = await openWorld(inject('postgresUrl'))
  await using other = await openWorld(inject('postgresUrl'))
  await one.follow(both)
  // The other came there by another way: first one blueprint, then both.
  await other.follow(fleetYaml())
  await other.follow(both)
  const digests = await versionDigests(one.store)
  expect(digests.length).toBeGreaterThan(20)
  expect(await versionDigests(other.store)).toEqual(digests)
  expect(await other.serving('units')).toEqual(await one.serving('units'))
})
