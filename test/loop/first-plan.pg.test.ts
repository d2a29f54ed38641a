import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import {
  listRuns,
  readReport,
  readVersion,
  type StoredPlan,
  stepsOf,
  versionDigests,
} from '../../src/store/index.ts'
import { busy, fleetYaml, units } from './declaration.ts'
import { openWorld, type World } from './world.ts'

/* The first turn of the loop: everything is declared, nothing is recorded. */

const bothYaml = fleetYaml({ blueprints: [units, busy] })
/** A root, three products, twelve shops of a product. */
const counts = [1, 3, 12]
let world: World
let plan: StoredPlan

beforeAll(async () => {
  world = await openWorld(inject('postgresUrl'))
  plan = (await world.follow(bothYaml)).plan
})

afterAll(() => world[Symbol.asyncDispose]())

test('the first plan trains every member, because it has no version', () => {
  expect(plan.groups.map(({ members: _, ...group }) => group)).toEqual(
    ['busy', 'units'].map(blueprint => ({
      action: 'train',
      blueprint,
      reason: 'no-version',
      because: 'no version yet',
      counts,
      expectedSeconds: undefined,
    })),
  )
  expect(plan.totals).toEqual({ declared: 32, serving: 0, train: 32, retire: 0, unchanged: 0 })
})

test('every declared member is accounted for: trained or failed, kept or not', async () => {
  const runs = await listRuns(world.store, { limit: 10 })
  expect(runs.map(r => `${r.blueprint} ${r.state}`)).toEqual(['units done', 'busy done'])
  for (const run of runs) {
    expect(run.levels.map(level => level.declared)).toEqual(counts)
    for (const level of run.levels) {
      expect(level.trained + level.failed).toBe(level.declared)
      expect(level.kept + level.pruned + level.refused).toBe(level.trained)
    }
    const failed = run.levels.reduce((sum, level) => sum + level.failed, 0)
    const told = Object.values(run.reasons).reduce((sum, count) => sum + count, 0)
    const notKept = run.levels.reduce((sum, level) => sum + level.declared - level.kept, 0)
    expect(told).toBe(notKept)
    expect(failed).toBeLessThanOrEqual(told)
  }
})

test('states, routes and versions tell one story', async () => {
  for (const blueprint of ['units', 'busy']) {
    const models = await world.models(blueprint)
    const serving = await world.serving(blueprint)
    for (const { name, state, because, recipe } of models.values()) {
      expect(state, name).not.toBe('declared')
      expect(because, name).not.toBe('')
      expect(recipe, name).toBeDefined()
      expect(serving[name], name).toBe(state === 'serving' ? 1 : undefined)
    }
  }
})

test('a version carries the lineage that could make it again', async () => {
  const version = await readVersion(world.store, 'units.bread.cork' as never, 1)
  expect(version?.lineage).toMatchObject({
    pipeline: 'ridge@1',
    view: 'day-ahead@1',
    snapshots: { sales: plan.base.snapshots.sales },
    code: world.worker.code,
  })
  expect(version?.plan).toBe(plan.id)
})

test('two blueprints on one view build its frame once', async () => {
  const [unitsRun, busyRun] = await listRuns(world.store, { limit: 2 })
  const one = await stepsOf(world.store, unitsRun!.id)
  const other = await stepsOf(world.store, busyRun!.id)
  expect(one.map(step => step.kind)).toEqual([
    'frame',
    'label',
    'trunk',
    'leaves',
    'judge',
    'seal',
    'report',
  ])
  const shared = one.filter(step => other.some(({ key }) => key === step.key))
  expect(shared.map(step => step.kind)).toEqual(['frame'])
  expect(shared[0]?.attempts).toBe(1)
})

test('the report is on June, and the fleet answers better there than the baseline', async () => {
  for (const run of await listRuns(world.store, { limit: 2 })) {
    const report = await readReport(world.store, run.id)
    expect(report).toMatchObject({ span: '2024-06', rows: 12 * 30 })
    expect(report!.fleet.rmse ?? report!.fleet.logLoss).toBeLessThan(
      report!.baseline.rmse ?? report!.baseline.logLoss ?? 0,
    )
  }
})

test('a look at a fleet that is as declared writes nothing (I6)', async () => {
  const before = await world.rowMarks()
  expect(before.version).toMatch(/^\d\d /) // The marks see rows at all.
  for (let i = 0; i < 3; i++) expect(await world.loop.activate()).toBe(0)
  expect(await world.rowMarks()).toEqual(before)
  expect(world.queue.waiting.size).toBe(0)
})

test('planning again finds nothing to do, and following that plan trains nothing', async () => {
  const before = await versionDigests(world.store)
  const { plan: second, runs } = await world.follow()
  expect(second.groups).toEqual([])
  expect(second.totals).toMatchObject({ declared: 32, train: 0, retire: 0, unchanged: 32 })
  expect(runs).toEqual([])
  expect(await versionDigests(world.store)).toEqual(before)
})
