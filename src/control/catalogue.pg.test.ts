import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { busy, fleetYaml, units } from '../../test/loop/declaration.ts'
import { deliveriesOf, openWorld, type World } from '../../test/loop/world.ts'
import type { ControlDesk } from '../api/index.ts'
import { systemClock } from '../base/clock.ts'
import { readConnections } from '../sources/index.ts'
import { CurrentFleet, openDesk } from './index.ts'

/* The catalogue and the impact of changes, over what a real fleet has recorded. */

let world: World
let desk: ControlDesk
const yaml = fleetYaml({ blueprints: [units, busy] }).replace(
  'eventTime: day',
  'eventTime: day\ndescription: What the tills have counted',
)

beforeAll(async () => {
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
  expect(await desk.catalogue.features({ limit: 10, after: undefined })).toEqual({
    items: [],
    nearest: [],
  })
  await expect(find('sales')).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  const plan = await desk.plan({ files: [{ path: 'muster.yaml', text: yaml }] })
  await desk.apply(plan.id, plan.digest)
})
afterAll(() => world[Symbol.asyncDispose]())

const list = async (ask: object = {}) =>
  desk.catalogue.features({ limit: 100, after: undefined, ...ask })
const find = (of: string, limit = 100, after?: string) =>
  desk.catalogue.impact({
    of,
    limit,
    after: after === undefined ? after : { value: null, id: after },
  })

test('lists what is shared, with its freshness and its readers', async () => {
  const { items } = await list()
  expect(items.map(item => `${item.kind} ${item.name}`)).toEqual([
    'source sales',
    'group recent',
    'view day-ahead@1',
    'feature day-ahead@1.promotion',
    'feature day-ahead@1.weekend',
    'feature recent.product_shop_mean_7d',
  ])
  expect(items[0]).toMatchObject({
    owner: 'me',
    description: 'What the tills have counted',
    declaredAt: 'muster.yaml:6',
    means: 'files sales/*.csv',
    freshness: { rows: 2_400, newestEvent: '2024-07-18T00:00:00.000Z', outcome: 'accepted' },
    readBy: { views: ['day-ahead@1'], blueprints: ['busy', 'units'], models: 32 },
  })
  expect(items[2]).toMatchObject({
    published: { plan: 'p-1' },
    readBy: { blueprints: ['busy', 'units'], models: 32 },
  })
  const after = { value: null, id: 'group recent' }
  const page = await list({ limit: 2, after })
  expect(page.items.map(item => item.name)).toEqual(['day-ahead@1', 'day-ahead@1.promotion'])
})

test('finds by words in name, owner and description, and by kind, owner and name', async () => {
  const names = async (ask: object) => (await list(ask)).items.map(item => item.name)
  expect(await names({ query: 'TILLS counted' })).toEqual(['sales'])
  expect(await names({ query: 'recent mean' })).toEqual(['recent.product_shop_mean_7d'])
  expect(await names({ kind: 'view' })).toEqual(['day-ahead@1'])
  expect(await names({ owner: 'you' })).toEqual([])
  expect(await list({ query: 'recnt' })).toEqual({ items: [], nearest: ['recent'] })
  const [view] = (await list({ name: 'day-ahead@1' })).items
  expect(view?.fields.find(field => field.name === 'weekend')?.value).toBe(
    'cast(isodow(day) >= 6 as int)',
  )
})

test('impact counts models and routes behind a column, and pages through the models', async () => {
  const impact = await find('sales.promotion', 3)
  expect(impact).toMatchObject({
    is: ['column'],
    views: [{ name: 'day-ahead@1', by: ['feature promotion'] }],
    blueprints: [
      { name: 'units', by: ['day-ahead@1'], models: 16 },
      { name: 'busy', by: ['day-ahead@1'], models: 16 },
    ],
    models: { total: 32, byState: { declared: 32 }, byLevel: { root: 2, segment: 6, leaf: 24 } },
  })
  expect(impact.items.map(m => m.name)).toEqual(['busy', 'busy.bread', 'busy.bread.aarhus'])
  const rest = await find('sales.promotion', 100, 'units.juice.cork')
  expect(rest.items.map(m => m.name)).toEqual(['units.juice.dresden'])
  await expect(find('sales.promotoin')).rejects.toMatchObject({ hint: 'nearest: sales.promotion' })
  await expect(find('day-ahed')).rejects.toMatchObject({ hint: /day-ahead@1/ })
})

test('a published view and the draft of its next version are told apart', async () => {
  const published = await desk.catalogue.publishedView('day-ahead@1')
  expect(published).toMatchObject({ plan: 'p-1', newestVersion: 1 })
  expect(published.declaration[0]?.text).toBe(yaml)
  expect((await desk.catalogue.viewDiff('day-ahead@1', 'day-ahead@1')).differences).toEqual([])
  await expect(desk.catalogue.viewDiff('day-ahead@1', 'day-ahead@2')).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
    hint: 'nearest: day-ahead@1',
  })
  await expect(desk.catalogue.publishedView('day-ahead@2')).rejects.toThrow('is not published')
})

test('with 10,000 models', async () => {
  await world.store.run(
    `insert into model (name, blueprint, depth, parent, rows, state, reason, because)
     select 'units.bread.shop-' || n, 'units', 2, 'units.bread', 100, 'serving', 'kept', 'test'
     from generate_series(1, 10000) n`,
  )
  await world.store.run(
    `insert into route (environment, model, blueprint, version, version_digest, graph, pack, row,
       generation)
     select 'prod', name, 'units', 1, '', '', '', 0, 1 from model where name like '%shop-%'`,
  )
  await find('sales.units')
  const times: number[] = []
  for (let i = 0; i < 20; i++) {
    const startMs = systemClock.monotonicMs()
    const impact = await find('sales.units', 40)
    times.push(systemClock.monotonicMs() - startMs)
    expect(impact.models.total).toBe(10_032)
    expect(impact.routes).toEqual([{ environment: 'prod', models: 10_000 }])
  }
  const sorted = times.toSorted((a, b) => a - b)
  console.log(
    `impact at 10,000 models: median ${sorted[10]?.toFixed(1)} ms, worst ${sorted[19]?.toFixed(1)} ms`,
  )
})
