import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEngine } from '../engine/index.ts'
import { aSource, writeParquet } from '../engine/small-data.fixture.ts'
import { type BlobFolder, openBlobs } from '../registry/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { defineSource, oddTimes, pathsOf, readConnections, takeSnapshot } from './index.ts'

/* What files do to those who read them: each is refused whole, with the file and the column. */

let folder: string
let blobs: BlobFolder
const connections = readConnections({})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-bad-files-'))
  blobs = await openBlobs(join(folder, '.muster'))
})
afterAll(() => {
  expect(readdirSync(blobs.scratch)).toEqual([])
  rmSync(folder, { recursive: true })
})

const take = (source: SourceSpec, into = blobs as Parameters<typeof takeSnapshot>[1]['blobs']) =>
  takeSnapshot(source, { fleetFolder: folder, blobs: into, connections })

async function told(source: SourceSpec, into?: typeof blobs): Promise<string> {
  const error = await take(source, into).then(
    () => expect.unreachable('it was taken'),
    e => e,
  )
  expect(error.message).not.toContain(folder)
  return `${error.code} at ${error.at.path.join('.')}: ${error.message}; ${error.hint}`
}

function write(path: string, text: string | Uint8Array): string {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
  return path
}

const parquet = async (path: string, select: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  await writeParquet(join(folder, path), select)
  return path
}

async function rowsOf(source: SourceSpec, columns: string): Promise<readonly unknown[]> {
  const snapshot = await take(source)
  const paths = await pathsOf([snapshot], blobs)
  await using engine = await openEngine({ allowedPaths: [...paths.values()] })
  await defineSource(engine, { spec: source, snapshot }, paths)
  return await engine.rows(`select ${columns} from ${source.name} order by "muster row"`)
}

test('a column that changes its type from file to file is told with both types', async () => {
  write('types/a.csv', 'happened,value\n2001-01-01,1\n')
  write('types/b.csv', 'happened,value\n2001-01-02,1.5\n')
  await parquet('kinds/a.parquet', "select timestamp '2001-01-01' as happened, 1 as value")
  await parquet('kinds/b.parquet', "select timestamp '2001-01-01' as happened, '1' as value")
  expect([await told(aSource('types')), await told(aSource('kinds'))]).toMatchInlineSnapshot(`
    [
      "E_DATA_SCHEMA at files: \`types/b.csv\`: column \`value\` is DOUBLE, and BIGINT in \`types/a.csv\`; write all files with the same columns, or say their types: columns: { name: DOUBLE }",
      "E_DATA_SCHEMA at files: \`kinds/b.parquet\`: column \`value\` is VARCHAR, and INTEGER in \`kinds/a.parquet\`; write all files of a source with the same columns, or make two sources",
    ]
  `)
  const declared = await take(aSource('types', { columns: { value: 'DOUBLE' } }))
  expect(declared).toMatchObject({ rows: 2, columns: [{}, { type: 'DOUBLE' }] })
})

test('values that are not of the declared type are told at that declaration', async () => {
  write('codes.csv', 'happened,value\n2001-01-01,7\n2001-01-02,n/a\n')
  const source = aSource('codes.csv', { columns: { value: 'INTEGER' } })
  expect(await told(source)).toMatchInlineSnapshot(
    `"E_DATA_SCHEMA at columns.value: \`codes.csv\`: column \`value\` is not all INTEGER: \`n/a\`; correct the values, or declare \`value\` as VARCHAR and convert it in SQL"`,
  )
})

test('a file that is still being written is refused, and nothing of it is kept', async () => {
  const path = write('growing.csv', 'happened,value\n2001-01-01,1\n')
  write('half.parquet', Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(4_000, 'x')]))
  const half = await told(aSource('half.parquet'))
  // A writer that pauses is not seen: it is tried until one write falls between two looks.
  const writing = { ...aSource(path), name: 'growing' }
  const stop = keepWriting(join(folder, path))
  let growing = 'taken'
  for (let tries = 0; tries < 200 && growing === 'taken'; tries++) {
    growing = await told(writing).catch(() => 'taken')
  }
  stop()
  expect([half, growing]).toMatchInlineSnapshot(`
    [
      "E_DATA_CORRUPT at files: \`half.parquet\` is not readable as parquet: it has no footer at its end; it was cut short or is still being written: write it again, and rename it when done",
      "E_SOURCE at files: \`growing.csv\` is still being written: it changed while it was read; write it under another name, and rename it when it is whole",
    ]
  `)
})

function keepWriting(path: string): () => void {
  let on = true
  const step = () => {
    appendFileSync(path, '2001-01-02,2\n')
    if (on) setImmediate(step)
  }
  step()
  return () => {
    on = false
  }
}

test('a page that cannot be read is told with its file, whichever column it is of', async () => {
  const rows = "timestamp '2001-01-01' + to_minutes(i) as happened, i * 7919 % 1000 as value"
  await parquet('pages/a.parquet', `select ${rows} from range(5000) t(i)`)
  const path = await parquet('pages/b.parquet', `select ${rows} from range(5000) t(i)`)
  const whole = readFileSync(join(folder, path))
  const found = []
  for (const from of [4, Math.floor(whole.length * 0.3), Math.floor(whole.length * 0.7)]) {
    write(path, Buffer.from(whole).fill(0xff, from, from + 60))
    found.push(await told(aSource('pages')))
  }
  const said = /^E_DATA_CORRUPT at files: `pages\/b.parquet` is not readable as parquet: .*; write/
  expect(found).toEqual(Array(3).fill(expect.stringMatching(said)))
})

test('ten million columns are refused before they fill the memory', async () => {
  const before = process.memoryUsage().rss
  write('wide.csv', `${'a,'.repeat(9_999_999)}a\n`)
  write('wide2.csv', `${'a,'.repeat(500_000)}a\n`)
  // Thrift: version, then a schema of so many elements, each an optional INT32 of the name `c`.
  const element = Buffer.from([0x15, 0x02, 0x25, 0x02, 0x18, 0x01, 0x63, 0x00])
  const elements = Buffer.alloc(10_000_001 * element.length, element)
  const start = Buffer.from([0x15, 0x02, 0x19, 0xfc, 0x80 | (10_000_001 & 127), 0xad, 0xe2, 0x04])
  const footer = Buffer.concat([start, elements])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  const magic = Buffer.from('PAR1')
  write('wide.parquet', Buffer.concat([magic, footer, length, magic]))
  expect([
    await told(aSource('wide.csv')),
    await told(aSource('wide2.csv')),
    await told(aSource('wide.parquet')),
  ]).toMatchInlineSnapshot(`
    [
      "E_CSV_LINE at files: the first line of \`wide.csv\` is longer than 2000000 bytes; write a header of at most 10000 columns, and each row on a line of its own",
      "E_DATA_SCHEMA at files: \`wide2.csv\` has 500001 columns; 10000 is the most; write the columns that features read, or one row for each measurement",
      "E_DATA_SCHEMA at files: \`wide.parquet\` has 10000000 columns; 10000 is the most; write the columns that features read, or one row for each measurement",
    ]
  `)
  expect(process.memoryUsage().rss - before).toBeLessThan(600_000_000)
  rmSync(join(folder, 'wide.parquet'))
})

test('times of several zones are those of UTC, and half of them is refused', async () => {
  const zones = ['2001-01-01T10:00:00+02:00', '2001-01-01 03:00:00-0500', '2001-01-01T08:00:00Z']
  write('zones.csv', `happened\n${zones.join('\n')}\n`)
  await parquet(
    'zoned.parquet',
    zones.map(zone => `select '${zone}'::timestamptz as happened`).join(' union all '),
  )
  for (const path of ['zones.csv', 'zoned.parquet']) {
    const rows = await rowsOf(aSource(path), 'cast(happened as timestamp) as at')
    expect(rows).toEqual(Array(3).fill({ at: new Date(Date.UTC(2001, 0, 1, 8)) }))
  }
  write('half.csv', `happened\n${zones.join('\n')}\n2001-01-01 10:00:00\n`)
  write('utc.csv', 'happened\n2001-01-01T08:00:00Z\n2001-01-01 08:00:00\n')
  expect(await told(aSource('half.csv'))).toMatchInlineSnapshot(
    `"E_DATA_SCHEMA at files: \`half.csv\`: 3 of 4 times in \`happened\` have an offset from UTC; write all of them with an offset or Z, or none: those without are of UTC"`,
  )
  expect(await take(aSource('utc.csv'))).toMatchObject({ rows: 2 })
})

test('a time that is no time is told with a value and with the cure', async () => {
  write('german.csv', 'happened\n25.12.2020 10:00\n26.12.2020 11:00\n')
  await parquet('texts.parquet', "select '2020-12-25 10:00:00+01:00' as happened")
  write('seconds.csv', 'happened\n1600000000\n')
  const seconds = (eventTime: string) => aSource('seconds.csv', { eventTime })
  expect([
    await told(aSource('german.csv')),
    await told(aSource('texts.parquet')),
    await told(seconds('happened')),
    await told(seconds('to_timestamp(happened * 1000)')),
  ]).toMatchInlineSnapshot(`
    [
      "E_DATA_SCHEMA at eventTime: \`happened\` is VARCHAR, not a time: \`25.12.2020 10:00\`; name a time, or say how it is written: strptime("happened", '%d.%m.%Y %H:%M')",
      "E_DATA_SCHEMA at eventTime: \`happened\` is VARCHAR, not a time; make it a time: cast("happened" as timestamptz)",
      "E_DATA_SCHEMA at eventTime: \`happened\` is BIGINT, not a time; make it a time: epoch_ms(...) of milliseconds, to_timestamp(...) of seconds",
      "E_DATA_SCHEMA at eventTime: every \`to_timestamp(happened * 1000)\` lies after the year 2255; look at its unit: epoch_ms(...) takes milliseconds, to_timestamp(...) seconds",
    ]
  `)
  const cast = aSource('texts.parquet', { eventTime: 'cast(happened as timestamptz)' })
  expect(await take(cast)).toMatchObject({ fromMs: Date.UTC(2020, 11, 25, 9) })
  expect(await take(seconds('to_timestamp(happened)'))).toMatchObject({ fromMs: 1.6e12 })
})

test('rows of the future are kept: their range is told, and no past sees them', async () => {
  write('future.csv', 'happened,value\n2001-01-01,1\n9999-12-31,2\n2190-01-01,3\n')
  const snapshot = await take(aSource('future.csv'))
  expect(snapshot).toMatchObject({ rows: 3, toMs: Date.UTC(9999, 11, 31) })
})

test('rows that happen never, or a day or more from now, are counted', async () => {
  const now = new Date('2020-01-01T12:00:00Z')
  const odd = async (times: readonly string[], eventTime = 'happened') => {
    write('odd.csv', `happened,value\n${times.map((time, at) => `${time},${at}\n`).join('')}`)
    const source = aSource('odd.csv', { eventTime })
    return (await oddTimes(source, await take(source), { blobs, now })).map(({ said }) => said)
  }
  expect(await odd(['2020-01-01T12:00:00', '2020-01-02T12:00:00'])).toEqual([])
  expect(await odd(['2020-01-01', '', ''])).toEqual(['2 of 3 rows have no event time'])
  expect(await odd(['', '2020-01-01', '2020-01-03', '9999-12-31'])).toEqual([
    '1 of 4 rows has no event time',
    '2 rows happen later than a day from now',
  ])
  const lost = 'try_cast(happened as timestamp)'
  expect(await odd(['x', 'y'], lost)).toEqual(['2 of 2 rows have no event time'])
})

test('rows that are there twice stand twice', async () => {
  write('twice.csv', 'happened,value\n2001-01-01,1\n2001-01-01,1\n')
  expect(await take(aSource('twice.csv'))).toMatchObject({ rows: 2 })
})

test('whatever a key holds, it is read as it is', async () => {
  const keys = [
    `"quoted" and 'quoted'`,
    'two\nlines\r\nand\ttabs',
    '\u{1F6B2}\u200d\u{1F468} \u202Eright',
    'null',
    '=cmd(1)',
    '../../etc/passwd',
    "'); drop table trips; --",
    ' a ',
    'x'.repeat(10_000),
    '\\N',
    '00012',
    'ÄÖ\u0308',
  ]
  const text = (key: string) => `"${key.replaceAll('"', '""')}"`
  write('keys.csv', `happened,k\n${keys.map(key => `2001-01-01,${text(key)}\n`).join('')}`)
  expect(await rowsOf(aSource('keys.csv'), 'k')).toEqual(keys.map(k => ({ k })))
  const more = [...keys, '', 'nul\0inside']
  const sql = (key: string) => `'${key.replaceAll("'", "''").replaceAll('\0', "' || chr(0) || '")}'`
  await parquet(
    'keys.parquet',
    more
      .map(key => `select timestamp '2001-01-01' as happened, ${sql(key)} as k`)
      .join(' union all '),
  )
  expect(await rowsOf(aSource('keys.parquet'), 'k')).toEqual(more.map(k => ({ k })))
  // In CSV an empty value is none, quoted or not.
  write('empty.csv', 'happened,k\n2001-01-01,""\n2001-01-01,\n')
  expect(await rowsOf(aSource('empty.csv'), 'k')).toEqual([{ k: null }, { k: null }])
})
