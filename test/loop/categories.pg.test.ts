import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import type { ModelName } from '../../src/base/ids.ts'
import { exportModel } from '../../src/control/export.ts'
import { openModelSession, readCategories } from '../../src/onnx/index.ts'
import { familyRoutes, readVersions } from '../../src/store/index.ts'
import { fleetYaml } from './declaration.ts'
import { salesRows, shops } from './shop-sales.ts'
import { openWorld, type World } from './world.ts'

/* Text from a file to a model: coded by the frame, known to the graph, sent as it is. */

const yaml = fleetYaml({
  moreFeatures:
    '  store: { sql: shop, type: category, transform: onehot(10) }\n' +
    '  kind: { sql: product, type: category, transform: [target(20), standard] }\n' +
    'crosses: [[store, promotion]]\n',
})
let world: World

beforeAll(async () => {
  world = await openWorld(inject('postgresUrl'))
  await world.follow(yaml)
})

afterAll(() => world[Symbol.asyncDispose]())

async function rootGraph() {
  const routes = must(await familyRoutes(world.store, 'prod', 'units'), 'the family has routes')
  const root = must(
    routes.routes.find(route => route.model === 'units'),
    'the root serves',
  )
  return readCategories(await world.blobs.get(root.graph))
}

test('the graph that serves knows the texts of its training', async () => {
  expect(await rootGraph()).toEqual({ kind: ['bread', 'coffee', 'juice'], store: shops })
})

test('an exported model takes text', async () => {
  const { bytes } = await exportModel(world, 'units')
  await using model = await openModelSession(bytes)
  expect(model.inputNames).toEqual([
    'weekend',
    'promotion',
    'recent.product_shop_mean_7d',
    'store',
    'kind',
  ])
  const numbers = [0, 1, 40].map(value => Float32Array.of(value, value))
  const answers = await model.run([...numbers, ['cork', 'never seen'], ['bread', 'bread']], 2)
  expect(answers.every(Number.isFinite)).toBe(true)
  expect(answers[0]).not.toBe(answers[1])
})

test('a later text makes another graph, and the champion is judged all the same', async () => {
  const espoo = salesRows({ seed: 5, special: { 'bread.espoo': (_, units) => units } })
  const lines = espoo.split('\n').filter(line => line.includes('espoo'))
  await world.addSales('espoo.csv', `${lines.join('\n')}\n`)
  await world.follow()
  const versions = await readVersions(world.store, 'units' as ModelName, 10)
  const [newest, first] = versions
  expect(versions).toHaveLength(2)
  expect(newest!.graph).not.toBe(first!.graph)
  expect(newest!.evidence.championAbsent).toBeUndefined()
  expect(newest!.evidence.champion?.metrics.rows).toBe(newest!.evidence.candidate.rows)
  expect(readCategories(await world.blobs.get(newest!.graph)).store).toEqual([...shops, 'espoo'])
})
