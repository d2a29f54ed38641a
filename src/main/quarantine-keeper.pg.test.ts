import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { ManualClock } from '../base/clock.ts'
import type { DeskParts } from '../control/index.ts'
import { quarantineDesk } from '../control/quarantine.ts'
import { Breakers } from '../serve/breaker.ts'
import {
  liftQuarantine,
  openStore,
  quarantinedVersions,
  recordQuarantine,
  type Store,
} from '../store/index.ts'
import { QuarantineKeeper } from './quarantine-keeper.ts'

let database: TestDatabase
let store: Store
beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
})
afterAll(async () => {
  await store.close()
  await database.drop()
})

const clock = new ManualClock(1_700_000_000_000)
const model = 'route-late.ATL'

/** What the keeper needs of a data plane: its breakers. */
function process() {
  const breakers = new Breakers()
  const plane = {
    ejected: () => breakers.ejected(),
    quarantine: (name: string, version: number, because: string) =>
      breakers.quarantine(name, version, clock.monotonicMs(), because),
    lift: (name: string, version: number) => breakers.lift(name, version),
  }
  return { breakers, keeper: new QuarantineKeeper({ store, plane, environment: 'prod', clock }) }
}

const recorded = () => quarantinedVersions(store, 'prod')

test('a quarantine is recorded, outlives the process, and is lifted by its record', async () => {
  const first = process()
  await first.keeper.look()
  first.breakers.quarantine(model, 3, clock.monotonicMs(), 'the graph failed')
  clock.advance(5_000)
  await first.keeper.look()
  await first.keeper.look()
  expect(await recorded()).toEqual([
    { model, version: 3, because: 'the graph failed', since: new Date(1_700_000_000_000) },
  ])
  const second = process()
  await second.keeper.look()
  expect(second.breakers.isEjected(model, 3)).toBe(true)
  expect(await liftQuarantine(store, 'prod', { model, version: 3 })).toBe(true)
  expect(await liftQuarantine(store, 'prod', { model, version: 3 })).toBe(false)
  for (const { keeper, breakers } of [first, second]) {
    await keeper.look()
    expect(breakers.isEjected(model, 3)).toBe(false)
    await keeper.look()
  }
  expect(await recorded()).toEqual([])
})

test('without the database what is quarantined stays so', async () => {
  const { breakers, keeper } = process()
  breakers.quarantine(model, 4, clock.monotonicMs(), 'the graph failed')
  const away = await openStore(database.url)
  await away.close()
  const plane = { ejected: () => breakers.ejected(), quarantine: () => {}, lift: () => true }
  const lost = new QuarantineKeeper({ store: away, plane, environment: 'prod', clock })
  await expect(lost.look()).rejects.toThrow()
  expect(breakers.isEjected(model, 4)).toBe(true)
  await keeper.look()
  expect(await recorded()).toHaveLength(1)
})

test('pages go on behind a version that was lifted meanwhile', async () => {
  const parts = { store, environment: 'paged', wake: () => {} } as unknown as DeskParts
  const desk = quarantineDesk(parts)
  const since = new Date(0)
  for (const version of [1, 2, 3, 10]) {
    await recordQuarantine(store, 'paged', { model: 'a.b', version, because: 'failed', since })
  }
  const versions = async (after?: number) => {
    const behind = after === undefined ? undefined : { value: null, id: `a.b@${after}` }
    return (await desk.list({ limit: 2, after: behind })).map(row => row.version)
  }
  expect(await versions()).toEqual([1, 2])
  await liftQuarantine(store, 'paged', { model: 'a.b', version: 2 })
  expect(await versions(2)).toEqual([3, 10])
  expect(await versions(10)).toEqual([])
})
