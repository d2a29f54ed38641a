import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Table, tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aGroup, aSource, aView, aWindow, writeParquet } from '../engine/small-data.fixture.ts'
import type { Blobs, SourceData } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections, takeSnapshot } from '../sources/index.ts'
import { buildFrame, type FrameJob, frameStream, readManifest, readPart } from './index.ts'

let folder: string
let blobs: Blobs
let data: SourceData
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-frames-'))
  blobs = await openBlobs(join(folder, 'blobs'))
  await writeParquet(
    join(folder, 'trips.parquet'),
    `select ['A', 'B'][1 + i % 2] as origin, ['p', 'q', 'r'][1 + i % 3] as place, i as miles,
            timestamp '2001-01-01' + to_hours(i) as happened, i % 10 as value,
            happened + to_minutes(10) as known, case when i % 7 > 0 then 'k' || (i % 4) end as kind
     from range(900) t(i)`,
  )
  const spec = aSource('trips.parquet')
  const connections = readConnections({})
  data = { spec, snapshot: await takeSnapshot(spec, { fleetFolder: folder, blobs, connections }) }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const past = aGroup([aWindow(['origin'], 'mean', { kind: 'time', ms: 7_200_000 })])
const plain = aView({ hour: 'hour(happened)', far: 'nullif(miles, 5)' }, past)
const kind = { name: 'kind', from: { kind: 'row', sql: 'kind' }, type: 'category' } as const
const view = { ...plain, features: [...plain.features, { ...kind, transform: [] }] }
const ofView = {
  of: 'view' as const,
  key: ['origin', 'place'],
  label: undefined,
  span: undefined,
  limit: undefined,
}

const job = (rows: FrameJob['rows'], rowsMax = 1_000_000): FrameJob => ({
  view,
  groups: [past],
  sources: [data],
  rows,
  rowsMax,
})

async function read(asked: FrameJob): Promise<Table> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await frameStream(asked, blobs)) chunks.push(chunk)
  return tableFromIPC(Buffer.concat(chunks))
}

test('the rows of a view are those that training reads, and nothing is left behind', async () => {
  const stored = () => readdirSync(join(folder, 'blobs', 'sha256'), { recursive: true }).length
  const before = stored()
  const table = await read(job({ ...ofView, label: 'value * 2' }))
  expect(stored()).toBe(before)
  const names = ['origin', 'place', 'event_time', 'label']
  const features = view.features.map(({ name }) => name)
  expect(table.schema.fields.map(({ name }) => name)).toEqual([...names, ...features])
  const frame = await buildFrame(
    { kind: 'frame', view, groups: [past], sources: [data], key: ofView.key },
    { blobs, progress: () => {} },
  )
  const manifest = await readManifest(frame, blobs)
  const part = await readPart(manifest, 0, blobs)
  expect(table.numRows).toBe(900)
  for (const row of [0, 1, 449, 899]) {
    const got = table.get(row)!.toJSON()
    expect(got.event_time).toBe(part.eventMs[row])
    for (const [f, name] of features.entries()) {
      const raw = part.features[f]![row]!
      const texts = manifest.categories?.[name]
      expect([name, got[name]]).toEqual([name, Number.isNaN(raw) ? null : (texts?.[raw] ?? raw)])
    }
    const hours = (Number(got.event_time) - Date.UTC(2001, 0, 1)) / 3_600_000
    expect(got.label).toBe((hours % 10) * 2)
    expect([got.origin, got.place]).toEqual(['AB'[hours % 2], 'pqr'[hours % 3]])
  }
})

test('a span and a limit; windows still read what was before the span', async () => {
  const from = Date.UTC(2001, 0, 11)
  const span = { fromMs: from, toMs: from + 86_400_000 }
  const table = await read(job({ ...ofView, span }))
  expect(table.numRows).toBe(24)
  const first = table.toArray().find(row => Number(row.event_time) === from)
  expect(first?.toJSON()).toMatchObject({ 'past.origin_value_mean_7200000ms': 8 })
  const all = (await read(job({ ...ofView, span }))).toArray().map(String)
  for (const limit of [5, 24]) {
    const some = await read(job({ ...ofView, span, limit }))
    expect(some.toArray().map(String)).toEqual(all.slice(0, limit))
  }
  const none = await read(job({ ...ofView, span: { fromMs: 0, toMs: 1 } }))
  expect([none.numRows, none.schema.fields.length]).toEqual([0, 7])
})

test('the first rows of a view are those of its first keys, whatever these hold', async () => {
  await writeParquet(
    join(folder, 'odd.parquet'),
    `select unnest(['o''b', '', 'Z', 'ä', '10', '9']) as origin, 1 as miles, 1 as value,
            timestamp '2001-01-01' as happened, happened as known`,
  )
  const spec = aSource('odd.parquet')
  const connections = readConnections({})
  const snapshot = await takeSnapshot(spec, { fleetFolder: folder, blobs, connections })
  const odd = { ...job({ ...ofView, key: ['origin'] }), sources: [{ spec, snapshot }] }
  const where = "origin <> 'Z' or origin = 'Z'"
  const first = async (limit: number | undefined) => {
    const rows = { ...ofView, key: ['origin'], limit }
    const table = await read({ ...odd, rows, view: { ...plain, where } })
    return table.toArray().map(row => String(row.origin))
  }
  const all = await first(undefined)
  expect(all).toEqual(['', '10', '9', 'Z', "o'b", 'ä'])
  for (const limit of [1, 5]) expect(await first(limit)).toEqual(all.slice(0, limit))
})

test('too many rows are refused before anything is built', async () => {
  await expect(frameStream(job(ofView, 899), blobs)).rejects.toMatchObject({
    code: 'E_TOO_LARGE',
    message: 'now@1 has 900 rows; a frame has at most 899',
    hint: expect.stringContaining('span'),
  })
  const limited = await read(job({ ...ofView, limit: 5_000 }, 899))
  expect(limited.numRows).toBe(899)
})

test('rows of the caller are joined as of their time', async () => {
  const at = Date.UTC(2001, 0, 11)
  const columns = {
    origin: ['A', 'B', 'C'],
    happened: ['2001-01-11T00:00:00Z', '2001-01-11T00:00:00Z', null],
    miles: [5, 6, 7],
    kind: ['k1', null, 'k9'],
  }
  const types = { happened: 'TIMESTAMP', miles: 'BIGINT', origin: 'VARCHAR' }
  const rows = { of: 'caller' as const, columns, types, eventMs: [at, at + 3_600_000, Number.NaN] }
  const table = await read({ ...job(rows), view: plain })
  expect(table.toArray().map(row => row.toJSON())).toEqual([
    {
      origin: 'A',
      happened: '2001-01-11T00:00:00Z',
      miles: 5n,
      kind: 'k1',
      event_time: at,
      hour: 0,
      far: null,
      'past.origin_value_mean_7200000ms': 8,
    },
    expect.objectContaining({ origin: 'B', kind: null, 'past.origin_value_mean_7200000ms': 9 }),
    expect.objectContaining({ event_time: null, 'past.origin_value_mean_7200000ms': null }),
  ])
})

test.each([
  ['TIMESTAMP', ['2001-01-11T00:00:00+02:00', null], 22],
  ['TIMESTAMP', [null, 'yesterday'], 1],
  ['TIMESTAMP', ['2001-01-11 08:00:00', '2001-02-30T00:00:00Z'], 1],
  ['TIMESTAMP', [null, 979171200], 1],
  ['TIMESTAMP WITH TIME ZONE', ['2001-01-11T05:00:00-01:00', null], 6],
  ['DATE', ['2001-01-11', '2001-01-11T01:00:00Z'], 1],
])(
  'a time of the caller as %s of %j: cast as sources do, or refused by its row',
  async (...the) => {
    const [type, happened, expected] = the
    const rows = {
      of: 'caller' as const,
      columns: { origin: ['A', 'A'], happened },
      types: { happened: type },
      eventMs: [0, 0],
    }
    const hour = plain.features.filter(({ name }) => name === 'hour')
    const table = read({ ...job(rows), view: { ...plain, features: hour } })
    const row = happened.findLastIndex(value => value !== null)
    if (row === 0) return expect((await table).get(0)?.toJSON().hour).toBe(expected)
    await expect(table).rejects.toMatchObject({
      code: 'E_FEATURE_VALUE',
      field: 'happened',
      message: expect.stringContaining(`value ${expected} of \`happened\``),
    })
  },
)

test.each([
  ['BIGINT', [70, 70.5], 1, 'is 70.5, not'],
  ['BIGINT', [70, '71', 72.5], 2, 'is 72.5, not'],
  ['INTEGER', [70, 100000000000000000, -4], 1, 'is too large for'],
  ['BIGINT', [2 ** 53], 0, 'is too large for'],
  ['VARCHAR', ['a', 2 ** 53], 1, 'is too large for'],
  ['TIMESTAMP', ['2001-01-11', 7], 1, 'is 7, not'],
])('of %s, %j is refused by row %i: it would be nobody', async (type, origin, row, said) => {
  const rows = {
    of: 'caller' as const,
    columns: { origin },
    types: { origin: type },
    eventMs: origin.map(() => 0),
  }
  await expect(read({ ...job(rows), view: aView({}, past) })).rejects.toMatchObject({
    code: 'E_FEATURE_VALUE',
    field: 'origin',
    message: expect.stringContaining(`value ${row} of \`origin\` ${said}`),
  })
})

test('numbers of a column of text are texts, one by one', async () => {
  await writeParquet(
    join(folder, 'coded.parquet'),
    `select unnest(['70', '70.5']) as origin, unnest([1, 2]) as value,
            timestamp '2001-01-01' as happened,
            timestamp '2001-01-01 00:00:00.000001' as known`,
  )
  const spec = aSource('coded.parquet')
  const connections = readConnections({})
  const snapshot = await takeSnapshot(spec, { fleetFolder: folder, blobs, connections })
  const rows = {
    of: 'caller' as const,
    columns: { origin: [70, 70.5] },
    types: { origin: 'VARCHAR' },
    // One asks a microsecond before it was known, and one at once.
    eventMs: [Date.UTC(2001, 0, 1), Date.UTC(2001, 0, 1) + 0.001],
  }
  const of = { ...job(rows), sources: [{ spec, snapshot }], view: aView({}, past) }
  const table = await read(of)
  const value = 'past.origin_value_mean_7200000ms'
  expect(table.toArray().map(row => row[value])).toEqual([null, 2])
  expect(Number(table.getChild('event_time')!.data[0]!.values[1] % 1_000n)).toBe(1)
})

test.each([
  [{}, /^only eventTime was sent/],
  [{ place: ['p'] }, /^the columns are place$/],
  [{ orign: ['A'] }, /^use `orign`$/],
])('rows of columns %j lack one, which is told with those that were sent', async (sent, hint) => {
  const rows = {
    of: 'caller' as const,
    columns: sent as Record<string, string[]>,
    types: {},
    eventMs: [0],
  }
  await expect(read({ ...job(rows), view: aView({}, past) })).rejects.toMatchObject({
    code: 'E_DATA_SCHEMA',
    field: 'rows',
    message: 'there is no column `origin`',
    hint: expect.stringMatching(hint),
  })
})
