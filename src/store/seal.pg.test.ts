import { afterAll, beforeEach, expect, inject, test } from 'vitest'
import { adoptFleet, members, sealOf } from '../../test/fleet.ts'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import type { ModelName } from '../base/ids.ts'
import {
  countModels,
  familyRoutes,
  finishRun,
  generations,
  latestSealedRun,
  openStore,
  readJudgements,
  readRun,
  readVersions,
  routesOf,
  runHistory,
  type Store,
  sealRun,
  versionDigests,
} from './index.ts'

let store: Store
const open: { store: Store; database: TestDatabase }[] = []

beforeEach(async () => {
  const database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
  open.push({ store, database })
})

afterAll(async () => {
  for (const each of open) {
    await each.store.close()
    await each.database.drop()
  }
})

/** Everything that a seal writes, but for times. */
async function recorded() {
  return {
    versions: await versionDigests(store),
    routes: await familyRoutes(store, 'prod', 'delay'),
    counts: await countModels(store),
    generations: await generations(store),
  }
}

test('a seal records versions, states, routes and counts at once', async () => {
  const { run, names } = await adoptFleet(store, members(3))
  expect(await sealRun(store, sealOf(run, names))).toEqual({ state: 'sealed' })
  const routes = await familyRoutes(store, 'prod', 'delay')
  expect(routes).toMatchObject({ generation: 1, keyLength: 2, blueprint: 'delay' })
  const answering = routes!.routes.length + routes!.inherited.length
  expect(answering).toBe(names.length)
  const [version] = await readVersions(store, 'delay' as ModelName, 1)
  expect(version).toMatchObject({ number: 1, run, plan: 'p-1', lineage: { pipeline: 'ridge@1' } })
  expect(version?.evidence.candidate.rmse).toBe(32.268)
  const [route] = await routesOf(store, ['delay'])
  expect(route).toMatchObject({ environment: 'prod', version: 1, generation: 1 })
  const failed = await readJudgements(store, [names[6]!])
  expect(failed[0]).toMatchObject({ version: null, fit: { state: 'failed' } })
  const kept = await readJudgements(store, [names[0]!])
  expect(kept[0]).toMatchObject({ verdict: { decision: 'kept' }, evidence: { span: '2001-05' } })
  expect((await readRun(store, run))?.sealedAt).toBeInstanceOf(Date)
  expect((await latestSealedRun(store, 'delay'))?.id).toBe(run)
})

test('a seal said twice is a seal said once', async () => {
  const { run, names } = await adoptFleet(store, members(3))
  const seal = sealOf(run, names)
  await sealRun(store, seal)
  const before = await recorded()
  expect(await sealRun(store, seal)).toEqual({ state: 'already' })
  expect(await recorded()).toEqual(before)
})

test('of seals at once, one writes', async () => {
  const { run, names } = await adoptFleet(store, members(3))
  const seal = sealOf(run, names)
  const outcomes = await Promise.all([sealRun(store, seal), sealRun(store, seal)])
  expect(outcomes.map(o => o.state).sort()).toEqual(['already', 'sealed'])
  expect(await generations(store)).toEqual({ prod: 1 })
})

test('a finished run counts as history, and finishing it again changes nothing', async () => {
  const { run, names } = await adoptFleet(store, members(2))
  await sealRun(store, sealOf(run, names))
  await finishRun(store, run)
  const first = await readRun(store, run)
  await finishRun(store, run)
  expect(await readRun(store, run)).toEqual(first)
  expect(first?.state).toBe('done')
  expect(await runHistory(store, 'delay')).toMatchObject([{ run, members: 7 }])
})
