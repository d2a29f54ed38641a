import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DataFault, openEngine, quoted } from '../engine/index.ts'
import { aSource, writeCsv, writeParquet } from '../engine/small-data.fixture.ts'
import type { Blobs, Snapshot, SnapshotProfile } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import type { ExpectationCheck, OnFail, SourceSpec } from '../spec/index.ts'
import { checkExpectations } from './expectations.ts'
import {
  defineSource,
  pathsOf,
  profileOf,
  readConnections,
  rowNumber,
  takeSnapshot,
} from './index.ts'
import { wholeOf } from './set-aside.ts'

/* Each expectation on real files: which rows it finds, and what is left when they are set aside. */

let folder: string
let outside: string
let blobs: Blobs

/** 100 readings in two files; some are wrong, each in its own way. */
const readings = (from: number, to: number) => `
  select i::bigint as id,
    timestamp '2026-01-01' + to_minutes(i::integer) as taken,
    case when i = 3 then null when i = 70 then 'mo' || chr(0) || 'on'
      else ['hall', 'roof'][i % 2 + 1] end as place,
    case when i = 10 then 900.5 when i = 60 then 'nan'::double when i = 90 then -4
      when i % 50 = 20 then null else i / 10 end as value,
    case when i = 99 then 98 else i end::integer as ticket
  from range(${from}, ${to}) t(i)`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-expect-'))
  outside = mkdtempSync(join(tmpdir(), 'muster-expect-blobs-'))
  blobs = await openBlobs(join(outside, 'blobs'))
  await writeParquet(join(folder, 'a.parquet'), readings(0, 40))
  await writeParquet(join(folder, 'b.parquet'), readings(40, 100))
  await writeParquet(join(folder, 'empty.parquet'), `${readings(0, 100)} limit 0`)
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(outside, { recursive: true, force: true })
})

type Expected = readonly [ExpectationCheck, OnFail?]

function expecting(expected: readonly Expected[], files: string | string[] = ['*.parquet']) {
  const expect = expected.map(([check, onFail = 'reject'], index) => ({ check, onFail, index }))
  return aSource(files, { name: 'readings', eventTime: 'taken', key: ['place'], expect })
}

const now = new Date('2026-01-01T02:00:00Z')

async function check(
  source: SourceSpec,
  more: { previous?: SnapshotProfile; released?: readonly number[]; now?: Date } = {},
) {
  const connections = readConnections({})
  const whole = await takeSnapshot(source, { fleetFolder: folder, blobs, connections })
  const against = {
    previous: more.previous,
    now: more.now ?? now,
    released: new Set(more.released ?? []),
  }
  return { whole, ...(await checkExpectations(source, whole, against, blobs)) }
}

async function rowsOf(source: SourceSpec, snapshot: Snapshot): Promise<readonly number[]> {
  const paths = await pathsOf([snapshot], blobs)
  await using engine = await openEngine({ allowedPaths: [...new Set(paths.values())] })
  await defineSource(engine, { spec: source, snapshot }, paths)
  const rows = await engine.rows<{ row: number }>(
    `select ${quoted(rowNumber)} as row from readings order by all`,
  )
  return rows.map(({ row }) => row)
}

/** Of each kind that looks at rows: what it expects, in words, and which rows it must find. */
const ofRows: readonly (readonly [ExpectationCheck, string, readonly number[], string])[] = [
  [{ kind: 'required', column: 'place' }, 'place is given', [3], 'row 3'],
  [{ kind: 'required', column: 'VALUE' }, 'VALUE is given', [20, 70], 'row 20'],
  [
    { kind: 'range', column: 'value', min: 0, max: 100 },
    'value between 0 and 100',
    [10, 60, 90],
    '900.5 in row 10',
  ],
  [{ kind: 'range', column: 'value', min: 0, max: undefined }, 'value at least 0', [60, 90], 'nan'],
  [
    { kind: 'range', column: 'taken', min: undefined, max: '2026-01-01 01:37' },
    'taken at most 2026-01-01 01:37',
    [98, 99],
    '2026-01-01 01:38:00 in row 98',
  ],
  [
    { kind: 'oneOf', column: 'place', values: ['hall', 'roof'] },
    'place is one of hall, roof',
    [70],
    'mo<U+0000>on in row 70',
  ],
  [
    { kind: 'oneOf', column: 'ticket', values: Array.from({ length: 98 }, (_, i) => i) },
    'ticket is one of 0, 1, 2, 3, 4, 5, 6, 7 and 90 more',
    [98, 99],
    '98 in row 98',
  ],
  [{ kind: 'unique', columns: ['ticket'] }, 'ticket name one row', [99], 'ticket 98 in row 99'],
  [{ kind: 'unique', columns: ['place', 'id'] }, 'place, id name one row', [], ''],
  [{ kind: 'holds', sql: 'value < 5 or\n id > 50' }, 'value < 5 or id > 50', [10, 50], 'row 10'],
]

test.each(ofRows.map(row => [row[1], row] as const))(
  '%s',
  async (words, [wanted, , faulty, shown]) => {
    for (const onFail of ['reject', 'warn', 'quarantine'] as const) {
      const source = expecting([[wanted, onFail]])
      const { whole, snapshot, findings, profile } = await check(source)
      expect(findings).toHaveLength(1)
      const [finding] = findings
      expect(finding).toMatchObject({
        index: 0,
        onFail,
        expected: words,
        holds: faulty.length === 0,
        count: faulty.length,
      })
      expect(finding?.because).toContain(
        faulty.length === 0 ? 'none of 100 rows' : `${faulty.length} of 100 rows; the first is`,
      )
      expect(finding?.because).toContain(shown)
      if (onFail !== 'quarantine' || faulty.length === 0) {
        expect(snapshot).toEqual(whole)
        continue
      }
      expect(snapshot.id).not.toBe(whole.id)
      expect([snapshot.rows, profile.rows]).toEqual([100 - faulty.length, 100 - faulty.length])
      const all = [...Array(100).keys()]
      expect(await rowsOf(source, snapshot)).toEqual(all.filter(row => !faulty.includes(row)))
      expect(wholeOf(snapshot)).toMatchObject({ id: whole.id, rows: 100 })
      expect((await check(source)).snapshot).toEqual(snapshot)
    }
  },
)

test('rows that several find at fault are set aside once, and released ones stay', async () => {
  const source = expecting([
    [{ kind: 'range', column: 'value', min: 0, max: 100 }, 'quarantine'],
    [{ kind: 'holds', sql: 'id <> 10 and id <> 99' }, 'quarantine'],
  ])
  const both = await check(source)
  expect(both.findings.map(f => f.count)).toEqual([3, 2])
  expect(both.snapshot).toMatchObject({ rows: 96, setAside: { rows: 4 } })
  expect(both.whole.toMs).toBe(Date.UTC(2026, 0, 1, 1, 39))
  expect(both.snapshot.toMs).toBe(Date.UTC(2026, 0, 1, 1, 38))
  const later = await check(source, { released: [10, 99] })
  expect(later.findings.map(f => [f.holds, f.count, f.because])).toEqual([
    [false, 2, '2 of 100 rows; the first is nan in row 60; 1 released'],
    [true, 0, 'none of 100 rows; 2 released'],
  ])
  expect(later.snapshot).toMatchObject({ rows: 98, setAside: { rows: 2 } })
  const all = await check(source, { released: [10, 60, 90, 99] })
  expect(all.snapshot).toEqual(all.whole)
})

test('of the whole source only the rows that are left are asked', async () => {
  const source = expecting([
    [{ kind: 'required', column: 'value' }, 'quarantine'],
    [{ kind: 'nullsAtMost', column: 'value', share: 0 }],
    [{ kind: 'nullsAtMost', column: 'place', share: 0.01 }],
    [{ kind: 'rows', min: 99, max: undefined }, 'warn'],
    [{ kind: 'rows', min: undefined, max: 98 }],
    [{ kind: 'freshWithin', ms: 30 * 60_000 }],
    [{ kind: 'freshWithin', ms: 20 * 60_000 }, 'warn'],
  ])
  const { findings } = await check(source)
  expect(findings.map(f => [f.holds, f.expected, f.because])).toEqual([
    [false, 'value is given', '2 of 100 rows; the first is row 20'],
    [true, 'value is null in at most 0 %', '0 of 98 rows, 0 %'],
    [false, 'place is null in at most 1 %', '1 of 98 rows, 1.02 %'],
    [false, 'rows at least 99', '98 rows'],
    [true, 'rows at most 98', '98 rows'],
    [
      true,
      'newest event at most 30 minutes old',
      'the newest is of 2026-01-01 01:39:00, 21 minutes ago',
    ],
    [
      false,
      'newest event at most 20 minutes old',
      'the newest is of 2026-01-01 01:39:00, 21 minutes ago',
    ],
  ])
})

test('a source without rows is judged, not failed upon', async () => {
  const source = expecting(
    [
      [{ kind: 'required', column: 'place' }],
      [{ kind: 'unique', columns: ['id'] }],
      [{ kind: 'nullsAtMost', column: 'value', share: 0 }],
      [{ kind: 'freshWithin', ms: 1_000 }],
      [{ kind: 'rows', min: 1, max: undefined }],
    ],
    'empty.parquet',
  )
  const { findings, profile } = await check(source)
  expect(findings.map(f => f.holds)).toEqual([true, true, true, false, false])
  expect(profile).toMatchObject({ rows: 0, entities: 0, fromMs: null })
})

test('drift is against what was accepted before', async () => {
  const drift = (column: string, index = 0.1): Expected => [{ kind: 'driftAtMost', column, index }]
  const source = expecting([drift('value'), drift('place'), drift('ticket')])
  const first = await check(source)
  expect(first.findings.map(f => [f.holds, f.because])).toEqual(
    Array(3).fill([true, 'nothing was accepted before']),
  )
  const same = await check(source, { previous: first.profile })
  expect(same.findings.map(f => f.because)).toEqual(Array(3).fill('stability index 0'))
  const half = { ...source, location: { files: ['a.parquet'] } }
  const moved = await check(half, { previous: first.profile })
  expect(moved.findings.map(f => f.holds)).toEqual([false, true, false])
  const text = join(folder, 'text.csv')
  await writeCsv(
    text,
    `select * replace (value::varchar || ' C' as value) from (${readings(0, 9)})`,
  )
  const other = { ...source, location: { files: ['text.csv'] } }
  const { findings } = await check(other, { previous: first.profile })
  rmSync(text)
  expect(findings[0]).toMatchObject({ holds: false, because: 'it is VARCHAR, and was DOUBLE' })
})

test('what does not fit the columns is refused at its own field', async () => {
  const faults: readonly (readonly [ExpectationCheck, readonly (string | number)[], string])[] = [
    [{ kind: 'required', column: 'valu' }, ['column'], 'no column `valu`'],
    [{ kind: 'nullsAtMost', column: 'none', share: 1 }, ['column'], 'no column `none`'],
    [{ kind: 'driftAtMost', column: 'none', index: 1 }, ['column'], 'no column `none`'],
    [{ kind: 'unique', columns: ['id', 'no'] }, ['unique', 1], 'no column `no`'],
    [{ kind: 'range', column: 'value', min: 'low', max: undefined }, ['min'], 'is DOUBLE, and low'],
    [{ kind: 'range', column: 'place', min: undefined, max: 4 }, ['max'], 'is VARCHAR, and 4'],
    [{ kind: 'range', column: 'taken', min: 'noon', max: undefined }, ['min'], 'not a TIMESTAMP'],
    [{ kind: 'oneOf', column: 'id', values: [1, 'b'] }, ['oneOf', 1], 'is BIGINT, and `b`'],
    [
      { kind: 'oneOf', column: 'taken', values: ['2026-01-01', 'x'] },
      ['oneOf', 1],
      'not a TIMESTAMP',
    ],
    [{ kind: 'holds', sql: 'value + 1' }, ['holds'], 'neither true nor false'],
    [{ kind: 'holds', sql: 'valu > 1' }, ['holds'], 'there is no column `valu`'],
    [{ kind: 'holds', sql: 'id in (select 1)' }, ['holds'], 'outside the row'],
    [{ kind: 'holds', sql: 'taken < now()' }, ['holds'], 'now()'],
    [{ kind: 'holds', sql: 'place::integer > 1' }, ['holds'], 'Could not convert'],
  ]
  for (const [wanted, field, words] of faults) {
    const source = expecting([[{ kind: 'required', column: 'id' }], [wanted]])
    const error = await check(source).catch(caught => caught)
    expect(error, JSON.stringify(wanted)).toBeInstanceOf(DataFault)
    expect(error).toMatchObject({
      at: { kind: 'Source', name: 'readings', path: ['expect', 1, ...field] },
    })
    expect(error.message).toContain(words)
    expect(error.hint).not.toBe('')
  }
  const timeless = { ...expecting([[{ kind: 'freshWithin', ms: 1 }]]), eventTime: undefined }
  await expect(check(timeless)).rejects.toMatchObject({ code: 'E_DATA_SCHEMA' })
})

test('a profile is of the rows that are read', async () => {
  const source = expecting([[{ kind: 'range', column: 'value', min: 0, max: 50 }, 'quarantine']])
  const { whole, profile } = await check(source)
  expect(profile).toMatchObject({ rows: 97, entities: 4 })
  const value = profile.columns.find(c => c.name === 'value')
  expect(value).toMatchObject({ type: 'DOUBLE', rows: 97, nulls: 2, distinct: 95, min: '0.0' })
  expect([value?.quantiles.at(0), value?.quantiles.at(-1), value?.max]).toEqual([0, 9.9, '9.9'])
  expect(value?.mean).toBeCloseTo(4.94, 1)
  const all = await profileOf(source, whole, blobs)
  expect(all.columns[0]).toMatchObject({ name: 'id', nulls: 0, distinct: 100, min: '0', max: '99' })
  expect(all.columns[0]?.quantiles.map(Math.round)[10]).toBe(49)
  const place = all.columns.find(c => c.name === 'place')
  expect(place?.top).toEqual([
    { value: 'hall', count: 49 },
    { value: 'roof', count: 49 },
    { value: 'mo\u0000on', count: 1 },
  ])
  expect(place).toMatchObject({ nulls: 1, distinct: 3, quantiles: [], mean: null, min: 'hall' })
  expect(all.columns.find(c => c.name === 'value')?.max).toBe('nan')
})
