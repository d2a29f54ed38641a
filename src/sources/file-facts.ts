import { MusterError } from '../base/errors.ts'
import type { Column, Engine } from '../engine/index.ts'
import { literal, plainReason, quoted } from '../engine/index.ts'
import { checkQuotes, csvFault, csvHeader } from './csv-text.ts'
import { columnsMax } from './file-shape.ts'
import { csvText } from './relation.ts'
import { castText } from './text-cast.ts'

/** What a file of data holds, as its bytes say. */
export interface FileFacts {
  readonly rows: number
  readonly columns: readonly Column[]
}

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
    checkNames(
      columns.map(c => c.name),
      shown,
    )
    // Counts of a column are answered from its statistics, and leave its pages unread.
    const read = columns.map(c => `first(${quoted(c.name)}) is null`)
    const [row] = await engine.rows<{ rows: number }>(
      `select count(*)::double as rows, [${read.join(', ')}] as read from ${table}`,
    )
    return { rows: row?.rows ?? 0, columns }
  })
}

/**
 * Column names and types of a CSV file: the narrowest type of which every value is a spelling, ISO
 * times only, so that no guess decides. `declared` types win. Numbers with leading zeros are text,
 * for they are codes; times with an offset are those of UTC. Throws E_DATA_CORRUPT or E_CSV_LINE
 * naming `shown`; E_DATA_SCHEMA, with the column as its field, for values that a declared type
 * cannot hold, and for times of which only some have an offset.
 */
export async function csvFacts(
  engine: Engine,
  path: string,
  shown: string,
  declared: Readonly<Record<string, string>>,
): Promise<FileFacts> {
  return readable(shown, 'csv', async () => {
    const names = await csvHeader(path, shown)
    checkNames(names, shown)
    if (names.length === 1 && /[;\t|]/.test(names[0]!)) {
      throw new MusterError('E_DATA_SCHEMA', `\`${shown}\` is not separated by commas`, {
        hint: 'write it with commas between the values and a header line',
      })
    }
    await checkQuotes(path, shown)
    const tests = names.map(name => testOf(quoted(name), declared[name]))
    const [row] = await engine.rows<{ rows: number; tested: readonly TestedColumn[] }>(
      `select count(*)::double as rows, [${tests.join(', ')}] as tested
       from ${csvText([path], names)}`,
    )
    const columns = names.map((name, at) => ({
      name,
      type: chosenType(name, row!.tested[at]!, declared[name], shown),
    }))
    return { rows: row!.rows, columns }
  })
}

/** What one scan says of the texts of a column. */
interface TestedColumn {
  /** Whether all are of the candidates, in their order; or of the declared type. */
  readonly fits: readonly boolean[]
  /** One that is not of the declared type. */
  readonly misfit: string | null
  readonly filled: number
  /** Times with an offset from UTC, or a Z. */
  readonly zoned: number
  /** Times with an offset that is not nothing. */
  readonly shifted: number
}

const zonedTime = '[ T][0-9]{2}:[0-9]{2}.*([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$'
const utcTime = '([Zz]|[+-]00(:?00)?)$'

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
  const is = (type: string) => `${castText(column, type, 'try_cast')} is not null`
  const all = (test: string) => `bool_and(${test}) filter (${column} is not null)`
  const fits =
    declared === undefined
      ? candidates.map(([type, spelling]) => {
          const spelt = `regexp_matches(${column}, ${literal(spelling)})`
          return `coalesce(${all(`${is(type)} and ${spelt}`)}, false)`
        })
      : [`coalesce(${all(is(declared))}, true)`]
  const misfit =
    declared === undefined
      ? 'null::varchar'
      : `any_value(${column}[:80]) filter (${column} is not null and not (${is(declared)}))`
  const zoned = `regexp_matches(${column}, ${literal(zonedTime)})`
  const shifted = `${zoned} and not regexp_matches(${column}, ${literal(utcTime)})`
  const count = (test: string) => `count(*) filter (${test})::double`
  return `{ fits: [${fits.join(', ')}], misfit: ${misfit}, filled: count(${column})::double,
    zoned: ${count(zoned)}, shifted: ${count(shifted)} }`
}

function chosenType(
  name: string,
  { fits, misfit, filled, zoned, shifted }: TestedColumn,
  declared: string | undefined,
  shown: string,
): string {
  if (declared !== undefined && !fits[0]) {
    const detail = `\`${shown}\`: column \`${name}\` is not all ${declared}: \`${misfit}\``
    throw new MusterError('E_DATA_SCHEMA', detail, {
      field: name,
      hint: `correct the values, or declare \`${name}\` as VARCHAR and convert it in SQL`,
    })
  }
  const type = declared ?? candidates[fits.indexOf(true)]?.[0] ?? 'VARCHAR'
  if (type === 'TIMESTAMP' && shifted > 0 && zoned < filled) {
    const some = `${zoned} of ${filled} times in \`${name}\` have an offset from UTC`
    throw new MusterError('E_DATA_SCHEMA', `\`${shown}\`: ${some}`, {
      field: name,
      hint: 'write all of them with an offset or Z, or none: those without are of UTC',
    })
  }
  return type
}

function checkNames(names: readonly string[], shown: string): void {
  if (names.length > columnsMax) {
    const detail = `\`${shown}\` has ${names.length} columns; ${columnsMax} is the most`
    throw new MusterError('E_DATA_SCHEMA', detail)
  }
  const own = names.find(name => name.toLowerCase().startsWith('muster '))
  if (own !== undefined) {
    const hint = 'names that begin with "muster " are kept for Muster: rename the column'
    throw new MusterError('E_DATA_SCHEMA', `\`${shown}\` has a column \`${own}\``, { hint })
  }
}

async function readable<T>(shown: string, format: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const ours = error instanceof MusterError
    if (ours && /^E_(?:DATA_|SQL_TIMEOUT|SQL_MEMORY)/.test(error.code)) throw error
    const cause = ours && error.cause instanceof Error ? error.cause.message : String(error)
    const fault = format === 'csv' ? csvFault(cause, shown) : undefined
    if (fault !== undefined) throw fault
    throw new MusterError(
      'E_DATA_CORRUPT',
      `\`${shown}\` is not readable as ${format}: ${plainReason(cause)}`,
      {
        field: shown,
        hint: 'write the file again from where it came',
        cause: error,
      },
    )
  }
}
