import { afterEach, expect, inject, type TestContext, test } from 'vitest'
import { whyWithout } from '../../test/debian.ts'
import { openWorld, push, readings, type World } from '../../test/intake-world.ts'
import { skipBecause } from '../../test/strict.ts'
import { aFleet, aGroup, aWindow } from '../engine/small-data.fixture.ts'
import { lookupAsOf } from '../features/index.ts'
import { type AcceptedRows, compactSource, deleteEntities, keptSnapshot } from '../intake/index.ts'
import type { FeatureGroupSpec, SourceSpec, WindowStat } from '../spec/index.ts'
import { lastAcceptedCommit, lastCommit } from '../store/index.ts'
import { OnlineFeatures, openOnlineStore } from './index.ts'
import { startRedis } from './redis.fixture.ts'
import type { OnlineStore } from './store.ts'

const engines = ['lmdb', 'redis'] as const
const stats: readonly WindowStat[] = ['count', 'sum', 'mean', 'min', 'max', 'std', 'last']
const half = { kind: 'time' as const, ms: 1_800_000 }
const lastThree = { kind: 'rows' as const, rows: 3 }

const source: SourceSpec = {
  ...readings,
  columns: { ...readings.columns, place: 'VARCHAR' },
}
/** Every way in which a row may count. */
const group = aGroup(
  stats.flatMap(stat => [
    aWindow(['station'], stat, half),
    aWindow(['station'], stat, lastThree),
    aWindow(['place'], stat, half),
  ]),
  {
    name: 'state',
    source: source.name,
    knownAt: 'coalesce("muster known at", happened)',
    latest: [
      { name: 'value', by: ['station'], of: 'value', ttlMs: 3_600_000 },
      { name: 'twice', by: ['station'], of: 'value * 2', ttlMs: undefined },
      { name: 'place', by: ['station'], of: 'place', ttlMs: undefined },
    ],
  },
)
const texts = new Set(['place'])

interface Setting {
  readonly world: World
  readonly store: OnlineStore
  readonly online: OnlineFeatures
  readonly logged: string[]
  /** A process that was started anew on what this one left. */
  again(): Promise<OnlineFeatures>
}

const cleanUps: (() => PromiseLike<void>)[] = []
afterEach(async () => {
  for (const end of cleanUps.splice(0).reverse()) await end()
})

async function open(kind: OnlineStore['kind'], context: TestContext): Promise<Setting> {
  const missing = kind === 'redis' ? whyWithout('redis-server') : undefined
  if (missing) skipBecause(context, missing)
  const world = await openWorld(inject('postgresUrl'))
  cleanUps.push(() => world[Symbol.asyncDispose]())
  const redis = kind === 'redis' ? await startRedis() : undefined
  if (redis) cleanUps.push(() => redis[Symbol.asyncDispose]())
  const where = redis ? { url: redis.url } : { folder: `${world.folder}/online` }
  const store = await openOnlineStore(where)
  cleanUps.push(() => store[Symbol.asyncDispose]())
  const logged: string[] = []
  const { blobs, clock } = world
  const again = async () => {
    const parts = {
      store,
      records: world.store,
      blobs,
      clock,
      log: (line: string) => logged.push(line),
    }
    const online = await OnlineFeatures.open(parts)
    cleanUps.push(() => online[Symbol.asyncDispose]())
    return online
  }
  return { world, store, online: await again(), logged, again }
}

const fleetOf = (of: FeatureGroupSpec = group) => aFleet(source, [of], [], [])

const at = (minute: number) =>
  new Date(Date.parse('2026-06-15T11:00:00Z') + minute * 60_000).toISOString()

async function send(setting: Setting, online: OnlineFeatures | undefined, rows: readonly object[]) {
  const { world } = setting
  const pushed = online && { pushed: (batch: AcceptedRows) => online.apply(batch) }
  await push({ ...world, at: { ...world.at, ...pushed } }, rows as never, { source })
}

const stations = ['a', 'b', 'c', 'never']
const places = ['north', 'south', 'nowhere']
const featuresBy = (by: string) =>
  [...group.latest, ...group.features].filter(f => f.by[0] === by).map(f => f.name)

async function online(of: OnlineFeatures, nowMs: number) {
  const [byStation, byPlace] = await of.lookup(
    [
      { group: 'state', by: ['station'], features: featuresBy('station'), entities: [stations] },
      { group: 'state', by: ['place'], features: featuresBy('place'), entities: [places] },
    ],
    nowMs,
  )
  return new Map([
    ...featuresBy('station').map((name, f) => [name, byStation![f]!.values] as const),
    ...featuresBy('place').map((name, f) => [name, byPlace![f]!.values] as const),
  ])
}

/** The same features from the newest snapshot, by what frames are made with. */
async function offline({ world }: Setting, nowMs: number) {
  const snapshot = await keptSnapshot(source, world.at)
  const found = new Map<string, readonly (number | string | null)[]>()
  for (const [by, entities] of [
    ['station', stations],
    ['place', places],
  ] as const) {
    const features = featuresBy(by).map(name => ({
      name,
      from: { kind: 'group' as const, group: 'state', feature: name },
      ...(texts.has(name) && { type: 'category' as const }),
      transform: [],
    }))
    const rows = {
      columns: { [by]: entities },
      asOfMs: new Float64Array(entities.length).fill(nowMs),
    }
    const sources = [{ spec: source, snapshot }]
    const values = await lookupAsOf({ features, groups: [group], sources, rows }, world)
    for (const [name, column] of values) {
      found.set(name, Array.from(column as ArrayLike<number | string | null>, plain))
    }
  }
  return found
}

function plain(value: number | string | null): number | string | null {
  if (typeof value !== 'number') return value
  return Number.isNaN(value) ? null : Number(value.toPrecision(12))
}

async function expectSame(setting: Setting, of: OnlineFeatures, nowMs: number): Promise<void> {
  const found = await online(of, nowMs)
  const rounded = new Map([...found].map(([name, values]) => [name, values.map(plain)]))
  expect(rounded).toEqual(await offline(setting, nowMs))
}

const row = (station: string, minute: number, value: number | null, place = 'north') => ({
  station,
  happened: at(minute),
  value,
  place,
})

test.for(engines)(
  '%s: what is read is what training would see, whatever happens',
  async (kind, context) => {
    const setting = await open(kind, context)
    const { world, online: first } = setting
    const nowMs = () => world.clock.now().getTime()
    expect(await first.follow(fleetOf())).toMatchObject([{ outcome: 'built', rows: 0 }])
    await send(setting, first, [row('a', 0, 1), row('a', 50, 2), row('b', 55, 3, 'south')])
    await send(setting, first, [row('a', 52, 4), row('a', 10, 99), row('b', 58, null, 'south')])
    // Before any snapshot: what streamed in is there at once.
    const values = (await online(first, nowMs())).get('value')
    expect(values).toEqual([4, null, null, null])
    await keptSnapshot(source, world.at)
    expect(await first.follow(fleetOf())).toMatchObject([{ outcome: 'built' }])
    await expectSame(setting, first, nowMs())
    // Corrections: the same station and event time, to another value and another place.
    await send(setting, first, [row('a', 52, 5, 'south'), row('c', 30, 7), row('c', 31, 8)])
    await send(setting, first, [row('c', 31, 8.5), row('c', 29, -1)])
    await keptSnapshot(source, world.at)
    await first.follow(fleetOf())
    await expectSame(setting, first, nowMs())
    // Time alone: windows decay, values grow too old.
    for (const minutes of [3, 20, 40]) {
      world.clock.advance(minutes * 60_000)
      await expectSame(setting, first, nowMs())
    }
    // Compaction changes nothing; an entity that is deleted goes.
    await send(setting, first, [row('b', 100, 6), row('a', 101, 6)])
    await keptSnapshot(source, world.at)
    await compactSource(source, world.at)
    await first.follow(fleetOf())
    await expectSame(setting, first, nowMs())
    await deleteEntities(source, [{ station: 'a' }], world.at)
    expect(await first.follow(fleetOf())).toMatchObject([{ outcome: 'built' }])
    await expectSame(setting, first, nowMs())
    expect((await online(first, nowMs())).get('twice')![0]).toBeNull()
    expect(setting.logged).toEqual([])
  },
)

test('who is deleted goes too when what is left is not accepted', async context => {
  const setting = await open('lmdb', context)
  const { world, online: of } = setting
  await send(setting, of, [row('a', 30, 1), row('b', 30, 2), row('c', 30, 3)])
  const check = { kind: 'rows' as const, min: 3, max: undefined }
  const strict = { ...source, expect: [{ check, onFail: 'reject' as const, index: 0 }] }
  await keptSnapshot(strict, world.at)
  const asked = () => of.lookup(ofStations, world.clock.now().getTime())
  const ofStations = [
    { group: 'state', by: ['station'], features: ['twice'], entities: [['a', 'b']] },
  ]
  await of.follow(fleetOf())
  expect((await asked())[0]![0]!.values).toEqual([2, 4])
  const { commit } = await deleteEntities(strict, [{ station: 'a' }], world.at)
  expect((await lastCommit(world.store, source.name))!.outcome).toBe('rejected')
  await of.follow(fleetOf(), { erased: { commit: commit!, entities: [{ station: 'a' }] } })
  expect((await asked())[0]![0]!.values).toEqual([null, 4])
})

test.for(engines)('%s: statuses, and the time of what is told', async (kind, context) => {
  const setting = await open(kind, context)
  const { world, online: of } = setting
  const ask = (features: readonly string[], entities: readonly (string | null)[] = ['a']) =>
    of
      .lookup(
        [{ group: 'state', by: ['station'], features, entities: [entities] }],
        world.clock.now().getTime(),
      )
      .then(([answer]) => answer!)
  const away = { code: 'E_FEATURES_AWAY', message: expect.stringContaining('not materialised yet') }
  await expect(ask(['value'])).rejects.toMatchObject(away)
  await of.follow(fleetOf())
  await send(setting, of, [row('a', 30, 1, null as never), row('b', 30, 2)])
  const [value, place, nothing] = await ask(['value', 'place', 'no_such'], ['a', 'b', 'x', null])
  expect(value).toEqual({
    values: [1, 2, null, null],
    statuses: ['PRESENT', 'PRESENT', 'NOT_FOUND', 'NOT_FOUND'],
    eventMs: [Date.parse(at(30)), Date.parse(at(30)), Number.NaN, Number.NaN],
  })
  expect(place!.statuses).toEqual(['NULL_VALUE', 'PRESENT', 'NOT_FOUND', 'NOT_FOUND'])
  expect(nothing!.statuses).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND'])
  // An event exactly as old as the TTL still counts.
  world.clock.advance(Date.parse(at(90)) - world.clock.now().getTime())
  expect((await ask(['value']))[0]!.statuses).toEqual(['PRESENT'])
  world.clock.advance(1_001)
  expect(
    await ask(['value', 'twice', 'station_value_count_1800000ms', 'station_value_mean_1800000ms']),
  ).toMatchObject([
    { values: [null], statuses: ['OUTSIDE_MAX_AGE'] },
    { values: [2], statuses: ['PRESENT'] },
    { values: [0], statuses: ['PRESENT'] },
    { values: [null], statuses: ['NULL_VALUE'] },
  ])
  // A row of the future is not told before its time.
  await send(setting, of, [row('a', 200, 9)])
  expect((await ask(['twice']))[0]!.values).toEqual([2])
  world.clock.advance(Date.parse(at(200)) - world.clock.now().getTime())
  expect((await ask(['twice']))[0]!.values).toEqual([18])
})

test.for(engines)(
  '%s: what a dead process had not applied is applied by the next',
  async (kind, context) => {
    const setting = await open(kind, context)
    const { world, online: first } = setting
    await first.follow(fleetOf())
    await send(setting, first, [row('a', 40, 1)])
    await keptSnapshot(source, world.at)
    await first.follow(fleetOf())
    // Durable, and then the process dies: in a snapshot, and before one.
    await send(setting, undefined, [row('a', 41, 2), row('b', 41, 2)])
    await keptSnapshot(source, world.at)
    await send(setting, undefined, [row('a', 42, 3), row('c', 42, 3)])
    const second = await setting.again()
    await second.follow(fleetOf())
    const { store, clock } = world
    expect((await online(second, clock.now().getTime())).get('value')).toEqual([3, 2, 3, null])
    await keptSnapshot(source, world.at) // Only a snapshot says what counts for a place.
    await second.follow(fleetOf())
    await expectSame(setting, second, clock.now().getTime())
    const commit = await lastAcceptedCommit(store, source.name)
    await second.follow(fleetOf())
    expect(second.generation('state')!.record.commit).toBe(commit!.number)
  },
)

test.for(engines)(
  '%s: another declaration is built beside, and the one before is swept',
  async (kind, context) => {
    const setting = await open(kind, context)
    const { world, online: of, store } = setting
    await of.follow(fleetOf())
    await send(setting, of, [row('a', 40, 1)])
    const before = of.generation('state')!.prefix
    const other = { ...group, latest: [{ ...group.latest[0]!, of: 'value + 100' }] }
    expect(await of.follow(fleetOf(other))).toMatchObject([
      { outcome: 'built', because: 'its declaration has changed' },
    ])
    expect((await online(of, world.clock.now().getTime())).get('value')![0]).toBe(101)
    expect(await store.keys(before, 10)).not.toEqual([])
    world.clock.advance(10_000)
    expect(await of.follow(fleetOf(other))).toMatchObject([{ outcome: 'added' }])
    expect(await store.keys(before, 10)).toEqual([])
    expect(await of.faultOf(other)).toBeUndefined()
    // A store that was emptied is filled anew; until then nothing that it holds is the whole.
    await store.remove(Buffer.from('muster:'))
    await send(setting, of, [row('a', 41, 2)])
    await expect(online(of, world.clock.now().getTime())).rejects.toMatchObject({
      code: 'E_FEATURES_AWAY',
      message: expect.stringContaining('emptied'),
    })
    expect(await of.faultOf(other)).toBe('the store was emptied')
    expect(await of.follow(fleetOf(other))).toMatchObject([{ outcome: 'built' }])
    expect((await online(of, world.clock.now().getTime())).get('value')![0]).toBe(102)
    expect(await of.follow(fleetOf({ ...other, online: false }))).toEqual([])
    expect(of.groups()).toEqual([])
  },
)

test('a window over more rows than are kept is refused, and told', async context => {
  const setting = await open('lmdb', context)
  const far = aGroup([aWindow(['station'], 'mean', { kind: 'rows', rows: 50_000 })], {
    ...group,
    features: [aWindow(['station'], 'mean', { kind: 'rows', rows: 50_000 })],
    latest: [],
  })
  const [told] = await setting.online.follow(fleetOf(far))
  expect(told).toMatchObject({ outcome: 'refused' })
  expect(await setting.online.faultOf(far)).toBe(told!.because)
  expect(told!.because).toContain('50,000 rows, and 20,000 of one entity are kept')
  await expect(setting.online.follow(fleetOf(), { groups: ['stat'] })).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
  })
})
