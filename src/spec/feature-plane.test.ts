import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { must } from '../base/assert.ts'
import { fleetJsonSchema } from './json-schema.ts'
import { planeFleet } from './plane-fleet.ts'
import { readFleet } from './read-fleet.ts'
import { renderProblems } from './render-problems.ts'

const golden = join(import.meta.dirname, 'golden')

function changed(changes: readonly (readonly [from: string, to: string])[]): string {
  let text = planeFleet
  for (const [from, to] of changes) {
    expect(text).toContain(from)
    text = text.replace(from, () => to)
  }
  return text
}

function rendered(text: string): string {
  const files = [{ path: 'muster.yaml', text }]
  const { problems } = readFleet(files)
  return problems.length === 0 ? 'nothing is wrong' : renderProblems(problems, files)
}

test('every field is read', async () => {
  const { spec, problems } = readFleet([{ path: 'muster.yaml', text: planeFleet }])
  expect(problems).toEqual([])
  const { sources, groups, views } = must(spec, 'the fleet is valid')
  const told = {
    sources: [...sources.values()],
    groups: [...groups.values()],
    views: [...views.values()],
  }
  const text = JSON.stringify(told, (key, value) => (key === 'digest' ? 'sha256:...' : value), 2)
  await expect(`${text}\n`).toMatchFileSnapshot(join(golden, 'plane.txt'))
})

test('a time of pushed rows is a column, whatever its name means to SQL', () => {
  const group = 'source: trips\ndescription: What leaves a station\n'
  const own = changed([[group, `${group}eventTime: at\n`]])
  const { spec } = readFleet([{ path: 'muster.yaml', text: own }])
  expect(spec?.groups.get('hires')).toMatchObject({
    eventTime: '"at"',
    knownAt: 'coalesce("muster known at", "at")',
  })
})

type Mistake = readonly [from: string, to: string]

const mistakes: Readonly<Record<string, readonly Mistake[]>> = {
  'source places': [
    ['push: { partition: day }', 'push: { partition: week }'],
    ['push: { partition: day }', 'push: { partiton: day }'],
    ['push: { partition: day }', 'push: {}\nfiles: trips.csv'],
    ['push: { partition: day }', 'stream: kafka'],
    ['push: { partition: day }\n', ''],
    ['table: public.docks', 'table: public.docks, query: select 1'],
    ['table: public.docks, ', ''],
    ['table: public.docks', 'table: "docks; drop table x"'],
    ['connection: city', 'connection: "postgres://me:secret@host/db"'],
    [
      'postgres: { connection: city, table: public.docks, cursor: seen }',
      'postgres: postgres://me:secret@host/db',
    ],
    ['weather/*.parquet', 's3://bucket/weather/*.parquet'],
    ['push: { partition: day }', 'files: https://me:secret@host/trips.csv?token=secret'],
    ['weather/*.parquet', 'https://me:secret@host/weather.parquet?token=secret'],
    ['connection: lake, ', ''],
    ['push: { partition: day }', 'push: { partition: day }\nformat: csv'],
  ],
  'source columns': [
    ['columns: { bike: VARCHAR, station: VARCHAR, at: TIMESTAMP, minutes: DOUBLE }\n', ''],
    ['columns: { bike: VARCHAR, station: VARCHAR, at: TIMESTAMP, minutes: DOUBLE }', 'columns: {}'],
    ['eventTime: at\n', ''],
    ['eventTime: at\n', 'eventTime: att\n'],
    ['eventTime: seen\n', ''],
    ['eventTime: hour\n', 'key: [city]\n'],
    ['key: [bike]', 'key: [bke]'],
    ['key: [bike]', 'key: [bike, Bike]'],
    ['key: [bike]', 'key: []'],
    ['minutes: DOUBLE', 'minutes: DOUBLE, Minutes: DOUBLE'],
    ['minutes: DOUBLE', 'minutes: 8'],
  ],
  expectations: [
    ['{ column: station, required: true }', '{ column: station }'],
    ['{ column: station, required: true }', '{ onFail: warn }'],
    ['{ column: station, required: true }', '{ required: true }'],
    ['{ column: station, required: true }', '{ column: staton, required: true }'],
    ['{ column: station, required: true }', '{ column: station, required: false }'],
    ['{ column: station, required: true }', '{ column: station, required: true, min: 1 }'],
    ['min: 0, max: 1440', 'min: 1440, max: 0'],
    ['min: 0, max: 1440', 'min: 0, max: "1440"'],
    ['min: 0, max: 1440', 'between: [0, 1440]'],
    ['onFail: quarantine', 'onFail: quarantin'],
    ['nullsAtMost: 0.1', 'nullsAtMost: 10'],
    ['nullsAtMost: 0.1, onFail: warn', 'nullsAtMost: 0.1, onFail: quarantine'],
    ['oneOf: [a, b, c]', 'oneOf: []'],
    ['unique: [bike, at]', 'unique: [bike, at, bike]'],
    ['unique: [bike, at]', 'unique: [bike, when]'],
    ['unique: [bike, at]', 'column: bike, unique: [bike, at]'],
    ['rows: { min: 1, max: 1000000 }', 'rows: {}'],
    ['rows: { min: 1, max: 1000000 }', 'rows: { min: 10, max: 1 }'],
    ['freshWithin: 7d', 'freshWithin: a week'],
    ['driftAtMost: 0.2', 'driftAtMost: 0'],
    ['eventTime: hour\n', 'expect: [{ freshWithin: 1d }]\n'],
  ],
  groups: [
    ['values: { gust: gust_ms }', 'values: { rain: gust_ms }'],
    ['values: { gust: gust_ms }', 'values: { Gust: gust_ms }'],
    ['values: { gust: gust_ms }', 'values: {}'],
    ['values: { gust: gust_ms }', 'values: { gust: gust_ms }, tll: 3h'],
    ['ttl: 6h', 'ttl: 6 hours'],
    ['by: [city, district]', 'by: [city, City]'],
    [
      'over: [1h, 24h] }\n',
      'over: [1h, 24h] }\nlatest: [{ by: [station], values: { station_count_1h: minutes } }]\n',
    ],
    ['windows:\n  - { by: [station], stats: [count], over: [1h, 24h] }\n', ''],
    ['online: false', 'online: maybe'],
    ['source: docks', 'source: dock'],
  ],
  views: [
    ['grid: { by: [station], every: 1h }', 'grid: { by: [station], every: hourly }'],
    ['grid: { by: [station], every: 1h }', 'grid: { by: [station, station], every: 1h }'],
    ['grid: { by: [station], every: 1h }', 'grid: { by: [At], every: 1h }'],
    ['grid: { by: [station], every: 1h }', 'grid: { by: [station], every: 1h, from: 2024-01 }'],
    ['from: sky.rain, on: { city: ', 'from: sky.rain, on: { station: '],
    ['from: sky.rain', 'from: sky.rian'],
    ['from: sky.rain', 'from: sky.*'],
    ['from: sky.rain', 'sql: rain, from: sky.rain'],
    ['free.*: {', 'free.*: { on: { dock: station },'],
    ['hour: { sql: hour("at")', 'hour: { on: { station: station }, sql: hour("at")'],
    ['type: category, transform: onehot(20)', 'type: category'],
    ['type: category, transform: onehot(20)', 'type: category, transform: standard'],
    ['type: category', 'type: text'],
    ['request: { hour: TIMESTAMP }', 'request: [hour]'],
    ['crosses: [[hour, station]]', 'crosses: [[hour, station], [station, hour]]'],
    ['crosses: [[hour, station]]', 'crosses: [[hour, hour]]'],
    ['crosses: [[hour, station]]', 'crosses: [[hour, staton]]'],
    ['crosses: [[hour, station]]', 'crosses: [[hour]]'],
    ['fitPer: member', 'fitPer: leaf'],
  ],
  labels: [
    ['  hired: {', '  Hired: {'],
    ['  hired: { by: [station], stat: count', '  hired: { by: [station], stat: sum'],
    ['stat: count, horizon: 1h', 'stat: count'],
    ['stat: count, horizon: 1h', 'stat: median, horizon: 1h'],
    ['wet: { source: weather', 'wet: { source: wether'],
    ['by: [city], on: { city:', 'by: [city], on: { town:'],
    ['by: [station], stat: count', 'by: [station, station], stat: count'],
    ['eventTime: hour\n', ''],
  ],
}

describe('what is refused, with its place and its cure', () => {
  test.each(Object.entries(mistakes))('%s', async (name, list) => {
    const told = list.map(mistake => {
      const [from, to] = mistake
      const declared = changed([mistake])
      const { problems } = readFleet([{ path: 'muster.yaml', text: declared }])
      expect(JSON.stringify(problems)).not.toMatch(/secret|Invalid string/)
      const text = rendered(declared).replaceAll('secret', '...')
      const [head] = [`${from.trim()}  ->  ${to.trim() || '(nothing)'}`.replaceAll('\n', ' | ')]
      return `# ${head.replaceAll('secret', '...')}\n${text}`
    })
    const file = `plane-${name.replaceAll(' ', '-')}.txt`
    await expect(`${told.join('\n')}\n`).toMatchFileSnapshot(join(golden, file))
  })
})

test('a damaged place of a source hides none of its other faults', () => {
  const text = changed([
    ['push: { partition: day }', 'push: { partition: week }'],
    ['connection: city', 'connection: City'],
    ['connection: lake', 'connection: Lake'],
    ['nullsAtMost: 0.1', 'nullsAtMost: 10'],
    ['key: [station]\n', 'key: [station, station]\n'],
  ])
  const { problems } = readFleet([{ path: 'muster.yaml', text }])
  const causes = problems.filter(problem => !problem.follows)
  expect(causes.map(p => `${p.line} ${p.code}`)).toEqual([
    '8 E_SPEC_VALUE',
    '15 E_SPEC_VALUE',
    '25 E_SPEC_VALUE',
    '27 E_SPEC_KEY',
    '31 E_SPEC_VALUE',
  ])
})

test('editors are offered every field', () => {
  const schema = JSON.stringify(fleetJsonSchema())
  for (const field of [
    'push',
    'postgres',
    's3',
    'expect',
    'latest',
    'ttl',
    'grid',
    'labels',
    'horizon',
    'crosses',
    'request',
    'fitPer',
    'online',
    'driftAtMost',
  ]) {
    expect(schema).toContain(`"${field}"`)
  }
})

test('a fault of data is told at the field of every new kind', () => {
  const { locate } = readFleet([{ path: 'muster.yaml', text: planeFleet }])
  const line = (
    kind: 'Source' | 'FeatureGroup' | 'FeatureView',
    name: string,
    path: readonly (string | number)[],
  ) => {
    const at = locate?.({ kind, name, path })
    return (
      at && `${planeFleet.split('\n')[at.line - 1]?.trim().slice(0, 24)} ${at.column} ${at.subject}`
    )
  }
  expect([
    line('Source', 'trips', ['push']),
    line('Source', 'trips', ['columns', 'minutes']),
    line('Source', 'trips', ['expect', 1]),
    line('Source', 'trips', ['expect', 5, 'holds']),
    line('Source', 'docks', ['postgres', 'cursor']),
    line('Source', 'weather', ['s3', 'files', 0]),
    line('FeatureGroup', 'sky', ['features', 'rain', 'of']),
    line('FeatureGroup', 'sky', ['features', 'gust', 'by', 1]),
    line('FeatureGroup', 'sky', ['features', 'rain', 'ttl']),
    line('FeatureView', 'station-hour@1', ['features', 'rain', 'on', 'city']),
    line('FeatureView', 'station-hour@1', ['labels', 'wet', 'of']),
    line('FeatureView', 'station-hour@1', ['labels', 'wet', 'on', 'city']),
    line('FeatureView', 'station-hour@1', ['grid', 'every']),
    line('FeatureView', 'station-hour@1', ['request', 'hour']),
    line('FeatureView', 'station-hour@1', ['crosses', 0, 1]),
    line('FeatureView', 'station-hour@1', ['eventTime']),
  ]).toMatchSnapshot()
})

test('the digest of the fleet sees every field, and no place', () => {
  const digest = (text: string) => readFleet([{ path: 'muster.yaml', text }]).spec?.digest
  const seen = new Set([digest(planeFleet)])
  const edits: readonly Mistake[] = [
    ['partition: day', 'partition: hour'],
    ['key: [bike]', 'key: [bike, station]'],
    ['max: 1440', 'max: 1441'],
    ['connection: city', 'connection: town'],
    ['cursor: seen', 'cursor: id'],
    ['ttl: 6h', 'ttl: 7h'],
    ['online: false', 'online: true'],
    ['every: 1h', 'every: 2h'],
    ['horizon: 24h', 'horizon: 25h'],
    ['crosses: [[hour, station]]', 'crosses: [[hour, rain]]'],
    ['fitPer: member', 'fitPer: family'],
    ['{ hour: TIMESTAMP }', '{ hour: DATE }'],
    ['description: Each', 'description: Every'],
  ]
  for (const edit of edits) seen.add(digest(changed([edit])))
  expect(seen.size).toBe(edits.length + 1)
  expect(seen.has(undefined)).toBe(false)
  expect(digest(planeFleet.replace('\nkind: Source', '\n\n# moved\nkind: Source'))).toBe(
    digest(planeFleet),
  )
})
