import { afterAll, beforeEach, expect, inject, test } from 'vitest'
import {
  adoptFleet,
  draftPlan,
  keepSpec,
  members,
  sealOf,
  trainGroup,
  work,
} from '../../test/fleet.ts'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { digestOf } from '../base/digest.ts'
import type { ModelName, PlanId } from '../base/ids.ts'
import {
  adoptPlan,
  countModels,
  currentSpec,
  familyRoutes,
  generations,
  listPlanMembers,
  listPlans,
  openStore,
  readModel,
  readPlan,
  recordPlan,
  type Store,
  sealRun,
  targetPlan,
  unfinishedRuns,
} from './index.ts'

let database: TestDatabase
let store: Store
const open: { store: Store; database: TestDatabase }[] = []

beforeEach(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
  open.push({ store, database })
})

afterAll(async () => {
  for (const each of open) {
    await each.store.close()
    await each.database.drop()
  }
})

test('a plan is kept whole, and the same plan again is the same', async () => {
  const list = members(3)
  const draft = draftPlan({ groups: [trainGroup('delay', list)] })
  const plan = await recordPlan(store, draft, new Map([['delay', work]]))
  expect(plan.id).toBe('p-1')
  expect((await recordPlan(store, draft, new Map([['delay', work]]))).id).toBe('p-1')
  const read = await readPlan(store, plan.id)
  expect(read?.groups[0]?.members).toEqual(draft.groups[0]?.members)
  expect(read).toMatchObject({ state: 'proposed', base: draft.base, fleet: 'flights' })
  expect((await listPlans(store, { limit: 10 })).map(p => p.id)).toEqual(['p-1'])
  const page = await listPlanMembers(store, plan.id, { limit: 2, after: 'delay.S0000' })
  expect(page.map(m => m.name)).toEqual(['delay.S0000.S0000', 'delay.S0000.S0001'])
})

test('adopting declares the members, makes the runs and is said again at no cost', async () => {
  await adoptFleet(store, members(3))
  expect(await targetPlan(store)).toBe('p-1')
  expect((await currentSpec(store))?.files[0]?.path).toBe('muster.yaml')
  expect(await countModels(store)).toEqual([
    { blueprint: 'delay', depth: 0, state: 'declared', reason: 'declared', models: 1 },
    { blueprint: 'delay', depth: 1, state: 'declared', reason: 'declared', models: 3 },
    { blueprint: 'delay', depth: 2, state: 'declared', reason: 'declared', models: 9 },
  ])
  const again = await adoptPlan(store, 'p-1' as PlanId, [])
  expect(again).toEqual({
    state: 'adopted',
    runs: [{ id: 'r-1', blueprint: 'delay', members: 13 }],
  })
  expect(await unfinishedRuns(store)).toHaveLength(1)
})

test('of twenty plans adopted at once, exactly one becomes the target', async () => {
  await keepSpec(store)
  const list = members(2)
  const plans = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      recordPlan(
        store,
        draftPlan({ word: `plan ${i}`, groups: [trainGroup('delay', list)] }),
        new Map([['delay', work]]),
      ),
    ),
  )
  const outcomes = await Promise.all(
    plans.map(plan => adoptPlan(store, plan.id, [{ blueprint: 'delay', members: list }])),
  )
  const adopted = outcomes.filter(outcome => outcome.state === 'adopted')
  expect(adopted).toHaveLength(1)
  expect(await unfinishedRuns(store)).toHaveLength(1)
  const states = (await listPlans(store, { limit: 50 })).map(plan => plan.state)
  expect(states.filter(state => state === 'adopted')).toHaveLength(1)
  expect(states.filter(state => state === 'superseded')).toHaveLength(19)
})

test('a plan is superseded when routes moved after it was made, and says so', async () => {
  const { run, names } = await adoptFleet(store, members(2))
  await sealRun(store, sealOf(run, names))
  const base = { ...draftPlan().base, parent: 'p-1' as PlanId }
  const late = await recordPlan(store, draftPlan({ word: 'late', base }), new Map())
  const outcome = await adoptPlan(store, late.id, [])
  expect(outcome).toEqual({
    state: 'superseded',
    because: 'the routes of prod are at generation 1, it was made at 0',
  })
  expect((await readPlan(store, late.id))?.state).toBe('superseded')
  expect(await targetPlan(store)).toBe('p-1')
})

test('a newer plan ends the runs of the older, whose seal then changes nothing', async () => {
  const list = members(2)
  const { run, names } = await adoptFleet(store, list)
  const next = await recordPlan(
    store,
    draftPlan({
      word: 'next',
      base: { ...draftPlan().base, parent: 'p-1' as PlanId },
      groups: [trainGroup('delay', list)],
    }),
    new Map([['delay', work]]),
  )
  const outcome = await adoptPlan(store, next.id, [{ blueprint: 'delay', members: list }])
  expect(outcome.state).toBe('adopted')
  expect((await unfinishedRuns(store)).map(r => r.plan)).toEqual(['p-2'])
  expect(await sealRun(store, sealOf(run, names))).toMatchObject({ state: 'stale' })
  expect(await generations(store)).toEqual({ prod: 0 })
})

test('the retired leave their routes with a new generation, and may be declared anew', async () => {
  const list = members(2)
  const { run, names } = await adoptFleet(store, list)
  await sealRun(store, sealOf(run, names))
  const gone = 'delay.S0000' as ModelName
  const retire = await recordPlan(
    store,
    draftPlan({
      word: 'retire',
      base: { ...draftPlan().base, parent: 'p-1' as PlanId, generations: { prod: 1 } },
      groups: [
        {
          action: 'retire',
          blueprint: 'delay',
          reason: 'not-declared',
          because: 'no longer declared',
          counts: [0, 1],
          members: [gone],
          expectedSeconds: undefined,
        },
      ],
    }),
    new Map(),
  )
  expect(await adoptPlan(store, retire.id, [])).toEqual({ state: 'adopted', runs: [] })
  expect(await readModel(store, gone)).toMatchObject({ state: 'retired', recipe: undefined })
  const routes = await familyRoutes(store, 'prod', 'delay')
  expect(routes?.generation).toBe(2)
  expect(routes?.routes.map(r => r.model)).not.toContain(gone)
  expect(routes?.inherited.map(r => r.model)).not.toContain(gone)
  const anew = await recordPlan(
    store,
    draftPlan({
      word: 'anew',
      base: { ...draftPlan().base, parent: 'p-2' as PlanId, generations: { prod: 2 } },
      groups: [trainGroup('delay', list)],
    }),
    new Map([['delay', work]]),
  )
  await adoptPlan(store, anew.id, [{ blueprint: 'delay', members: list }])
  expect(await readModel(store, gone)).toMatchObject({ state: 'declared' })
  expect(digestOf('spec')).toBe((await currentSpec(store))?.digest)
})
