import { expect, inject, test } from 'vitest'
import { familyRoutes, listRuns, readJudgements, stepsOf } from '../../src/store/index.ts'
import { busy, fleetYaml, units } from './declaration.ts'
import { salesRows } from './shop-sales.ts'
import { openWorld } from './world.ts'

/* One member's fault is a row; one blueprint's fault is its own. */

const withFields = (fields: Readonly<Record<string, string>>) =>
  fleetYaml({ blueprints: [{ ...units, fields }] })

test('members with a fault are rows with a reason; the others serve', async () => {
  const special = {
    'bread.closed': () => 7,
    'coffee.ended': (day: string, sold: number) => (day < '2024-05' ? sold : undefined),
    'juice.young': (day: string, sold: number) => (day > '2024-04-25' ? sold : undefined),
    'juice.newborn': (day: string, sold: number) => (day > '2024-05-02' ? sold : undefined),
  }
  await using world = await openWorld(inject('postgresUrl'), salesRows({ special }))
  await world.follow(
    withFields({
      members: '{ atLeast: 20 }',
      pipeline: '{ name: ridge@1, minRows: 10 }',
    }),
  )
  const models = await world.models('units')
  const told = Object.keys(special).map(member => {
    const { name, state, reason, because } = models.get(`units.${member}`)!
    return [name, state, reason, because].join(' | ')
  })
  expect(told).toMatchInlineSnapshot(`
    [
      "units.bread.closed | failed | constant-label | the label is 7 in all 121 training rows",
      "units.coffee.ended | refused | no-judging-rows | no rows in the judging span 2024-05, so no gate could be asked",
      "units.juice.young | failed | too-few-rows | 5 training rows, and it needs 10",
      "units.juice.newborn | failed | no-training-rows | no row falls in the training span",
    ]
  `)
  const serving = await world.serving('units')
  for (const member of Object.keys(special)) expect(serving).not.toHaveProperty([`units.${member}`])
  for (const root of ['units', 'units.bread', 'units.coffee', 'units.juice', 'units.bread.cork']) {
    expect(serving[root], root).toBe(1)
  }
  const [run] = await listRuns(world.store, { limit: 1 })
  expect(run?.state).toBe('done')
  expect(run?.levels.at(-1)).toMatchObject({ declared: 16, failed: 3, refused: 1 })
  expect(run?.reasons).toMatchObject({
    'constant-label': 1,
    'no-judging-rows': 1,
    'no-training-rows': 1,
    'too-few-rows': 1,
  })
  // A verdict without a version is kept too, for `why`.
  const [judgement] = await readJudgements(world.store, ['units.bread.closed' as never])
  expect(judgement).toMatchObject({ version: null, fit: { code: 'constant-label' } })
})

test('where no member may be released nothing serves, and each says why', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(withFields({ gates: '{ exact: "evidence.candidate.rmse < 0.001" }' }))
  expect(await world.serving('units')).toEqual({})
  for (const { name, state, reason, because } of (await world.models('units')).values()) {
    expect([state, reason], name).toEqual(['refused', 'gate-exact'])
    expect(because, name).toMatch(/exact no \(RMSE/)
  }
  const routes = await familyRoutes(world.store, 'prod', 'units')
  expect(routes).toMatchObject({ generation: 1, routes: [] })
  expect(routes?.inherited).toHaveLength(16) // The names are the fleet's: 503, not 404.
  const [run] = await listRuns(world.store, { limit: 1 })
  expect(run).toMatchObject({ state: 'done', reasons: { 'gate-exact': 16 } })
  expect((await world.plan()).groups).toEqual([]) // To try the same again would end the same.
})

test('a champion stays where the newer version is refused', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const champions = await world.serving('units')
  const { plan } = await world.follow(
    withFields({
      pipeline: '{ name: ridge@1, penalty: 5 }',
      gates: '{ no-cork: "rows != 121" }', // Every leaf has 121 training rows; others more.
    }),
  )
  expect(plan.groups.map(group => group.reason)).toEqual(['pipeline-changed'])
  const serving = await world.serving('units')
  const models = await world.models('units')
  const leaves = [...models.values()].filter(model => model.depth === 2)
  const refused = leaves.filter(model => model.reason === 'gate-no-cork')
  expect(refused.length).toBeGreaterThan(5)
  for (const { name, state, because } of refused) {
    expect(serving[name], name).toBe(champions[name])
    expect(state, name).toBe('serving')
    expect(because, name).toContain('no-cork no')
  }
  expect(serving.units).toBe(2)
})

test('a step that fails for good fails its run with a because; the other run goes on', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  const label = `cast(case when units > 80 then 'many' else '1' end as int)`
  await world.follow(
    fleetYaml({
      blueprints: [units, { ...busy, fields: { ...busy.fields, pipeline: 'ridge@1', label } }],
    }),
  )
  const runs = await listRuns(world.store, { limit: 2 })
  expect(runs.map(run => `${run.blueprint} ${run.state}`)).toEqual(['units done', 'busy failed'])
  expect(runs[1]?.because).toMatchInlineSnapshot(
    `"the step label failed: Could not convert string 'many' to INT32"`,
  )
  const steps = await stepsOf(world.store, runs[1]!.id)
  expect(steps.map(step => `${step.kind} ${step.state}`)).toEqual(['frame done', 'label failed'])
  expect((await world.serving('units')).units).toBe(1)
  expect(await world.serving('busy')).toEqual({})
  for (const { state } of (await world.models('busy')).values()) expect(state).toBe('declared')
  // What was not done is planned again.
  const again = await world.plan()
  expect(again.groups.map(group => `${group.blueprint} ${group.reason}`)).toEqual([
    'busy no-version',
  ])
})

test('where only the root is refused, those below it are held against the baseline', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(withFields({ gates: `{ no-root: "level != 'root'" }` }))
  const models = await world.models('units')
  const told = ['units', 'units.bread', 'units.bread.cork'].map(name => {
    const { state, reason, because } = models.get(name)!
    return [name, state, reason, because].join(' | ')
  })
  expect(told).toMatchInlineSnapshot(`
    [
      "units | refused | gate-no-root | May 2024, 372 rows: RMSE 7.93; the baseline 26.5; squared error better by 639.2 (95% interval 530.9 to 747.5): no-root no (level root)",
      "units.bread | serving | kept | May 2024, 124 rows: RMSE 10.01; the baseline 27.14; squared error better by 636.1 (95% interval 455.3 to 816.9)",
      "units.bread.cork | serving | kept | May 2024, 31 rows: RMSE 3.63; units.bread 14.14; squared error better by 186.6 (95% interval 106.9 to 266.4)",
    ]
  `)
  expect(await world.serving('units')).not.toHaveProperty('units')
  expect(Object.keys(await world.serving('units'))).toHaveLength(15)
})
