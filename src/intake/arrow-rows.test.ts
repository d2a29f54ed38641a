import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Bool,
  type DataType,
  DateDay,
  Float32,
  Float64,
  Int8,
  Int32,
  Int64,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asMusterError } from '../base/errors.ts'
import { literal, openWriter } from '../engine/index.ts'
import {
  heldColumns,
  loadedColumn,
  misfitOf,
  type ReadRows,
  readArrowRows,
  readRows,
} from '../sources/index.ts'
import { CastChecks } from './cast-checks.ts'

/*
 * A column of an Arrow stream is taken as another type by JavaScript, and one of a Parquet file by
 * DuckDB: by the same rules, so the same values must come of both, or the same refusal.
 */

interface Typed {
  readonly arrow: DataType
  readonly duck: string
  /** As Arrow takes it, and as DuckDB's cast does. */
  readonly values: readonly (readonly [unknown, string])[]
}

const alike = (...values: unknown[]) => values.map(value => [value, String(value)] as const)
const floats = alike(0, -0, 1, 1.5, -128, 128, 0.1, 123.456, 1e6, 1e17, 1e21, 3e38, 2 ** 53, 5e-45)
const bigs = ['9007199254740993', '9223372036854775807', '16777217', '0', '127', '128', '999']
const froms: readonly Typed[] = [
  { arrow: new Int8(), duck: 'TINYINT', values: alike(0, 1, -1, 127, -128) },
  { arrow: new Int32(), duck: 'INTEGER', values: alike(0, 999, 1_000, 128, -(2 ** 31), 16777217) },
  { arrow: new Int64(), duck: 'BIGINT', values: bigs.map(text => [BigInt(text), text]) },
  {
    arrow: new Uint64(),
    duck: 'UBIGINT',
    values: [...bigs, '18446744073709551615'].map(text => [BigInt(text), text]),
  },
  {
    arrow: new Float32(),
    duck: 'FLOAT',
    values: floats.map(([value]) => [Math.fround(value as number), String(value)]),
  },
  { arrow: new Float64(), duck: 'DOUBLE', values: [...floats, ...alike(1e300, 1 / 0, Number.NaN)] },
  {
    arrow: new Utf8(),
    duck: 'VARCHAR',
    values: alike('', 'x', '1', '2024-02-29', '2023-02-29', '2024-02-29T23:59:01.5+05:30', 'true'),
  },
  { arrow: new Bool(), duck: 'BOOLEAN', values: alike(true, false) },
  {
    arrow: new DateDay(),
    duck: 'DATE',
    values: ['1970-01-01', '2024-02-29', '1969-12-31'].map(day => [new Date(day), day]),
  },
  {
    arrow: new TimestampMicrosecond(),
    duck: 'TIMESTAMP',
    values: ['1970-01-01T00:00:00', '2024-02-29T23:59:01'].map(time => [
      Date.parse(`${time}Z`),
      time,
    ]),
  },
]
const tos = [
  ...['TINYINT', 'INTEGER', 'UINTEGER', 'BIGINT', 'UBIGINT', 'HUGEINT', 'FLOAT', 'DOUBLE'],
  ...['DECIMAL(6,3)', 'VARCHAR', 'BOOLEAN', 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'],
]

test('a column is taken as another type, or refused, as DuckDB does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-arrow-'))
  await using writer = await openWriter({ allowedPaths: [], scratch: folder, threads: 1 })
  await using casts = new CastChecks()
  const shown = async (select: string) => {
    const rows = await writer.rows<{ a: string | null }>(`select a::varchar as a from (${select})`)
    return JSON.stringify(rows.map(({ a }) => a))
  }
  const alone = async (read: () => Promise<string>) => {
    await writer.run('begin')
    try {
      return await read()
    } catch (error) {
      const { code, message } = asMusterError(error)
      // Values are shown as Arrow writes them by the one, and as DuckDB does by the other.
      return `${code} ${message.replace(/ is .*, not /s, ' not ')}`
    } finally {
      await writer.run('rollback')
    }
  }
  const cases = fc.constantFrom(...froms).chain(from =>
    fc.tuple(
      fc.constant(from),
      fc.constantFrom(...tos),
      fc.array(fc.option(fc.constantFrom(...from.values), { freq: 6 }), {
        minLength: 1,
        maxLength: 3,
      }),
    ),
  )
  await fc.assert(
    fc.asyncProperty(cases, async ([{ arrow, duck }, type, values]) => {
      const columns = [{ name: 'a', type }]
      const byArrow = await alone(async () => {
        const a = vectorFromArray(
          values.map(value => value?.[0] ?? null),
          arrow,
        )
        const bytes = tableToIPC(new Table({ a }), 'stream')
        const read: ReadRows = readArrowRows(bytes, columns, 10)
        const { held, misfit } = await casts.check(read)
        if (misfit) throw misfitOf(columns[0]!, misfit.row, misfit.shown)
        await writer.load('held', [loadedColumn(columns[0]!, held.values[0]!)], held.rows)
        return shown(`select ${heldColumns(columns)} from held`)
      })
      const texts = values.map(value => (value === null ? 'null' : literal(value[1])))
      const path = await writer.parquet(
        `select unnest([${texts.join(', ')}]::varchar[])::${duck} as a`,
        'rows.parquet',
      )
      const byDuckDb = await alone(async () => {
        await readRows(writer, { path, format: 'parquet' }, { columns }, 'read')
        return shown('select a from read')
      })
      expect(byArrow).toBe(byDuckDb)
    }),
    { numRuns: 120, seed: 5 },
  )
  await rm(folder, { recursive: true })
}, 120_000)
