import { readFile } from 'node:fs/promises'
import { digestOf, digestOfValue } from '../base/digest.ts'
import type { SeededRandom } from '../base/random.ts'
import { openWriter } from '../engine/index.ts'
import type { Blobs, Snapshot, SourceData } from '../fleet/index.ts'
import {
  arrivalColumn,
  type FeatureGroupSpec,
  type LatestFeature,
  type SourceSpec,
  type ViewFeature,
  type WindowLength,
} from '../spec/index.ts'

/*
 * Small worlds of random rows, for point-in-time lookups to be checked one by one: few moments, so
 * that ties are common; late, corrected, lonely and missing rows on purpose. Times are whole
 * minutes and values quarters, so that sums are exact in any order.
 */

/** A row of any group; each group uses some of the columns. Times in minutes; NaN is null. */
export interface WorldRow {
  readonly row: number
  readonly station: string | null
  readonly sensor: string | null
  readonly city: number | null
  readonly happened: number
  readonly counted: number
  readonly known: number
  readonly number: number
  readonly word: string | null
}

export interface WorldAsk {
  readonly station: string | null
  readonly other: string | null
  readonly town: number | null
  readonly sensor: string | null
  /** Minutes; NaN is null. */
  readonly asOf: number
}

export interface WorldGroup {
  readonly spec: FeatureGroupSpec
  readonly source: SourceSpec
  readonly rows: readonly WorldRow[]
}

export interface World {
  readonly groups: readonly WorldGroup[]
  readonly asks: readonly WorldAsk[]
  readonly features: readonly ViewFeature[]
}

export interface WorldSize {
  readonly rows: number
  readonly asks: number
  readonly moments: number
}

const stations = ['A', 'B', 'it\'s, "C"', 'é\u{1f600}', '']
const sensors = ['x', 'y']
const words = ['rain', 'Rain', '10', 'é', '\u{1f600}']

export function aWorld(random: SeededRandom, size: WorldSize): World {
  const groups = [keptGroup(random, size), filesGroup(random, size), movedGroup(random, size)]
  const asks = Array.from({ length: size.asks }, () => ({
    station: maybe(random, stations, 0.08),
    other: maybe(random, stations, 0.08),
    town: maybe(random, [1, 2, 3, 4], 0.08),
    sensor: maybe(random, sensors, 0.08),
    asOf: random.unit() < 0.02 ? Number.NaN : random.below(size.moments + 40) - 10,
  }))
  const features = groups.flatMap(({ spec }, g) =>
    [...spec.features, ...spec.latest].map(({ name, by }) => featureOf(spec, g, name, by)),
  )
  // The same group once more, under another entity and another name.
  const again = groups[0]!.spec.latest.map(({ name }) => ({
    ...featureOf(groups[0]!.spec, 0, name, []),
    name: `elsewhere_${name}`,
    from: { kind: 'group' as const, group: 'kept', feature: name, on: { station: 'other' } },
  }))
  return { groups, asks, features: [...features, ...again] }
}

function featureOf(
  { name: group }: FeatureGroupSpec,
  index: number,
  feature: string,
  by: readonly string[],
): ViewFeature {
  const on = by.includes('city') ? { on: { city: 'town' } } : {}
  return {
    name: `g${index}.${feature}`,
    from: { kind: 'group', group, feature, ...on },
    ...(feature.startsWith('word') && { type: 'category' as const }),
    transform: [],
  }
}

function maybe<T>(random: SeededRandom, values: readonly T[], missing: number): T | null {
  return random.unit() < missing ? null : values[random.below(values.length)]!
}

function someRows(random: SeededRandom, { rows, moments }: WorldSize, corrected: number) {
  const found: WorldRow[] = []
  const count = random.below(rows + 1)
  for (let row = 0; row < count; row++) {
    // A correction: equal in its key and moment to an earlier row, and known some time later.
    const before =
      found.length > 0 && random.unit() < corrected ? found[random.below(row)] : undefined
    const happened = before?.happened ?? random.below(moments)
    const late = random.unit() < 0.3 ? random.below(40) - 5 : 0
    found.push({
      row,
      station: before ? before.station : maybe(random, stations, 0.08),
      sensor: before ? before.sensor : maybe(random, sensors, 0.08),
      city: maybe(random, [1, 2, 3], 0.08),
      happened: before === undefined && random.unit() < 0.03 ? Number.NaN : happened,
      counted: random.unit() < 0.03 ? Number.NaN : happened + random.below(5),
      known: random.unit() < 0.06 ? Number.NaN : (before?.known || happened) + late,
      number: random.unit() < 0.15 ? Number.NaN : random.below(4_000) / 4 - 500,
      word: maybe(random, words, 0.15),
    })
  }
  return found
}

const lengths: readonly WindowLength[] = [
  { kind: 'time', ms: 7 * 60_000 },
  { kind: 'time', ms: 60 * 60_000 },
  { kind: 'rows', rows: 3 },
]
const stats = ['count', 'sum', 'mean', 'min', 'max', 'last'] as const

function windows(random: SeededRandom, by: readonly string[]) {
  return lengths.map((over, index) => {
    const stat = stats[random.below(stats.length)]!
    return { name: `${by.join('_')}_${stat}_${index}`, by, of: 'number', stat, over }
  })
}

function latest(random: SeededRandom, by: readonly string[]): readonly LatestFeature[] {
  const ttlMs = (1 + random.below(30)) * 60_000
  const end = by.join('_')
  return [
    { name: `number_${end}`, by, of: 'number', ttlMs: undefined },
    { name: `fresh_${end}`, by, of: 'number * 2', ttlMs },
    { name: `word_${end}`, by, of: 'word', ttlMs: random.unit() < 0.5 ? ttlMs : undefined },
  ]
}

const place = { file: 'world', line: 1 }
const source = {
  format: 'by-ending' as const,
  location: { files: [] },
  eventTime: 'happened',
  key: [],
  columns: {},
  expect: [],
  owner: 'tests',
  place,
}
const group = {
  sql: undefined,
  eventTime: 'happened',
  knownAt: 'known',
  online: true,
  owner: 'tests',
  place,
}

/** Rows that Muster keeps: they carry their numbers and arrivals, and a key that corrects. */
function keptGroup(random: SeededRandom, size: WorldSize): WorldGroup {
  const key = ['station']
  return {
    source: { ...source, name: 'pushed', location: { push: { partition: 'day' } }, key },
    spec: {
      ...group,
      name: 'kept',
      source: 'pushed',
      knownAt: `coalesce("${arrivalColumn}", happened)`,
      features: windows(random, key),
      latest: latest(random, key),
    },
    rows: someRows(random, size, 0.25),
  }
}

/** Rows of files that stand for themselves, over two kinds of entity, one spelled otherwise. */
function filesGroup(random: SeededRandom, size: WorldSize): WorldGroup {
  const both = ['sensor', 'city']
  return {
    source: { ...source, name: 'files' },
    spec: {
      ...group,
      name: 'cities',
      source: 'files',
      features: [...windows(random, ['city']), ...windows(random, both)],
      latest: [...latest(random, ['city']), ...latest(random, both)],
    },
    rows: someRows(random, size, 0),
  }
}

/** Corrections that may move a row to another entity and to another time of the group. */
function movedGroup(random: SeededRandom, size: WorldSize): WorldGroup {
  return {
    source: { ...source, name: 'moved', key: ['station', 'sensor'] },
    spec: {
      ...group,
      name: 'counts',
      source: 'moved',
      eventTime: 'counted',
      features: windows(random, ['station']),
      latest: [...latest(random, ['station']), ...latest(random, ['city'])],
    },
    rows: someRows(random, size, 0.3),
  }
}

const columns: readonly (readonly [keyof WorldRow, string])[] = [
  ['station', 'VARCHAR'],
  ['sensor', 'VARCHAR'],
  ['city', 'INTEGER'],
  ['happened', 'TIMESTAMP'],
  ['counted', 'TIMESTAMP'],
  ['known', 'TIMESTAMP'],
  ['number', 'DOUBLE'],
  ['word', 'VARCHAR'],
]

/** The rows of a group as a snapshot: Parquet files in order of number, or as Muster keeps them. */
export async function storeRows({ source, rows }: WorldGroup, blobs: Blobs): Promise<SourceData> {
  await using writer = await openWriter({ allowedPaths: [], scratch: blobs.scratch })
  const kept = 'push' in source.location
  const sorted = kept ? rows.toSorted(asKept) : rows
  const cuts = [0, Math.floor(rows.length / 3), rows.length]
  const files = []
  for (const [index, from] of cuts.slice(0, -1).entries()) {
    const part = sorted.slice(from, cuts[index + 1])
    if (part.length === 0) continue
    const path = await writer.parquet(selectOf(part, kept), `${source.name}-${index}.parquet`)
    const bytes = await readFile(path)
    const digest = await blobs.put(bytes)
    files.push({
      path,
      format: 'parquet' as const,
      digest,
      sizeBytes: bytes.length,
      rows: part.length,
    })
  }
  const named = columns.map(([name, type]) => ({
    name: kept && name === 'known' ? arrivalColumn : name,
    type,
  }))
  const snapshot: Snapshot = {
    id: files.length === 0 ? digestOf(source.name) : digestOfValue(files),
    source: source.name,
    files,
    columns: named,
    rows: rows.length,
    fromMs: null,
    toMs: null,
    ...(kept && { rowNumbersTo: rows.length }),
  }
  return { spec: source, snapshot }
}

/** Partitions of event time, each sorted by (key, event time, row number). */
function asKept(a: WorldRow, b: WorldRow): number {
  const day = (row: WorldRow) => Math.floor((row.happened || 0) / 40)
  return (
    day(a) - day(b) ||
    (a.station ?? '').localeCompare(b.station ?? '') ||
    (a.happened || 0) - (b.happened || 0) ||
    a.row - b.row
  )
}

function selectOf(rows: readonly WorldRow[], kept: boolean): string {
  const names = columns.map(([name]) => (kept && name === 'known' ? `"${arrivalColumn}"` : name))
  const lines = rows.map(row => `(${[row.row, ...columns.map(c => literalOf(row, c))].join(', ')})`)
  const casts = columns.map(([, type], at) => `cast(${names[at]} as ${type}) as ${names[at]}`)
  const number = kept ? ['"muster row"::integer as "muster row"'] : []
  return `select ${[...number, ...casts].join(', ')}
    from (values ${lines.join(',\n')}) t("muster row", ${names.join(', ')})`
}

function literalOf(row: WorldRow, [name, type]: readonly [keyof WorldRow, string]): string {
  const value = row[name]
  if (value === null || Number.isNaN(value)) return 'null'
  if (type === 'TIMESTAMP') return `make_timestamp(${Number(value) * 60_000_000}::bigint)`
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
}
