import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  aBlueprint,
  aFleet,
  aGroup,
  aSource,
  aView,
  aWindow,
  writeParquet,
} from '../engine/small-data.fixture.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections, takeSnapshot } from '../sources/index.ts'
import type { FeatureGroupSpec, FleetSpec, SourceSpec } from '../spec/index.ts'
import { checkFeatures, countMembers, type FeatureProblem } from './index.ts'
import { memberList } from './members.ts'

let folder: string
let blobs: Blobs
let source: SourceSpec
let snapshot: Snapshot

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-check-'))
  blobs = await openBlobs(join(folder, 'blobs'))
  await writeParquet(
    join(folder, 'trips.parquet'),
    `select ['A', 'B', null][1 + i % 3] as origin, ['p', 'q'][1 + i % 2] as place, i as miles,
            timestamp '2001-01-01' + to_hours(i) as happened, (i % 60)::double as delay,
            happened + to_minutes(i % 60) as known, i * 1.5 as value
     from range(100) t(i)`,
  )
  source = aSource('trips.parquet')
  snapshot = await takeSnapshot(source, {
    fleetFolder: folder,
    blobs,
    connections: readConnections({}),
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hour = { kind: 'time' as const, ms: 3_600_000 }
const past = () =>
  aGroup([aWindow(['origin'], 'mean', hour, 'delay')], {
    knownAt: 'happened + to_minutes(delay::bigint)',
  })
const check = (fleet: FleetSpec, snapshots = new Map([['trips', snapshot]])) =>
  checkFeatures(fleet, snapshots, blobs)
const problems = async (fleet: FleetSpec) =>
  (await check(fleet)).map(p => `${p.code} ${placeOf(p)}: ${p.detail}`)
const placeOf = ({ at }: FeatureProblem) => `${at.kind} ${at.name} ${at.path.join('.')}`

test('a fleet that fits its data has no problems', async () => {
  const group = past()
  const view = aView({ hour: 'hour(happened)', miles: 'miles' }, group, {
    asOf: 'happened - interval 2 hours',
    where: 'miles >= 0',
  })
  const blueprint = aBlueprint({ label: 'delay > 15', key: ['origin', 'place'] })
  expect(await check(aFleet(source, [group], [view], [blueprint]))).toEqual([])
})

test('every expression is bound, and all problems are said at once', async () => {
  const group: FeatureGroupSpec = aGroup(
    [aWindow(['nobody'], 'mean', hour, 'place'), aWindow(['origin'], 'count', hour, 'origin')],
    { eventTime: 'miles', knownAt: 'knwon' },
  )
  const view = aView({ text: 'origin', gone: 'distance', two: '1; 2', ok: 'miles' }, group, {
    eventTime: 'place',
    where: 'miles',
  })
  const blueprint = aBlueprint({
    key: ['orgin'],
    label: 'place',
    members: { where: 'x', atLeast: 1 },
  })
  expect(await problems(aFleet(source, [group], [view], [blueprint]))).toEqual([
    'E_DATA_SCHEMA FeatureGroup past eventTime: `miles` is BIGINT, not a time',
    'E_DATA_SCHEMA FeatureGroup past knownAt: there is no column `knwon`',
    'E_DATA_SCHEMA FeatureGroup past features.nobody_place_mean_3600000ms.of: `place` is VARCHAR, not a number or true/false',
    'E_DATA_SCHEMA FeatureGroup past features.nobody_place_mean_3600000ms.by.0: there is no column `nobody`',
    'E_DATA_SCHEMA FeatureView now@1 eventTime: `place` is VARCHAR, not a time',
    'E_DATA_SCHEMA FeatureView now@1 where: `miles` is BIGINT, not true/false',
    'E_DATA_SCHEMA FeatureView now@1 features.text.sql: `origin` is VARCHAR, not a number or true/false',
    'E_DATA_SCHEMA FeatureView now@1 features.gone.sql: there is no column `distance`',
    'E_SQL_STATEMENT FeatureView now@1 features.two.sql: this is not one SQL expression: syntax error at or near ";"',
    'E_DATA_SCHEMA Blueprint trip-time key.0: there is no column `orgin`',
    'E_DATA_SCHEMA Blueprint trip-time members.where: there is no column `x`',
    'E_DATA_SCHEMA Blueprint trip-time label: `place` is VARCHAR, not a number or true/false',
  ])
  const [first] = await check(aFleet(source, [], [], []), new Map())
  expect(first).toMatchObject({ code: 'E_SOURCE', at: { kind: 'Source', name: 'trips' } })
})

test('a wrong as-of time is told once, at the view; a wrong SELECT as a SELECT', async () => {
  const view = (asOf: string) => aView({ hour: 'hour(happened)' }, past(), { asOf })
  const blueprint = aBlueprint({ label: 'delay > 15' })
  const told = (asOf: string) => problems(aFleet(source, [past()], [view(asOf)], [blueprint]))
  for (const asOf of ['happened -', 'hapened', 'miles']) {
    expect(await told(asOf), asOf).toEqual([expect.stringContaining('FeatureView now@1 asOf: ')])
  }
  for (const sql of ['copy trips to 1', 'select nothing(miles) from trips', 'select 1 from']) {
    const group = aGroup([], { sql })
    expect(await check(aFleet(source, [group], [], [])), sql).toMatchObject([
      { at: { name: 'past', path: ['sql'] }, hint: 'write one SELECT over trips' },
    ])
  }
})

test('a pipeline of classes needs a label of classes, and says so before a run', async () => {
  const view = aView({ miles: 'miles' })
  const pipeline = { id: 'logistic@1', parameters: {} }
  const fleet = (label: string) => aFleet(source, [], [view], [aBlueprint({ label, pipeline })])
  expect(await check(fleet('delay > 15'))).toEqual([])
  expect(await check(fleet('delay'))).toEqual([
    {
      at: { kind: 'Blueprint', name: 'trip-time', path: ['label'] },
      code: 'E_DATA_SCHEMA',
      detail: '`delay` is DOUBLE, not true/false, which logistic@1 predicts',
      hint: 'compare it: `delay > 15`; a number is predicted by ridge@1',
    },
  ])
})

test('no fault is without a cure', async () => {
  const wrong = ['now()', 'random()', 'sum(miles)', 'nofunction(miles)', "repeat('x', 9)", '1; 2']
  const more = ['*', '(select 1)', 'row_number() over ()', '$1', '', 'miles +', 'a'.repeat(10_001)]
  const odd = ['default', 'main.nothing.x', "cast('x' as bigint)", 'origin', "'x' + 1", 'x.y.z()']
  for (const label of [...wrong, ...more, ...odd]) {
    const fleet = aFleet(source, [], [aView({ miles: 'miles' })], [aBlueprint({ label })])
    for (const { detail, hint } of await check(fleet)) {
      expect(hint, `${label}: ${detail}`).toMatch(/\w{3}/)
    }
  }
})

test('a feature that reads what is known only later leaks', async () => {
  const group = past()
  const view = aView({ late: 'delay / 60', hidden: 'delay.abs()', hour: 'hour(happened)' }, group)
  const said = await check(aFleet(source, [group], [view], [aBlueprint()]))
  expect(said.map(p => [p.code, p.at.path])).toEqual([
    ['E_LEAKAGE', ['features', 'late', 'sql']],
    ['E_LEAKAGE', ['features', 'hidden', 'sql']],
  ])
  expect(said[0]!.detail).toContain('`delay`, known only later by group past')
  expect(said[0]!.hint).toContain('use a window of past')
})

test('a feature that reads the label leaks, but the key and the time may be read', async () => {
  const view = aView({ same: 'value + 1', hour: 'hour(happened)', known: 'length(origin)' })
  const label = 'value + hour(happened) + length(origin)'
  expect(await problems(aFleet(source, [], [view], [aBlueprint({ label })]))).toEqual([
    'E_LEAKAGE FeatureView now@1 features.same.sql: it reads `value`, which is what trip-time predicts',
  ])
})

test('an as-of time after the event leaks, with a count', async () => {
  const view = aView({ miles: 'miles' }, undefined, {
    asOf: 'if(miles < 7, happened + interval 1 second, happened)',
  })
  expect(await problems(aFleet(source, [], [view], [aBlueprint()]))).toEqual([
    'E_LEAKAGE FeatureView now@1 asOf: the as-of time is later than the event in 7 rows',
  ])
})

test('a label that is known as of its own event would be in its own window', async () => {
  const early = aGroup([aWindow(['origin'], 'mean', hour, 'delay')], {
    knownAt: 'happened - interval 5 day',
  })
  const view = aView({ miles: 'miles' }, early)
  const label = (text: string) => aBlueprint({ label: text, key: ['origin', 'place'] })
  const leaks = await problems(aFleet(source, [early], [view], [label('delay')]))
  expect(leaks).toHaveLength(1)
  expect(leaks[0]).toContain('E_LEAKAGE FeatureGroup')
  expect(leaks[0]).toContain('100 of 100 rows are known as of their own event')
  // What the windows read is not what is predicted.
  expect(await problems(aFleet(source, [early], [view], [label('value')]))).toEqual([])
})

test('neither a newest row, nor a SELECT, nor another name hides a label', async () => {
  const newest = aGroup([], {
    knownAt: 'happened',
    latest: [{ name: 'delay', by: ['origin'], of: 'delay', ttlMs: undefined }],
  })
  const window = aWindow(['origin'], 'mean', hour, 'delay')
  const selected = aGroup([window], { sql: 'select * from trips', knownAt: 'happened' })
  const renamed = aGroup([{ ...window, of: 'minutes' }], {
    sql: 'select origin, happened, delay as minutes from trips',
    knownAt: 'happened',
  })
  const innocent = aGroup([{ ...window, of: 'miles' }], {
    sql: 'select origin, happened, miles from trips',
    knownAt: 'happened',
  })
  const reading = (group: FeatureGroupSpec) =>
    aView({ miles: 'miles' }, { ...group, features: [...group.features, ...group.latest] as never })
  const leaks = (group: FeatureGroupSpec) =>
    problems(aFleet(source, [group], [reading(group)], [byDelay]))
  const byDelay = aBlueprint({ label: 'delay', key: ['origin', 'place'] })
  for (const group of [newest, selected, renamed]) {
    expect(await leaks(group)).toEqual([
      expect.stringContaining('100 of 100 rows are known as of their own event in now@1'),
    ])
  }
  expect(await leaks(innocent)).toEqual([])
})

test('an entity that is told by the label leaks it', async () => {
  const group = past()
  const [feature] = group.features
  const on = { origin: "if(value > 5, 'A', 'B')" }
  const view = aView({ miles: 'miles' })
  const from = { kind: 'group' as const, group: group.name, feature: feature!.name, on }
  const features = [...view.features, { name: 'told', from, transform: [] }]
  const fleet = aFleet(source, [group], [{ ...view, features }], [aBlueprint({ label: 'value' })])
  expect(await problems(fleet)).toEqual([
    'E_LEAKAGE FeatureView now@1 features.told.on.origin: it reads `value`, which is what trip-time predicts',
  ])
})

test('a label that the key tells is no label', async () => {
  const blueprint = aBlueprint({ key: ['origin', 'value'] })
  expect(await problems(aFleet(source, [], [aView({ miles: 'miles' })], [blueprint]))).toEqual([
    'E_LEAKAGE Blueprint trip-time label: it reads only columns of the key, which every model ' +
      'knows of its rows',
  ])
})

test('a label ahead is in no window before it happens', async () => {
  const early = aGroup([aWindow(['origin'], 'mean', hour, 'delay')], {
    eventTime: 'happened - interval 3 hours',
    knownAt: 'happened - interval 3 hours',
  })
  const labels = (of: string) => [
    { name: 'late', source: 'trips', by: ['origin'], on: {}, of, stat: 'mean', horizonMs: 1 },
  ]
  const leaks = (of: string, group: FeatureGroupSpec) => {
    const view = { ...aView({ miles: 'miles' }, group), labels: labels(of) as never }
    return problems(aFleet(source, [group], [view], [aBlueprint({ label: 'late' })]))
  }
  expect(await leaks('delay', early)).toEqual([
    'E_LEAKAGE FeatureGroup past knownAt: 100 of 100 rows are known before they happen, and so ' +
      'before label `late` of now@1 does, which reads the same',
  ])
  expect(await leaks('miles', early)).toEqual([])
  expect(await leaks('delay', past())).toEqual([])
})

test('members: leaves with enough rows, segments above them, the root always', async () => {
  const view = aView({ miles: 'miles' }, undefined, { where: 'miles < 60' })
  const count = (atLeast: number, where?: string) =>
    countMembers(
      aBlueprint({ key: ['origin', 'place'], members: { where, atLeast } }),
      view,
      { spec: source, snapshot },
      blobs,
    )
  expect(await count(10)).toEqual({
    levels: [
      { keys: [[]], rows: [40] },
      { keys: [['A'], ['B']], rows: [20, 20] },
      {
        keys: [
          ['A', 'p'],
          ['A', 'q'],
          ['B', 'p'],
          ['B', 'q'],
        ],
        rows: [10, 10, 10, 10],
      },
    ],
  })
  expect((await count(11)).levels.map(level => level.keys.length)).toEqual([1, 2, 0])
  expect((await count(5, "origin = 'B'")).levels[2]!.keys).toEqual([
    ['B', 'p'],
    ['B', 'q'],
  ])
  expect((await count(1_000)).levels.map(level => level.keys.length)).toEqual([1, 0, 0])
  await expect(count(1, 'nothing')).rejects.toMatchObject({
    code: 'E_DATA_SCHEMA',
    at: { kind: 'Blueprint', name: 'trip-time', path: ['members', 'where'] },
  })
})

test('a segment with too few rows of its own stands where a leaf below it stands', () => {
  const leaves = [
    { key: ['a', 'x', '1'], rows: 3 },
    { key: ['a', 'y', '1'], rows: 5 },
    { key: ['b', 'x', '1'], rows: 2 },
    { key: ['b', 'x', '2'], rows: 4 },
  ]
  const { levels } = memberList(leaves, 3, 5)
  expect(levels.map(level => level.keys)).toEqual([
    [[]],
    [['a'], ['b']],
    [
      ['a', 'y'],
      ['b', 'x'],
    ],
    [['a', 'y', '1']],
  ])
  expect(memberList([], 2, 5).levels.map(level => level.rows)).toEqual([[0], [], []])
})
