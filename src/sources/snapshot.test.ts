import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSource, aView, writeParquet } from '../engine/small-data.fixture.ts'
import { buildFrame } from '../features/index.ts'
import type { Blobs } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { readConnections, takeSnapshot } from './index.ts'
import { matches } from './locate.ts'

let folder: string
let elsewhere: string
let blobs: Blobs
const connections = readConnections({})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-fleet-'))
  elsewhere = mkdtempSync(join(tmpdir(), 'muster-elsewhere-'))
  blobs = await openBlobs(join(elsewhere, 'blobs'))
  mkdirSync(join(folder, 'data/deep'), { recursive: true })
  const select = (from: number) =>
    `select i::bigint as value, 'A' as origin, timestamp '2001-01-01' + to_days(i::integer) as happened
     from range(${from}, ${from + 10}) t(i)`
  await writeParquet(join(folder, 'data/b.parquet'), select(10))
  await writeParquet(join(folder, 'data/a.parquet'), select(0))
  await writeParquet(join(folder, 'data/deep/c.parquet'), select(20))
  writeFileSync(join(folder, 'data/readme.txt'), 'not data')
  writeFileSync(
    join(folder, 'trips.csv'),
    'happened,origin,value\n2001-05-01 10:00:00,007,1\n,x,2.5\n',
  )
  await writeParquet(join(elsewhere, 'secret.parquet'), select(0))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(elsewhere, { recursive: true, force: true })
})

const take = (source: SourceSpec, dataRoots: readonly string[] = []) =>
  takeSnapshot(source, { fleetFolder: folder, blobs, dataRoots, connections })
const refused = (source: SourceSpec, dataRoots: readonly string[] = []) =>
  take(source, dataRoots).then(
    () => ({ code: 'taken', message: '' }),
    error => error as { code: string; message: string },
  )
const write = (path: string, text: string | Uint8Array) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
  return path
}

test('a folder is its data files in order, and taking it twice gives one snapshot', async () => {
  const snapshot = await take(aSource('data'))
  expect(snapshot.files.map(f => [f.path, f.rows])).toEqual([
    ['data/a.parquet', 10],
    ['data/b.parquet', 10],
    ['data/deep/c.parquet', 10],
  ])
  expect(snapshot.columns.map(c => c.type)).toEqual(['BIGINT', 'VARCHAR', 'TIMESTAMP'])
  expect(snapshot.fromMs).toBe(Date.UTC(2001, 0, 1))
  expect(snapshot.toMs).toBe(Date.UTC(2001, 0, 30))
  expect(await take(aSource('data'))).toEqual(snapshot)
  const files = await take(aSource(['data/*.parquet', 'data/deep/c*']))
  expect(files.id).toBe(snapshot.id)
})

test('a changed file is another snapshot, and the first still reads as before', async () => {
  const path = write('changing.csv', 'origin,value,happened\nA,1,2001-01-01\n')
  const before = await take(aSource(path))
  write('changing.csv', 'origin,value,happened\nA,2,2001-01-01\n')
  utimesSync(join(folder, path), new Date(), new Date())
  const after = await take(aSource(path))
  expect(after.id).not.toBe(before.id)
  expect(Buffer.from(await blobs.get(before.files[0]!.digest)).toString()).toContain('A,1,')
})

test('CSV has the narrowest type of which every value is a spelling', async () => {
  const path = write(
    'types.csv',
    'i,d,b,t,day,code,text,none,"a, ""b"""\n1,1.5,true,2001-01-01T10:00:00Z,2001-01-01,007,=cmd(1),,x\n-2,1e3,FALSE,2001-01-01 10:00,2001-12-31,1,"a\nb",,y\n',
  )
  const { columns, rows } = await take(aSource(path, { eventTime: 't' }))
  expect(rows).toBe(2)
  expect(columns.map(c => `${c.name} ${c.type}`)).toEqual([
    'i BIGINT',
    'd DOUBLE',
    'b BOOLEAN',
    't TIMESTAMP',
    'day DATE',
    'code VARCHAR',
    'text VARCHAR',
    'none VARCHAR',
    'a, "b" VARCHAR',
  ])
  const declared = await take(aSource('trips.csv', { columns: { value: 'FLOAT', origin: 'text' } }))
  expect(declared.columns.map(c => c.type)).toEqual(['TIMESTAMP', 'VARCHAR', 'FLOAT'])
})

test('declared columns must be there, with their types', async () => {
  const wrong = await refused(aSource('data', { columns: { value: 'VARCHAR', gone: 'int8' } }))
  expect(wrong.code).toBe('E_DATA_SCHEMA')
  expect(wrong.message).toContain('`value` is BIGINT, declared VARCHAR')
  expect(wrong.message).toContain('`gone` (BIGINT) is missing')
  const csv = await refused(aSource('trips.csv', { columns: { origin: 'DATE' } }))
  expect(csv).toMatchObject({ code: 'E_DATA_SCHEMA' })
  for (const type of ['int); select (1', "x'", 'nonsense', 'int, 2 as b']) {
    expect((await refused(aSource('data', { columns: { value: type } }))).code).toBe(
      'E_DATA_SCHEMA',
    )
  }
})

test('files of a source have the same columns', async () => {
  write('drift/a.csv', 'value,origin,happened\n1,A,2001-01-01\n')
  write('drift/b.csv', 'value,origin,happened\nno,A,2001-01-01\n')
  const type = await refused(aSource('drift'))
  expect(type.code).toBe('E_DATA_SCHEMA')
  expect(type.message).toBe('`drift/b.csv`: column `value` is VARCHAR, and BIGINT in `drift/a.csv`')
  write('drift/b.csv', 'value,begin,happened\n1,A,2001-01-01\n')
  const names = await refused(aSource('drift'))
  expect(names.message).toContain('column `origin` is missing; column `begin` is not in')
  write('drift/b.csv', 'origin,value,happened\nA,1,2001-01-01\n')
  expect((await refused(aSource('drift'))).message).toContain('not in the order')
  write('drift/b.csv', 'value,origin,happened\n')
  expect((await refused(aSource('drift'))).code).toBe('taken')
})

test('what is not inside the fleet is refused', async () => {
  symlinkSync(join(elsewhere, 'secret.parquet'), join(folder, 'link.parquet'))
  symlinkSync(elsewhere, join(folder, 'linked'))
  const paths = ['../x.parquet', 'data/../../x', 'link.parquet', 'linked', 'linked/*.parquet']
  const more = [join(elsewhere, 'secret.parquet'), '/etc/passwd', 'nothing.parquet', 'no*.csv', '.']
  for (const path of [...paths, ...more.slice(0, -1), 'data/readme.txt', 'a\0b']) {
    expect((await refused(aSource(path))).code, path).toBe('E_SOURCE')
  }
  const secret = aSource(join(elsewhere, 'secret.parquet'))
  expect((await refused(secret, [elsewhere])).code).toBe('taken')
  const inPackage = (npm: string) => aSource('', { location: { npm }, eventTime: undefined })
  for (const npm of ['vega-datasets/../x.csv', 'no-such-package/x.csv', 'vega-datasets/none.csv']) {
    expect((await refused(inPackage(npm))).code, npm).toBe('E_SOURCE')
  }
  const found = await take(inPackage('vega-datasets/data/seattle-weather.csv'))
  expect(found.columns.map(c => c.type).slice(0, 2)).toEqual(['DATE', 'DOUBLE'])
  rmSync(join(folder, 'linked'))
  rmSync(join(folder, 'link.parquet'))
})

test('damaged files are named', async () => {
  const whole = readFileSync(join(folder, 'data/a.parquet'))
  write('bad/empty.parquet', '')
  write('bad/random.parquet', Buffer.alloc(500, 7))
  write('bad/footer.parquet', Buffer.concat([whole.subarray(0, -12), Buffer.alloc(12, 1)]))
  copyFileSync(join(folder, 'data/a.parquet'), join(folder, 'bad/short.parquet'))
  truncateSync(join(folder, 'bad/short.parquet'), whole.length - 40)
  write('bad/ragged.csv', 'a,b\n1,2\n1,2,3\n')
  write('bad/latin.csv', Buffer.from('a,b\n1,caf\xe9\n', 'latin1'))
  write('bad/empty.csv', '')
  const names = ['empty.parquet', 'random.parquet', 'footer.parquet', 'short.parquet']
  for (const name of [...names, 'ragged.csv', 'latin.csv', 'empty.csv']) {
    const { code, message } = await refused(aSource(`bad/${name}`, { eventTime: undefined }))
    expect(code, name).toBe('E_DATA_CORRUPT')
    expect(message).toContain(`\`bad/${name}\``)
    expect(message).not.toContain(elsewhere)
  }
  write('long.csv', `a,b\n1,${'x'.repeat(10_000_000)}\n`)
  const long = await refused(aSource('long.csv', { eventTime: undefined }))
  expect(long.code).toBe('E_CSV_LINE')
  const wide = Array.from({ length: 10_001 }, (_, i) => `c${i}`).join(',')
  write('wide.csv', `${wide}\n`)
  expect((await refused(aSource('wide.csv', { eventTime: undefined }))).code).toBe('E_DATA_SCHEMA')
})

test('a bit that flips in a stored file is found before it is read', async () => {
  const source = aSource('data/a.parquet')
  const snapshot = await take(source)
  const path = await blobs.path(snapshot.files[0]!.digest)
  const bytes = readFileSync(path)
  const flipped = Buffer.from(bytes)
  flipped[40] = flipped[40]! ^ 4
  rmSync(path)
  writeFileSync(path, flipped)
  const input = {
    kind: 'frame' as const,
    view: aView({ v: 'value' }),
    groups: [],
    sources: [{ spec: source, snapshot }],
    key: ['origin'],
  }
  await expect(buildFrame(input, { blobs, progress: () => {} })).rejects.toMatchObject({
    code: 'E_DIGEST_MISMATCH',
  })
  rmSync(path, { force: true })
  writeFileSync(path, bytes)
})

test('the event time of a source is a time', async () => {
  const wrong = await refused(aSource('data', { eventTime: 'value' }))
  expect(wrong).toMatchObject({
    code: 'E_DATA_SCHEMA',
    at: { kind: 'Source', name: 'trips', path: ['eventTime'] },
  })
  expect((await refused(aSource('data', { eventTime: 'nothing' }))).code).toBe('E_DATA_SCHEMA')
  expect((await refused(aSource('data', { eventTime: 'now()' }))).code).toBe('E_SQL_FORBIDDEN')
})

test('* stands for any part of a name', () => {
  expect(matches('a.csv', ['', '.csv'])).toBe(true)
  expect(matches('a.csv', ['a.c', 'csv'])).toBe(false)
  expect(matches('abcabc', ['a', 'bc', 'c'])).toBe(true)
  expect(matches('abc', ['a', 'x', 'c'])).toBe(false)
})
