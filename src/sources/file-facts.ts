import { MusterError } from '../base/errors.ts'
import type { Column, Engine } from '../engine/index.ts'
import { literal, plainReason, quoted } from '../engine/index.ts'
import { csvDialect, csvText } from './relation.ts'

/** What a file of data holds, as its bytes say. */
export interface FileFacts {
  readonly rows: number
  readonly columns: readonly Column[]
}

/**
 * More are a mistake, and the footer of a Parquet file with a million columns alone fills the
 * memory.
 */
const columnsMax = 10_000

/**
 * Reads all of a Parquet file once, so that what cannot be decoded is found here and not in the
 * middle of a run. Throws E_DATA_CORRUPT naming `shown`.
 */
export async function parquetFacts(
  engine: Engine,
  path: string,
  shown: string,
): Promise<FileFacts> {
  return readable(shown, 'parquet', async () => {
    const table = `read_parquet([${literal(path)}])`
    const columns = await engine.describe(`select * from ${table}`)
    checkNames(columns, shown)
    const counts = columns.map(c => `count(${quoted(c.name)})`)
    const [row] = await engine.rows<{ rows: number }>(
      `select count(*)::double as rows, [${counts.join(', ')}] as filled from ${table}`,
    )
    return { rows: row?.rows ?? 0, columns }
  })
}

/**
 * Column names and types of a CSV file: the narrowest type of which every value is a spelling, ISO
 * times only, so that no guess decides. `declared` types win. Numbers with leading zeros are text,
 * for they are codes. Throws E_DATA_CORRUPT or E_CSV_LINE naming `shown`, E_DATA_SCHEMA for values
 * that a declared type cannot hold.
 */
export async function csvFacts(
  engine: Engine,
  path: string,
  shown: string,
  declared: Readonly<Record<string, string>>,
): Promise<FileFacts> {
  return readable(shown, 'csv', async () => {
    const header = await engine.describe(
      `select * from read_csv([${literal(path)}], all_varchar = true, ${csvDialect})`.replace(
        'auto_detect = false',
        'auto_detect = true, sample_size = 1',
      ),
    )
    const names = header.map(c => c.name)
    checkNames(header, shown)
    if (names.length === 1 && /[;\t|]/.test(names[0]!)) {
      throw new MusterError('E_DATA_SCHEMA', `\`${shown}\` is not separated by commas`, {
        hint: 'write it with commas between the values and a header line',
      })
    }
    const tests = names.map(name => testOf(quoted(name), declared[name]))
    const [row] = await engine.rows<{ rows: number; fits: readonly (readonly boolean[])[] }>(
      `select count(*)::double as rows, [${tests.join(', ')}] as fits from ${csvText([path], names)}`,
    )
    const columns = names.map((name, at) => ({
      name,
      type: chosenType(name, row?.fits[at] ?? [], declared[name], shown),
    }))
    return { rows: row?.rows ?? 0, columns }
  })
}

/** Types in the order in which they are tried, each with the spelling that it needs. */
const candidates = [
  ['BOOLEAN', '^([Tt]rue|[Ff]alse|TRUE|FALSE)$'],
  ['BIGINT', '^[+-]?(0|[1-9][0-9]*)$'],
  [
    'DOUBLE',
    '^[+-]?(([0-9]|[1-9][0-9]*)(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?$|^(?i:nan|[+-]?inf(inity)?)$',
  ],
  ['DATE', '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'],
  ['TIMESTAMP', '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}.*$'],
] as const

function testOf(column: string, declared: string | undefined): string {
  const tests =
    declared === undefined
      ? candidates.map(
          ([type, spelling]) =>
            `coalesce(bool_and(try_cast(${column} as ${type}) is not null and regexp_matches(${column}, ${literal(spelling)})) filter (${column} is not null), false)`,
        )
      : [
          `coalesce(bool_and(try_cast(${column} as ${declared}) is not null) filter (${column} is not null), true)`,
        ]
  return `[${tests.join(', ')}]`
}

function chosenType(
  name: string,
  fits: readonly boolean[],
  declared: string | undefined,
  shown: string,
): string {
  if (declared === undefined) return candidates[fits.indexOf(true)]?.[0] ?? 'VARCHAR'
  if (fits[0] === true) return declared
  throw new MusterError(
    'E_DATA_SCHEMA',
    `\`${shown}\`: column \`${name}\` is not all ${declared}`,
    {
      hint: `correct the values, or declare \`${name}\` as VARCHAR and convert it in SQL`,
    },
  )
}

function checkNames(columns: readonly Column[], shown: string): void {
  if (columns.length > columnsMax) {
    const detail = `\`${shown}\` has ${columns.length} columns; ${columnsMax} is the most`
    throw new MusterError('E_DATA_SCHEMA', detail)
  }
  const own = columns.find(c => c.name.toLowerCase().startsWith('muster '))
  if (own !== undefined) {
    const hint = 'names that begin with "muster " are kept for Muster: rename the column'
    throw new MusterError('E_DATA_SCHEMA', `\`${shown}\` has a column \`${own.name}\``, { hint })
  }
}

async function readable<T>(shown: string, format: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const ours = error instanceof MusterError
    if (ours && /^E_(?:DATA_|SQL_TIMEOUT|SQL_MEMORY)/.test(error.code)) throw error
    const cause = ours && error.cause instanceof Error ? error.cause.message : String(error)
    if (/maximum line size|Maximum line/i.test(cause)) {
      throw new MusterError('E_CSV_LINE', `\`${shown}\` has a line of more than 2,000,000 bytes`, {
        field: shown,
        hint: 'look for a quote that is never closed',
        cause: error,
      })
    }
    const [line] = /line:? \d+/i.exec(cause) ?? []
    const reason = line === undefined ? plainReason(cause) : `${plainReason(cause)} (${line})`
    throw new MusterError(
      'E_DATA_CORRUPT',
      `\`${shown}\` is not readable as ${format}: ${reason}`,
      {
        field: shown,
        hint: 'write the file again from where it came',
        cause: error,
      },
    )
  }
}
