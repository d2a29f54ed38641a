import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, inject, test } from 'vitest'
import { until } from '../../test/child.ts'
import { whyWithout } from '../../test/debian.ts'
import { freshDatabase } from '../../test/postgres.ts'
import { skipBecause } from '../../test/strict.ts'
import { systemClock } from '../base/clock.ts'
import { CurrentFleet } from '../control/index.ts'
import { startRedis } from '../online/redis.fixture.ts'
import { openBlobs } from '../registry/index.ts'
import { openDataPlane } from '../serve/index.ts'
import { openStore } from '../store/index.ts'
import { openOnline } from './online.ts'

test('a Redis that is away is told in the health, and that it is back', async context => {
  const missing = whyWithout('redis-server')
  if (missing) skipBecause(context, missing)
  const database = await freshDatabase(inject('postgresUrl'))
  const home = await mkdtemp(join(tmpdir(), 'muster-online-'))
  const redis = await startRedis()
  const store = await openStore(database.url, { connections: 2 })
  const blobs = await openBlobs(join(home, 'blobs'))
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  plane.markSynced()
  const online = await openOnline({
    config: { home, onlineUrl: redis.url } as never,
    store,
    blobs,
    fleet: new CurrentFleet(store),
    intake: { store, blobs, clock: systemClock, connections: new Map() } as never,
    registry: new Registry(),
    log: pino({ level: 'silent' }),
  })
  const health = plane.dependencies
  const { onlineStore: probe } = online.looks(health)
  await probe()
  expect(health.list()).toEqual([])
  await redis.kill()
  await probe()
  const [away] = health.list()
  expect(away?.name).toBe('online')
  expect(away?.means).toMatch(/does not answer; models answer whose callers send every feature/)
  await probe()
  expect(health.list()).toEqual([away])
  // What needs no features goes on, so nobody is sent elsewhere.
  expect(plane.isReady).toBe(true)
  const again = await startRedis(undefined, Number(new URL(redis.url).port))
  await until(async () => {
    await probe()
    return health.list().length === 0
  })
  await online[Symbol.asyncDispose]()
  await again[Symbol.asyncDispose]()
  plane.close()
  await store.close()
  await database.drop()
  await rm(home, { recursive: true })
})
