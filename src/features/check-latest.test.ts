import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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
import {
  arrivalColumn,
  type FeatureGroupSpec,
  type FeatureViewSpec,
  type LabelSpec,
  type SourceSpec,
} from '../spec/index.ts'
import { checkFeatures } from './index.ts'

let folder: string
let blobs: Blobs
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-check-latest-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const columns = 'station, sensor, happened, known, value, word'

/** Rows as `(station, sensor, minute, known minute, value, word)`. */
async function readings(
  name: string,
  rows: readonly string[],
  arrived = 'null::timestamp',
): Promise<Snapshot> {
  await writeParquet(
    join(folder, `${name}.parquet`),
    `select station, sensor, make_timestamp(happened::bigint * 60000000) as happened,
       make_timestamp(known::bigint * 60000000) as known, value, word,
       ${arrived} as "${arrivalColumn}"
     from (values ${rows.join(', ')}) t(${columns})`,
  )
  const path = join(folder, `${name}.parquet`)
  const digest = await blobs.put(readFileSync(path))
  const file = { path, format: 'parquet' as const, digest, sizeBytes: 1, rows: rows.length }
  return {
    id: digest,
    source: 'trips',
    files: [file],
    columns: [
      { name: 'station', type: 'VARCHAR' },
      { name: 'sensor', type: 'VARCHAR' },
      { name: 'happened', type: 'TIMESTAMP' },
      { name: 'known', type: 'TIMESTAMP' },
      { name: 'value', type: 'INTEGER' },
      { name: 'word', type: 'VARCHAR' },
      { name: arrivalColumn, type: 'TIMESTAMP' },
    ],
    rows: rows.length,
    fromMs: null,
    toMs: null,
  }
}

const latest = [
  { name: 'value', by: ['station'], of: 'value', ttlMs: undefined },
  { name: 'word', by: ['station'], of: 'word', ttlMs: undefined },
]

function viewOf(group: FeatureGroupSpec, features: FeatureViewSpec['features'] = []) {
  const view = aView({ minute: 'minute(happened)' }, group)
  return { ...view, features: [...view.features, ...features] }
}

async function problems(
  snapshot: Snapshot,
  group: FeatureGroupSpec,
  more: {
    source?: Partial<SourceSpec>
    view?: FeatureViewSpec
    blueprint?: Parameters<typeof aBlueprint>[0]
  } = {},
) {
  const source = aSource('x.parquet', more.source)
  const view = more.view ?? viewOf(group)
  const blueprint = aBlueprint({ key: ['station'], label: 'value', ...more.blueprint })
  const fleet = aFleet(source, [group], [view], [blueprint])
  const found = await checkFeatures(fleet, new Map([['trips', snapshot]]), blobs)
  return found.map(p => `${p.code} ${p.at.kind} ${p.at.path.join('.')}: ${p.detail}; ${p.hint}`)
}

const good = ["('A', 'x', 1, 1, 5, 'w')", "('A', 'y', 1, 2, 6, 'w')", "('B', 'x', 1, 1, 7, 'v')"]

test('rows that one name has at one moment are refused, with one of them', async () => {
  const group = aGroup([], { latest })
  expect(await problems(await readings('good', good), group)).toEqual([])
  const tied = await readings('tied', [
    ...good,
    "('A', 'y', 1, 1, 9, 'w')",
    "('B', 'x', 1, 1, 7, 'v')",
  ])
  expect(await problems(tied, group)).toEqual([
    'E_DUPLICATE_KEY FeatureGroup features.value: 1 times two rows of one entity happened and ' +
      'became known at the same moment and differ: A at 1970-01-01T00:01:00.000Z; remove one of ' +
      'them, or give the source a `key` and its corrections a later knownAt',
  ])
  // With the sensor in the key they are two rows, and equal ones are one.
  const keyed = { source: { key: ['station', 'sensor'] } }
  expect(await problems(tied, group, keyed)).toEqual([])
  expect(await problems(tied, group, { source: { key: ['station'] } })).toEqual([
    'E_DUPLICATE_KEY Source key: 1 times two rows of one key happened and became known at the ' +
      'same moment and differ: A at 1970-01-01T00:01:00.000Z; remove one of them, or let the ' +
      'later one be known later: knownAt',
  ])
  // What raises known-at to the event makes ties of it.
  const raised = aGroup([], { latest, knownAt: 'known - interval 1 hour' })
  expect(await problems(await readings('raised', good), raised)).toHaveLength(1)
})

test('rows that Muster numbered are no tie: the one that came later holds', async () => {
  const tied = await readings('numbered', [...good, "('A', 'y', 1, 1, 9, 'w')"])
  const location = { push: { partition: 'month' as const } }
  const group = aGroup([], { latest })
  expect(await problems(tied, group, { source: { location } })).toEqual([])
  expect(await problems(tied, group, { source: { location, key: ['station'] } })).toEqual([])
  // What a SELECT gives has lost its numbers.
  const selected = { ...group, sql: 'select * from trips' }
  expect(await problems(tied, selected, { source: { location } })).toHaveLength(1)
})

test('a row that is corrected before it happens is no tie: the later one holds', async () => {
  const snapshot = await readings('ahead', good, 'make_timestamp(known::bigint * 1000000)')
  const knownAt = `coalesce("${arrivalColumn}", happened)`
  const group = aGroup([], { latest, knownAt })
  expect(await problems(snapshot, group, { source: { key: ['station'] } })).toEqual([])
})

test('a SELECT that drops the key of its source, or when rows arrived, is refused', async () => {
  const snapshot = await readings('dropped', good)
  const group = aGroup([], { latest, sql: `select * exclude ("${arrivalColumn}") from trips` })
  const arriving = { ...group, knownAt: `coalesce("${arrivalColumn}", happened)` }
  expect((await problems(snapshot, arriving))[0]).toBe(
    'E_LEAKAGE FeatureGroup sql: it drops when rows arrived, so a late row would be known before ' +
      `it came; select "${arrivalColumn}" too, or declare \`knownAt\``,
  )
  expect(await problems(snapshot, group)).toEqual([])
  const keyless = { ...group, sql: 'select station, happened, known, value, word from trips' }
  expect(await problems(snapshot, keyless, { source: { key: ['sensor'] } })).toEqual([
    'E_DATA_SCHEMA FeatureGroup sql: there is no column `sensor`; the columns are station, ' +
      'happened, known, value, word',
  ])
})

test('text is a feature only as a category, and a window is none', async () => {
  const snapshot = await readings('texts', good)
  const group = aGroup([aWindow(['station'], 'count', { kind: 'rows', rows: 2 }, 'word')], {
    latest,
  })
  const of = (feature: string, more: object = {}) => ({
    name: `past.${feature}`,
    from: { kind: 'group' as const, group: 'past', feature },
    transform: [],
    ...more,
  })
  const category = { type: 'category' as const }
  const row = { name: 'sensor', from: { kind: 'row' as const, sql: 'sensor' }, transform: [] }
  const wrong = viewOf({ ...group, features: [] }, [
    of('word'),
    row,
    of('station_word_count_2rows', category),
  ])
  const cure = 'add `type: category`, with onehot, ordinal or target among its transforms'
  expect(await problems(snapshot, group, { view: wrong })).toEqual([
    `E_DATA_SCHEMA FeatureView features.past.word: \`word\` is VARCHAR, not a number or true/false; ${cure}`,
    `E_DATA_SCHEMA FeatureView features.sensor.sql: \`sensor\` is VARCHAR, not a number or true/false; ${cure}`,
    'E_DATA_SCHEMA FeatureView features.past.station_word_count_2rows: count over word is a number, ' +
      'not a category; remove `type: category`; for ranges, use buckets',
  ])
  const right = viewOf({ ...group, features: [] }, [of('word', category), { ...row, ...category }])
  expect(await problems(snapshot, group, { view: right })).toEqual([])
})

test('an entity under another name, and a label ahead, are bound and located', async () => {
  const snapshot = await readings('ahead', good)
  const group = aGroup([], { latest, knownAt: 'known + interval 1 hour' })
  const joined = (on: Record<string, string>) => ({
    name: 'there',
    from: { kind: 'group' as const, group: 'past', feature: 'value', on },
    transform: [],
  })
  const label = (more: Partial<LabelSpec>): LabelSpec => ({
    name: 'later',
    source: 'trips',
    by: ['station'],
    on: {},
    of: 'value',
    stat: 'sum',
    horizonMs: 60_000,
    ...more,
  })
  const labels = [
    label({ by: ['town'] }),
    label({ name: 'worded', of: 'word' }),
    label({ name: 'odd', on: { station: 'statoin' } }),
  ]
  const view = { ...viewOf(group, [joined({ station: 'sensr' })]), labels }
  expect(await problems(snapshot, group, { view })).toEqual([
    'E_DATA_SCHEMA FeatureView features.there.on.station: there is no column `sensr`; use `sensor`',
    'E_DATA_SCHEMA FeatureView labels.later.by.0: there is no column `town`; use `known`',
    'E_DATA_SCHEMA FeatureView labels.worded.of: `word` is VARCHAR, not a number or true/false; ' +
      'make it a number or true/false: compare or cast it',
    'E_DATA_SCHEMA FeatureView labels.odd.on.station: there is no column `statoin`; use `station`',
  ])
  const ahead = { ...viewOf(group), labels: [label({})] }
  const logistic = { label: 'later', pipeline: { id: 'logistic@1', parameters: {} } }
  expect(await problems(snapshot, group, { view: ahead, blueprint: logistic })).toEqual([
    'E_DATA_SCHEMA Blueprint label: `later` is DOUBLE, not true/false, which logistic@1 predicts; ' +
      'let it be true/false: `of: value > 15` with `stat: max`',
  ])
  // What is predicted is a later row's, so the row's own value may be read.
  const reading = viewOf(group, [{ name: 'v', from: { kind: 'row', sql: 'value' }, transform: [] }])
  const own = { view: { ...reading, labels: [label({})] }, blueprint: { label: 'later' } }
  expect(await problems(snapshot, aGroup([], { latest, knownAt: 'happened' }), own)).toHaveLength(1)
})
