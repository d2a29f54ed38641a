import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { openWorld, push, readings, rowsOf, type World } from '../../test/intake-world.ts'
import { writeParquet } from '../engine/small-data.fixture.ts'
import type { SourceSpec } from '../spec/index.ts'
import { appendRows, keptSnapshot } from './index.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('postgresUrl'))
})
afterAll(() => world[Symbol.asyncDispose]())

const many: SourceSpec = {
  ...readings,
  name: 'many',
  key: [],
  columns: {
    'a/b~c "d"': 'VARCHAR',
    happened: 'TIMESTAMPTZ',
    n: 'INTEGER',
    share: 'DECIMAL(6,3)',
    ok: 'BOOLEAN',
    day: 'DATE',
    list: 'BIGINT[]',
  },
}

async function refusal(rows: readonly object[], source = readings) {
  const outcome = await push(world, rows as never, { source }).catch(error => error)
  const { code, message, hint } = outcome
  expect(hint, message).toEqual(expect.any(String))
  return { code, message }
}

const good = { station: '70', happened: '2026-06-01', value: 1 }

test('values of every kind come back as they were sent', async () => {
  const awkward = 'a "b" \\ \n \' é 馬 \u0001 ,'
  await push(
    world,
    [
      {
        'a/b~c "d"': awkward,
        happened: '2026-06-01T10:00:00.123456+05:30',
        n: -7,
        share: 0.125,
        ok: true,
        day: '2024-02-29',
        list: [9_007_199_254_740_991],
      },
      { happened: '2026-06-01' },
    ].map(row => row),
    { source: many },
  )
  const snapshot = await keptSnapshot(many, world.at)
  expect(await rowsOf(snapshot, world.blobs, many)).toEqual([
    `0 | ${awkward} | 2026-06-01 04:30:00.123456+00 | -7 | 0.125 | true | 2024-02-29 | ` +
      '[9007199254740991] | 2026-06-15 12:00:01',
    '1 | - | 2026-06-01 00:00:00+00 | - | - | - | - | - | 2026-06-15 12:00:01',
  ])
})

test.for([
  [{ station: 70 }, 'E_DATA_SCHEMA', 'row 2: `station` is 70, not VARCHAR'],
  [{ value: '1' }, 'E_DATA_SCHEMA', 'row 2: `value` is "1", not DOUBLE'],
  [{ happened: 1_780_000_000 }, 'E_DATA_SCHEMA', 'row 2: `happened` is 1780000000, not TIMESTAMP'],
  [{ happened: 'June 1st' }, 'E_DATA_SCHEMA', 'row 2: `happened` is "June 1st", not TIMESTAMP'],
  [{ happened: '2026-02-30' }, 'E_DATA_SCHEMA', 'row 2: `happened` is "2026-02-30", not TIMESTAMP'],
  [{ happened: 'infinity' }, 'E_DATA_SCHEMA', 'row 2: `happened` is "infinity", not TIMESTAMP'],
  [{ happened: null }, 'E_DATA_SCHEMA', 'row 2 has no `happened`'],
  [
    { happened: '2026-06-16T12:01:00' },
    'E_EVENT_TIME',
    'row 2: `happened` is 2026-06-16 12:01:00, more than a day ahead',
  ],
  [{ happned: '2026-06-01' }, 'E_DATA_SCHEMA', 'row 2 has `happned`, which is not declared'],
  [{ value: 2 }, 'E_DUPLICATE_KEY', 'rows 1 and 2 are of one station and one happened, and differ'],
] as const)('%j is refused, by row and column', async ([change, code, message]) => {
  expect(await refusal([good, { ...good, ...change }])).toEqual({ code, message })
})

test('whole numbers are not rounded to', async () => {
  for (const [n, is] of [
    [1.5, '1.5'],
    [2 ** 31, '2147483648'],
  ] as const) {
    expect(await refusal([{ happened: '2026-06-01', n }], many)).toEqual({
      code: 'E_DATA_SCHEMA',
      message: `row 1: \`n\` is ${is}, not INTEGER`,
    })
  }
  await push(world, [{ happened: '2026-06-01', n: 3 }], { source: many })
})

async function file(name: string, text: string | Buffer) {
  const path = join(world.folder, name)
  await writeFile(path, text)
  const format = name.endsWith('csv') ? 'csv' : name.endsWith('parquet') ? 'parquet' : 'jsonl'
  return appendRows(readings, { path, format, knownAt: 'arrival' }, world.at).catch(error => error)
}

test('files that cannot be read are refused by line, and nothing of them is taken', async () => {
  const before = await keptSnapshot(readings, world.at)
  for (const [name, text, code, message] of [
    ['a.jsonl', '{"station":"7"}\n\n{"station":\n', 'E_DATA_CORRUPT', 'line 3 is not JSON'],
    ['b.jsonl', '{"happened":"2026-06-01"}\n[1]\n', 'E_DATA_SCHEMA', 'row 2 is not a JSON object'],
    ['a.csv', 'station,value\n7,1\n', 'E_DATA_SCHEMA', 'column `happened` is missing'],
    [
      'b.csv',
      'station,happened,value\n7,2026-06-01,1.5.\n',
      'E_DATA_SCHEMA',
      'is 1.5., not DOUBLE',
    ],
    ['c.csv', 'station,happened,value,x\n7,2026-06-01,1,2\n', 'E_DATA_SCHEMA', 'the file has `x`'],
    ['a.parquet', Buffer.alloc(100, 3), 'E_DATA_CORRUPT', 'not readable as parquet'],
  ] as const) {
    const outcome = await file(name, text)
    expect(outcome, name).toMatchObject({ code })
    expect(outcome.message, name).toContain(message)
    expect(outcome.message).not.toContain(world.folder)
  }
  expect((await keptSnapshot(readings, world.at)).id).toBe(before.id)
})

test('columns of a Parquet file are taken as the declared type, or not at all', async () => {
  const path = join(world.folder, 'typed.parquet')
  const append = async (select: string) => {
    await writeParquet(path, select)
    const incoming = { path, format: 'parquet', knownAt: 'arrival' } as const
    return appendRows(readings, incoming, world.at).catch(error => error.message)
  }
  const row = (happened: string, value = '1::decimal(4,1)') =>
    append(`select '9' as station, ${happened} as happened, ${value} as value`)
  expect(await row("date '2026-01-03'")).toEqual({ rows: 1, again: false })
  expect(await row("'2026-01-02T01:00:00+02'")).toEqual({ rows: 1, again: false })
  expect(await row('1780000000')).toBe('column `happened` is INTEGER, declared TIMESTAMP')
  expect(await row("'infinity'::timestamp")).toContain('not a moment that can be kept')
  expect(await row("date '2026-01-04'", "'1'")).toBe('column `value` is VARCHAR, declared DOUBLE')
  const snapshot = await keptSnapshot(readings, world.at)
  const rows = await rowsOf(snapshot, world.blobs)
  expect(rows.map(text => text.split(' | ').slice(1, 4).join(' ')).slice(-2)).toEqual([
    '9 2026-01-03 00:00:00 1.0',
    '9 2026-01-01 23:00:00 1.0',
  ])
})

test.for([
  [{ columns: {} }, ['columns'], '`odd` declares no columns'],
  [{ columns: { happened: 'VARCHAR' } }, ['eventTime'], '`happened` is VARCHAR, not a time'],
  [{ eventTime: undefined }, [], '`odd` has no `eventTime`'],
  [
    { eventTime: 'happened + interval 1 day' },
    ['eventTime'],
    '`happened + interval 1 day` is not a column of the rows',
  ],
  [
    { columns: { happened: 'TIMESTAMP', n: 'HUGEINT' } },
    ['columns', 'n'],
    'HUGEINT cannot be kept',
  ],
  [{ key: ['nobody'] }, ['key', 0], '`nobody` is not a column of the rows'],
  [
    { columns: { happened: 'TIMESTAMP', 'Muster row': 'BIGINT' } },
    ['columns', 'Muster row'],
    'the rows have a column `Muster row`',
  ],
] as const)('a source that takes rows: %j', async ([more, , message]) => {
  const source = { ...readings, key: [], name: 'odd', ...more } as SourceSpec
  const refused = await push(world, [], { source }).catch(error => error)
  expect(refused).toMatchObject({ code: 'E_DATA_SCHEMA', hint: expect.any(String) })
  expect(refused.message).toContain(message)
})

test('only a source that says so takes rows, and no more at once than it bears', async () => {
  const files = { ...readings, location: { files: ['a.csv'] } }
  await expect(push(world, [good], { source: files })).rejects.toMatchObject({ code: 'E_SOURCE' })
  const rows = Array.from({ length: 100_001 }, (_, i) => ({ ...good, station: `s${i}` }))
  await expect(push(world, rows)).rejects.toMatchObject({ code: 'E_TOO_LARGE' })
})
