import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asMusterError } from '../base/errors.ts'
import { openWriter, type Writer } from '../engine/index.ts'
import {
  heldBytes,
  heldColumns,
  heldRowsOf,
  type KeptShape,
  loadedColumn,
  misfitOf,
  readJsonLines,
} from '../sources/index.ts'
import { accepted, acceptRows } from './accept.ts'
import { CastChecks } from './cast-checks.ts'
import { checkRows } from './check-rows.ts'

/*
 * Deliveries are read in JavaScript and files in DuckDB, by the same rules. Here both read the same
 * bytes, and must give the same rows or refuse them with the same code.
 */

const now = new Date('2026-06-15T12:00:00Z')
let folder: string
let writer: Writer
const casts = new CastChecks()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-check-'))
  const allowedPaths = [join(folder, 'rows.jsonl')]
  writer = await openWriter({ allowedPaths, scratch: folder, threads: 1 })
})
afterAll(async () => {
  await casts[Symbol.asyncDispose]()
  await writer[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** What a reading leaves is rolled back. */
async function alone(read: () => Promise<string>): Promise<string> {
  await writer.run('begin')
  try {
    return await outcome(read)
  } finally {
    await writer.run('rollback')
  }
}

async function byDuckDb(bytes: Uint8Array, shape: KeptShape): Promise<string> {
  const path = join(folder, 'rows.jsonl')
  await writeFile(path, bytes)
  return alone(async () => {
    await acceptRows(writer, { path, format: 'jsonl' }, shape, now)
    return shown(shape, `select * from ${accepted}`)
  })
}

async function byJavaScript(bytes: Uint8Array, shape: KeptShape): Promise<string> {
  return alone(async () => {
    const { held, misfit } = await casts.check(readJsonLines(bytes, shape.columns))
    if (misfit) throw misfitOf(shape.columns[misfit.column]!, misfit.row, misfit.shown)
    checkRows(held, shape, now)
    const { columns, values, rows } = heldRowsOf(heldBytes(held))
    const loaded = columns.map((column, at) => loadedColumn(column, values[at]!))
    await writer.load('held', loaded, rows)
    return shown(shape, `select ${heldColumns(columns)} from held`)
  })
}

async function outcome(read: () => Promise<string>): Promise<string> {
  try {
    return await read()
  } catch (error) {
    const { code, message } = asMusterError(error)
    // Values are shown as they came by the one, and as DuckDB writes them by the other.
    return `${code} ${code === 'E_DATA_CORRUPT' ? '' : message.replace(/ is .*, not /s, ' not ')}`
  }
}

async function shown({ columns }: KeptShape, select: string): Promise<string> {
  const texts = columns.map(c => `cast("${c.name}" as varchar)`)
  const rows = await writer.rows<{ row: readonly (string | null)[] }>(
    `select [${texts.join(', ')}] as row from (${select})`,
  )
  return JSON.stringify(rows.map(({ row }) => row))
}

function shapeOf(type: string, key: readonly string[] = []): KeptShape {
  const columns = [
    { name: 'at', type: 'TIMESTAMP' },
    { name: 'a', type },
  ]
  return { source: 's', columns, eventTime: 'at', key, span: 'day' }
}

const types = [
  ...['VARCHAR', 'BOOLEAN', 'TINYINT', 'INTEGER', 'UINTEGER', 'BIGINT', 'UBIGINT', 'HUGEINT'],
  ...['FLOAT', 'DOUBLE', 'DECIMAL(6,3)', 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'],
  ...['TIMESTAMP_NS', 'TIME', 'UUID', 'BLOB', 'BIGINT[]'],
]

const numbers = [
  ...['0', '-0', '-0.0', '7', '-128', '128', '1.0', '1.5', '0.1', '1e3', '1e17', '1e21', '1e-7'],
  ...['2147483647', '2147483648', '4294967296', '9007199254740993', '9007199254740993.0'],
  ...['9223372036854775807', '9223372036854775808', '18446744073709551615', '1e400', '-1e400'],
  ...[
    '18446744073709551616',
    '123456789012345678901',
    '16777217',
    '123.456',
    '1234.5678',
    '5e-324',
  ],
  ...['NaN', 'nan', '-Infinity', 'Infinity', 'inf', '+1', '.5', '01', '1.', '-', '1e', '0x10'],
]
const texts = [
  ...['', ' ', 'x', 'true', '1', 'NaN', 'é馬😀', '\\u0000', '\\ud83d\\ude00', '\\ud800', '\\x41'],
  ...[
    '\\/',
    'a\\"b',
    '\t',
    '550e8400-e29b-41d4-a716-446655440000',
    '12:30:00',
    'infinity',
    'epoch',
  ],
  ...[
    '2024-02-29',
    '2023-02-29',
    '2024-2-9',
    '0000-01-01',
    '0001-01-01',
    '9999-12-31',
    '1500-01-01',
  ],
  ...['2024-02-29T23:59', '2024-02-29T23:59Z', '2024-02-29T24:00:00', '2024-02-29T24:00:01'],
  ...['2024-02-29 23:59:60', '2024-02-29T23:59:01.1234567Z', '2024-02-29T23:59:01+05:30'],
  ...['2024-02-29T23:59:01-0530', '2024-02-29T23:59:01+99:99', '1969-12-31T23:59:59.999999'],
  ...['2024-02-29T23:59:01 +01:00', '2024-02-29T23:59:01.', '20240229', '2024-02-29 BC'],
].map(text => `"${text}"`)
const others = ['null', 'true', 'false', 'tru', '{}', '[]', '[1,2]', '{"b":[1]}', '[1', '']

const good = '"at":"2026-06-01"'

test.each(types)('every value is one of %s, or not, for both', async type => {
  const shape = shapeOf(type)
  const differing: string[] = []
  const values = [...numbers, ...texts, ...others]
  // Those that are refused alone are not seen beside others, so each is read alone.
  for (const value of values) {
    const bytes = Buffer.from(`{${good},"a":${value}}`)
    const [one, other] = [await byDuckDb(bytes, shape), await byJavaScript(bytes, shape)]
    if (one !== other) differing.push(`${value}: ${one}, ${other}`)
  }
  expect(differing).toEqual([])
})

test('lines of every form are read, or refused, by both', async () => {
  const shape = shapeOf('DOUBLE')
  const row = `{${good},"a":1}`
  const bodies = [
    ...['', '\n\n', ' \t\n', `\ufeff${row}`, `${row}\r\n${row}\r\n`, `\n \n${row}\v\n\f`, '{}'],
    ...[`${row}${row}`, `${row} ${row}`, `${row}x`, `{${good},"a":\n1}`, `${row}\r${row}`, 'null'],
    ...['1', '[1]', '"a"', `{${good},"a":1,}`, `{${good},"a":1,,}`, `{${good},}`, '{,}', '{'],
    ...[`{${good},"a":1,"a":2}`, `{${good},"a":1,"a":"x"}`, `{${good},"\\u0061":1}`],
    ...[`{${good},"A":1}`, `{${good},"b":1}`, `{${good},"a\\u0000":1}`, `{${good} "a":1}`],
    ...[`{${good},'a':1}`, `/* c */${row}`, `{ ${good} , "a" : 1 } `, `${row}\n{"b":1}\n[1]`],
    ...[`{"a":1}\n{"at":5}`, `{"at":null}`, '{"at":"2026-06-16T12:00:01"}', '{"at":"0000-05-05"}'],
    ...['{"at":"2026-06-16T12:00:00"}', `{${good},"a":"x"}\n{"at":7}\n{"c":1}\n[2]\n{`, '\u00a0'],
  ].map(text => Buffer.from(text))
  bodies.push(Buffer.from([0x7b, 0xff, 0x7d]), Buffer.from(`${row}\0`), Buffer.from([0xef, 0xbb]))
  const differing: string[] = []
  for (const bytes of bodies) {
    const [one, other] = [await byDuckDb(bytes, shape), await byJavaScript(bytes, shape)]
    if (one !== other) differing.push(`${JSON.stringify(String(bytes))}: ${one}, ${other}`)
  }
  expect(differing).toEqual([])
})

test.each([
  [
    'beyond DOUBLE',
    '1e999',
    'DOUBLE',
    'row 1: `a` is 1e999, not DOUBLE',
    /or declare another type/,
  ],
  ['beyond FLOAT', '1e300', 'FLOAT', 'row 1: `a` is 1e300, not FLOAT', /or declare another type/],
  ['NaN', 'NaN', 'DOUBLE', 'row 1: `a` is NaN, not DOUBLE', /JSON has no NaN/],
  ['a member twice', '1,"a":2', 'DOUBLE', 'row 1 has `a` twice', /one of them/],
  [
    'a long key',
    `"${'x'.repeat(5_000)}"`,
    'VARCHAR',
    'row 1: `a` has 5000 characters',
    /at most 4096/,
  ],
])('%s is refused by both, with its row and column', async (_, value, type, detail, hint) => {
  const shape = shapeOf(type, ['a'])
  const bytes = Buffer.from(`{${good},"a":${value}}`)
  const refused = `E_DATA_SCHEMA ${detail.replace(/ is .*, not /, ' not ')}`
  expect(await byDuckDb(bytes, shape)).toBe(refused)
  expect(await byJavaScript(bytes, shape)).toBe(refused)
  const read = () => {
    const { held, misfit } = readJsonLines(bytes, shape.columns)
    if (misfit) throw misfitOf(shape.columns[misfit.column]!, misfit.row, misfit.shown)
    checkRows(held, shape, now)
  }
  expect(read).toThrow(
    expect.objectContaining({ message: detail, hint: expect.stringMatching(hint) }),
  )
})

test('the row that is shown to whoever sends none would fit', () => {
  const { columns } = shapeOf('BIGINT')
  const sent = () => readJsonLines(Buffer.from(`[{${good},"a":1}]`), columns)
  const hint = 'send one object a line: {"at": "2026-01-01T00:00:00Z", "a": 70}'
  expect(sent).toThrow(expect.objectContaining({ hint }))
})

test('rows at random, of few names and times, are taken or refused alike', async () => {
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('1', '2', 'null', '1.0') },
    { weight: 1, arbitrary: fc.constantFrom(...numbers, ...texts, ...others) },
    { weight: 1, arbitrary: fc.oneof(fc.double(), fc.bigInt()).map(String) },
  )
  const time = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('"2026-06-01"', '"2026-06-01T00:00:00Z"') },
    { weight: 1, arbitrary: fc.constantFrom('null', '"2026-06-17"', '"0000-01-01"') },
  )
  const line = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(time, value).map(([at, a]) => `{"at":${at},"a":${a}}`) },
    { weight: 1, arbitrary: fc.constantFrom('{}', '', '[1]', `{${good},"b":1}`, '{"a":1}') },
  )
  const type = fc.constantFrom('DOUBLE', 'BIGINT', 'VARCHAR', 'DECIMAL(6,3)', 'DATE')
  const key = fc.constantFrom([], ['a'], ['at'])
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 5 }), type, key, async (lines, of, named) => {
      const shape = shapeOf(of, named)
      const bytes = Buffer.from(lines.join('\n'))
      expect(await byJavaScript(bytes, shape)).toBe(await byDuckDb(bytes, shape))
    }),
    { numRuns: 60, seed: 7 },
  )
})
