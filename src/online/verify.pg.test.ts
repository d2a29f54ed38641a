import { expect, inject, test } from 'vitest'
import { openWorld, push, readings } from '../../test/intake-world.ts'
import { SeededRandom } from '../base/random.ts'
import { aFleet, aGroup, aWindow } from '../engine/small-data.fixture.ts'
import { listChecks } from '../store/index.ts'
import { OnlineFeatures, openOnlineStore, verifyOnline } from './index.ts'
import { entityKey } from './keys.ts'
import { decodeRows, encodeRows, revisionOf } from './record.ts'

const source = { ...readings, columns: { ...readings.columns, place: 'VARCHAR' } }
const hour = { kind: 'time' as const, ms: 3_600_000 }
const group = aGroup([aWindow(['station'], 'std', hour), aWindow(['place'], 'mean', hour)], {
  name: 'state',
  source: source.name,
  knownAt: 'coalesce("muster known at", happened)',
  latest: [
    { name: 'value', by: ['station'], of: 'value', ttlMs: undefined },
    { name: 'place', by: ['station'], of: 'place', ttlMs: undefined },
  ],
})
const fleet = aFleet(source, [group], [], [])

test('what differs is found, feature by feature, with an example, and kept', async () => {
  await using world = await openWorld(inject('postgresUrl'))
  await using store = await openOnlineStore({ folder: `${world.folder}/online` })
  const { blobs, clock, at } = world
  const parts = { store, records: world.store, blobs, clock, log: () => {} }
  await using online = await OnlineFeatures.open(parts)
  await online.follow(fleet)
  const streaming = { ...world, at: { ...at, pushed: online.apply.bind(online) } }
  const rows = Array.from({ length: 90 }, (_, i) => ({
    station: `s${i % 30}`,
    happened: new Date(clock.now().getTime() - (i % 50) * 60_000).toISOString(),
    value: Math.sqrt(i),
    place: i % 7 === 0 ? null : `p${i % 3}`,
  }))
  await push(streaming, rows, { source })

  const place = { online, store, intake: at }
  const look = async (sample = 50) => {
    const { findings, number } = await verifyOnline(
      fleet,
      { sample, chance: new SeededRandom(5) },
      place,
    )
    return { number, byName: new Map(findings.map(one => [one.feature, one])) }
  }
  // Places are read from snapshots alone, and the first is made by this very look.
  const first = await look()
  expect(first.byName.get('place')).toMatchObject({ compared: 30, equal: 30, example: null })
  expect(first.byName.get('place_value_mean_3600000ms')).toMatchObject({ compared: 3, equal: 3 })
  for (const one of (await look()).byName.values()) {
    expect(one).toMatchObject({ equal: one.compared, different: 0, onlyOnline: 0, onlyOffline: 0 })
  }

  // Somebody writes beside the path: a wrong value, a lost entity, one that never was.
  const { prefix } = online.generation('state')!.kinds.find(kind => kind.by[0] === 'station')!
  const [wrong, lost, made] = ['s3', 's4', 'ghost'].map(name => entityKey(prefix, [name]))
  let copy: Uint8Array = new Uint8Array()
  await store.update([wrong!], (_, before) => {
    const kept = decodeRows(before!, 3)
    const rows = kept.rows.map(row => ({ ...row, values: [1_000, ...row.values.slice(1)] }))
    copy = Buffer.from(before!)
    return encodeRows({ ...kept, rows }, revisionOf(before) + 1)
  })
  await store.remove(lost!)
  await store.update([made!], () => copy)
  const { byName, number } = await look()
  expect(byName.get('value')).toMatchObject({
    compared: 31,
    equal: 28,
    different: 1,
    onlyOnline: 1,
    onlyOffline: 1,
  })
  expect(byName.get('value')!.maxAbs).toBeGreaterThan(900)
  expect(byName.get('place')).toMatchObject({ different: 0, onlyOnline: 1 })
  const kept = await listChecks(world.store, { limit: 100 })
  expect(kept.slice(0, 4).map(one => [one.number, one.feature])).toEqual([
    [number, 'place'],
    [number, 'place_value_mean_3600000ms'],
    [number, 'station_value_std_3600000ms'],
    [number, 'value'],
  ])
  const after = { number, feature: `state.${kept[1]!.feature}` }
  expect((await listChecks(world.store, { limit: 1, after }))[0]).toEqual(kept[2])
})
