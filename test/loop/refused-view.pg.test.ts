import { pino } from 'pino'
import { expect, inject, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { Signature } from '../../src/fleet/index.ts'
import { RouteFollower } from '../../src/main/route-follower.ts'
import { type FeatureSource, openDataPlane } from '../../src/serve/index.ts'
import { listRuns, readJudgements, readVersion, readVersions } from '../../src/store/index.ts'
import { fleetYaml, units } from './declaration.ts'
import { openWorld } from './world.ts'

/*
 * A new view whose root is refused leaves the old view serving: what serves and what was judged
 * last are then of two views.
 */

const month = '  month: { sql: month(day) }\n'
const second = (fields: Readonly<Record<string, string>>) =>
  fleetYaml({ view: 2, moreFeatures: month, blueprints: [{ ...units, fields }] })

test('champions of the old view serve on, and are never compared with the new one', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const champions = await world.serving('units')

  await world.follow(second({ gates: '{ exact: "evidence.candidate.rmse < 0.001" }' }))
  expect(await world.serving('units')).toEqual(champions)

  // The gate is taken back: the champions that are compared with are still of the old view.
  await world.follow(second({}))
  const runs = await listRuns(world.store, { limit: 5 })
  expect(runs.map(run => [run.state, run.because])).toEqual([
    ['done', 'the gates or the policy changed'],
    ['done', 'day-ahead@2 replaces @1'],
    ['done', 'no version yet'],
  ])
  const serving = await world.serving('units')
  const views = await Promise.all(
    Object.entries(serving).map(async ([name, number]) => {
      return (await readVersion(world.store, name as never, number))?.lineage.view
    }),
  )
  expect(new Set(views)).toEqual(new Set(['day-ahead@2']))
  const [root] = await readVersions(world.store, 'units' as never, 1)
  expect(root?.evidence.championAbsent).toBe('other-view')
})

test('a champion of another view is not taken for one of this, also of one graph', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  // The same features by name, so the same graph; what one of them means has changed.
  const weekend = (yaml: string) => yaml.replace('isodow(day) >= 6', 'isodow(day) = 7')
  const changed = (fields: Readonly<Record<string, string>>) =>
    weekend(fleetYaml({ view: 2, blueprints: [{ ...units, fields }] }))
  await world.follow(changed({ gates: '{ exact: "evidence.candidate.rmse < 0.001" }' }))
  await world.follow(changed({}))
  const [judgement] = await readJudgements(world.store, ['units' as never])
  expect(judgement?.evidence).toMatchObject({ championAbsent: 'other-view' })
})

/** The same value for each input, missing where it may be. */
const asked = (signature: Signature, value: number) =>
  signature.inputs.map(({ name, mayBeMissing }) => ({
    name,
    datatype: 'FP32',
    shape: [1, 1],
    data: [mayBeMissing ? null : value],
  }))

test('a server that starts afresh answers by the champions of the old view', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  await world.follow(second({ gates: '{ exact: "evidence.candidate.rmse < 0.001" }' }))
  const plane = openDataPlane({ blobs: world.blobs, clock: systemClock, environment: 'prod' })
  try {
    const follower = new RouteFollower({
      store: world.store,
      blobs: world.blobs,
      plane,
      environment: 'prod',
      log: pino({ level: 'silent' }),
    })
    await follower.follow()
    expect(plane.isReady).toBe(true)
    const { signature } = await plane.metadata('units.bread.cork')
    expect(signature.inputs.map(input => input.name)).toEqual([
      'weekend',
      'promotion',
      'recent.product_shop_mean_7d',
    ])
    // What the training rows held, from the trunk of the run that serves.
    expect(signature.inputs[1]).toMatchObject({ name: 'promotion', min: 0, max: 1 })
    const answer = await plane.inferRows({ model: 'units', body: { inputs: asked(signature, 7) } })
    expect(answer.outOfRange).toEqual(['weekend', 'promotion'])
  } finally {
    await plane.close()
  }
})

test('features that are late at a start are waited for, and not left out for good', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await world.follow(fleetYaml())
  const plane = openDataPlane({ blobs: world.blobs, clock: systemClock, environment: 'prod' })
  try {
    let looks = 0
    const { store, blobs } = world
    const source: FeatureSource = {
      columns: [],
      follows: [[]],
      named: () => new Map(),
      fill: async () => [],
    }
    const follower = new RouteFollower({
      store,
      blobs,
      plane,
      environment: 'prod',
      log: pino({ level: 'silent' }),
      sourceOf: async () => {
        if (++looks < 3) throw new MusterError('E_SQL_TIMEOUT', 'an expression took more than 1 s')
        return source
      },
    })
    await follower.follow()
    await follower.follow()
    expect(plane.isReady).toBe(false)
    await follower.follow()
    expect(plane.isReady).toBe(true)
    expect((await plane.metadata('units')).source).toBe(source)
  } finally {
    await plane.close()
  }
})
