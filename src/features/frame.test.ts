import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import {
  aGroup,
  aSource,
  aView,
  aWindow,
  writeCsv,
  writeParquet,
} from '../engine/small-data.fixture.ts'
import type { Blobs } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections, takeSnapshot } from '../sources/index.ts'
import type { FeatureGroupSpec, FeatureViewSpec, SourceSpec, WindowLength } from '../spec/index.ts'
import {
  buildFrame,
  buildLabels,
  readLabelManifest,
  readLabelPart,
  readManifest,
  readPart,
} from './index.ts'
import { divideIntoParts } from './parts.ts'

let folder: string
let blobs: Blobs
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-frame-'))
  blobs = await openBlobs(join(folder, 'blobs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const progress = () => {}

async function frameOf(
  source: SourceSpec,
  view: FeatureViewSpec,
  groups: readonly FeatureGroupSpec[],
  key: readonly string[],
  threads = 2,
) {
  const snapshot = await takeSnapshot(source, {
    fleetFolder: folder,
    blobs,
    connections: readConnections({}),
  })
  const data = { spec: source, snapshot }
  const input = { kind: 'frame' as const, view, groups, sources: [data], key }
  const digest = await buildFrame(input, { blobs, progress, threads })
  const manifest = await readManifest(digest, blobs)
  const parts = await Promise.all(manifest.parts.map((_, at) => readPart(manifest, at, blobs)))
  return { digest, manifest, parts, data }
}

interface Row {
  readonly row: number
  readonly origin: string
  readonly place: string
  readonly happened: number
  readonly known: number
  readonly value: number
}

const missing = Number.NaN

function someRows(random: SeededRandom): readonly Row[] {
  return Array.from({ length: 1 + random.below(120) }, (_, row) => {
    const happened = random.unit() < 0.03 ? missing : random.below(40)
    return {
      row,
      origin: random.unit() < 0.1 ? '' : ['A', 'B', 'é,"x"'][random.below(3)]!,
      place: random.unit() < 0.1 ? '' : ['p', 'q'][random.below(2)]!,
      happened,
      known: random.unit() < 0.05 ? missing : happened + (random.below(30) - 5),
      value: random.unit() < 0.15 ? missing : random.below(100) / 4,
    }
  })
}

function csvOf(rows: readonly Row[]): string {
  const time = (minutes: number) =>
    Number.isNaN(minutes) ? '' : new Date(minutes * 60_000).toISOString().slice(0, 19)
  const quoted = (text: string) => (text === '' ? '' : `"${text.replaceAll('"', '""')}"`)
  const lines = rows.map(r => [
    quoted(r.origin),
    quoted(r.place),
    time(r.happened),
    time(r.known),
    Number.isNaN(r.value) ? '' : r.value,
  ])
  return `${['origin,place,happened,known,value', ...lines].join('\n')}\n`
}

/** The declaration, read row by row: no order, no window, no sum is shared with what is tested. */
function oracle(
  rows: readonly Row[],
  by: readonly ('origin' | 'place')[],
  of: Row,
  over: WindowLength,
) {
  const asOf = of.happened - 3
  if (by.some(column => of[column] === '')) return []
  const known = rows
    .filter(e => by.every(column => e[column] === of[column]))
    .filter(e => !Number.isNaN(e.happened) && !Number.isNaN(e.known))
    .map(e => ({ ...e, known: Math.max(e.known, e.happened) }))
    .filter(e => e.known <= asOf)
    .sort((a, b) => a.known - b.known || a.happened - b.happened || a.row - b.row)
  return over.kind === 'rows'
    ? known.slice(-over.rows)
    : known.filter(e => e.known > asOf - over.ms / 60_000)
}

function expected(window: readonly Row[], stat: string): number {
  const values = window.map(e => e.value).filter(v => !Number.isNaN(v))
  const sum = values.reduce((a, b) => a + b, 0)
  if (stat === 'count') return values.length
  if (values.length === 0) return missing
  return stat === 'mean'
    ? sum / values.length
    : stat === 'last'
      ? values.at(-1)!
      : Math.max(...values)
}

test('whole frames of random CSV agree with the oracle', async () => {
  const random = new SeededRandom(77)
  const lengths: readonly WindowLength[] = [
    { kind: 'time', ms: 5 * 60_000 },
    { kind: 'time', ms: 60 * 60_000 },
    { kind: 'rows', rows: 3 },
  ]
  const bys = [['origin'], ['origin', 'place']] as const
  const stats = ['count', 'mean', 'max', 'last'] as const
  const group = aGroup(
    bys.flatMap(by => lengths.flatMap(over => stats.map(stat => aWindow(by, stat, over)))),
  )
  const view = aView({ minute: 'minute(happened)', twice: 'value * 2' }, group, {
    asOf: 'happened - interval 3 minutes',
  })
  for (let round = 0; round < 12; round++) {
    const rows = someRows(random)
    writeFileSync(join(folder, 'random.csv'), csvOf(rows))
    const source = aSource('random.csv', {
      columns: {
        origin: 'VARCHAR',
        place: 'VARCHAR',
        happened: 'TIMESTAMP',
        known: 'TIMESTAMP',
        value: 'DOUBLE',
      },
    })
    const { manifest, parts } = await frameOf(source, view, [group], ['origin', 'place'])
    const order = rows
      .filter(r => r.origin !== '' && r.place !== '' && !Number.isNaN(r.happened))
      .sort(
        (a, b) =>
          Buffer.compare(Buffer.from(a.origin), Buffer.from(b.origin)) ||
          Buffer.compare(Buffer.from(a.place), Buffer.from(b.place)) ||
          a.happened - b.happened ||
          a.row - b.row,
      )
    expect([manifest.rows, manifest.rowsWithoutKey]).toEqual([
      order.length,
      rows.length - order.length,
    ])
    const part = parts[0]
    if (part === undefined) continue
    expect([...part.eventMs]).toEqual(order.map(r => r.happened * 60_000))
    expect([...part.features[0]!]).toEqual(order.map(r => r.happened))
    expect([...part.features[1]!]).toEqual(order.map(r => r.value * 2))
    for (const [at, feature] of group.features.entries()) {
      const by = feature.by as readonly ('origin' | 'place')[]
      const wanted = order.map(r =>
        Math.fround(expected(oracle(rows, by, r, feature.over), feature.stat)),
      )
      expect([...part.features[2 + at]!], `round ${round}, ${feature.name}`).toEqual(wanted)
    }
  }
})

test('the same snapshot gives the same bytes, whatever the threads and the files', async () => {
  const select = `select ['A', 'B', 'C', 'D'][1 + (hash(i) % 4)::bigint] as origin,
     ['p', 'q', 'r'][1 + (hash(i * 7) % 3)::bigint] as place,
     timestamp '2001-01-01' + to_minutes((hash(i * 3) % 5000)::bigint) as happened,
     happened + to_minutes((hash(i * 5) % 90)::bigint) as known,
     (hash(i * 11) % 1000)::double / 7 as value`
  await writeParquet(join(folder, 'whole.parquet'), `${select} from range(60000) t(i)`)
  await writeParquet(join(folder, 'half-1.parquet'), `${select} from range(30000) t(i)`)
  await writeParquet(join(folder, 'half-2.parquet'), `${select} from range(30000, 60000) t(i)`)
  const hour = { kind: 'time' as const, ms: 3_600_000 }
  const group = aGroup([
    aWindow(['origin'], 'mean', hour),
    aWindow(['origin'], 'std', hour),
    aWindow(['place', 'origin'], 'last', { kind: 'rows', rows: 4 }),
  ])
  const view = aView({ minute: 'minute(happened)' }, group, { where: 'value > 3' })
  const build = (files: string | readonly string[], threads: number) =>
    frameOf(aSource(files), view, [group], ['origin', 'place'], threads)
  const one = await build('whole.parquet', 2)
  expect(one.manifest.leafRows.reduce((a, b) => a + b, 0)).toBe(one.manifest.rows)
  expect((await build('whole.parquet', 2)).digest).toBe(one.digest)
  expect((await build('whole.parquet', 1)).digest).toBe(one.digest)
  expect((await build('whole.parquet', 4)).digest).toBe(one.digest)
  expect((await build(['half-1.parquet', 'half-2.parquet'], 3)).digest).toBe(one.digest)
  expect((await build('half-*.parquet', 2)).digest).toBe(one.digest)
  // Other formats, and columns that hide DuckDB's own row numbers: the same rows, so the same
  // bytes.
  const csv = (path: string, from: number, to: number) =>
    writeCsv(join(folder, path), `${select} from range(${from}, ${to}) t(i)`)
  await csv('first.csv', 0, 7_000)
  await csv('second.csv', 7_000, 30_000)
  const mixed = ['first.csv', 'second.csv', 'zhalf-2.parquet']
  await writeParquet(join(folder, 'zhalf-2.parquet'), `${select} from range(30000, 60000) t(i)`)
  expect((await build(mixed, 2)).digest).toBe(one.digest)
  await writeParquet(
    join(folder, 'hiding.parquet'),
    `select *, 5 as file_row_number from (${select} from range(60000) t(i))`,
  )
  expect((await build('hiding.parquet', 4)).digest).toBe(one.digest)
  // The events through a SELECT of the group: the same rows, so the same features.
  const selected = { ...group, sql: 'select * from trips where true' }
  const again = await frameOf(aSource('whole.parquet'), view, [selected], ['origin', 'place'])
  expect(again.parts[0]!.features[0]).toEqual(one.parts[0]!.features[0])
  const twice = await frameOf(aSource('whole.parquet'), view, [selected], ['origin', 'place'], 1)
  expect(twice.digest).toBe(again.digest)
})

test('labels stand in the order and the parts of their frame', async () => {
  await writeParquet(
    join(folder, 'labels.parquet'),
    `select ['A', 'B'][1 + i % 2] as origin, timestamp '2001-01-01' - to_hours(i) as happened,
            if(i % 5 = 0, null, i)::double as value from range(100) t(i)`,
  )
  const source = aSource('labels.parquet')
  const view = aView({ v: 'value', none: 'ln(value - value + 1) / 0' })
  const { digest, data, parts } = await frameOf(source, view, [], ['origin'])
  const base = { kind: 'label' as const, frame: digest, view, sources: [data], key: ['origin'] }
  const number = await buildLabels({ ...base, label: 'value' }, { blobs, progress })
  const truth = await buildLabels({ ...base, label: 'value > 50' }, { blobs, progress })
  const manifests = [await readLabelManifest(number, blobs), await readLabelManifest(truth, blobs)]
  expect(manifests.map(m => m.binary)).toEqual([false, true])
  const values = await readLabelPart(manifests[0]!, 0, blobs)
  expect([...values]).toEqual([...parts[0]!.features[0]!])
  expect(values.filter(v => Number.isNaN(v)).length).toBe(20)
  expect([...parts[0]!.features[1]!].every(v => Number.isNaN(v))).toBe(true)
  const truths = await readLabelPart(manifests[1]!, 0, blobs)
  expect([...truths]).toEqual([...values].map(v => (Number.isNaN(v) ? missing : v > 50 ? 1 : 0)))
  await expect(
    buildLabels({ ...base, label: 'origin' }, { blobs, progress }),
  ).rejects.toMatchObject({
    code: 'E_DATA_SCHEMA',
  })
})

test('parts are whole leaves of about the size that is aimed at', () => {
  expect(divideIntoParts([], 10)).toEqual([])
  const parts = divideIntoParts([4, 4, 4, 30, 1, 1], 10)
  expect(parts).toEqual([
    { leafFrom: 0, leafTo: 3, rowFrom: 0, rows: 12 },
    { leafFrom: 3, leafTo: 4, rowFrom: 12, rows: 30 },
    { leafFrom: 4, leafTo: 6, rowFrom: 42, rows: 2 },
  ])
})

test('parts keep their order when one takes longer to store than the next', async () => {
  await writeParquet(
    join(folder, 'large.parquet'),
    `select ['A', 'B', 'C'][1 + i % 3] as origin, i as value,
            timestamp '2001-01-01' + to_seconds(i) as happened from range(780000) t(i)`,
  )
  let puts = 0
  const slowFirst: Blobs = {
    scratch: blobs.scratch,
    put: async bytes => {
      if (puts++ === 0) await new Promise(done => setTimeout(done, 50))
      return blobs.put(bytes)
    },
    putFile: path => blobs.putFile(path),
    get: digest => blobs.get(digest),
    path: digest => blobs.path(digest),
    has: digest => blobs.has(digest),
    erase: digest => blobs.erase(digest),
  }
  const source = aSource('large.parquet')
  const { digest, manifest, data } = await frameOf(source, aView({ v: 'value' }), [], ['origin'])
  expect(manifest.parts.map(part => part.rowFrom)).toEqual([0, 260_000, 520_000])
  const input = { view: aView({ v: 'value' }), groups: [], sources: [data], key: ['origin'] }
  const slow = await buildFrame({ kind: 'frame', ...input }, { blobs: slowFirst, progress })
  expect(slow).toBe(digest)
})

test('a frame without rows, and one with a value that cannot be computed', async () => {
  const view = aView({ v: 'value' }, undefined, { where: 'value < -1' })
  const empty = await frameOf(aSource('labels.parquet'), view, [], ['origin'])
  expect(empty.manifest).toMatchObject({ rows: 0, parts: [], leafRows: [] })
  const failing = aView({ v: 'ln(value - 7)' })
  await expect(frameOf(aSource('labels.parquet'), failing, [], ['origin'])).rejects.toMatchObject({
    code: 'E_SQL_VALUE',
  })
})
