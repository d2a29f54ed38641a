import { MusterError } from '../base/errors.ts'
import { type Column, openWriter, quoted, type Writer } from '../engine/index.ts'
import { castText } from './text-cast.ts'

/* Values that come as texts, row by row, on their way into a Parquet file of proper types. */

export type TextRow = readonly (string | null)[]

/** A Parquet file in scratch, which goes when this is disposed of. */
export interface WrittenRows extends AsyncDisposable {
  readonly path: string
  readonly columns: readonly Column[]
  readonly rows: number
}

/**
 * Writes the rows that `fill` adds, by the columns of `order`, so that the same rows give the same
 * bytes however they came; none: as they came. What does not fit in memory spills into `scratch`.
 * Throws E_DATA_SCHEMA, naming column and value, for a text that is no value of its type.
 */
export async function writeTextRows(
  columns: readonly Column[],
  scratch: string,
  order: readonly string[],
  fill: (add: (row: TextRow) => void) => Promise<void>,
): Promise<WrittenRows> {
  // One thread keeps rows in the order in which they came.
  const writer = await openWriter({ allowedPaths: [], scratch, threads: order.length > 0 ? 2 : 1 })
  try {
    await writer.run(`create table texts (${columns.map((_, at) => `c${at} varchar`).join(', ')})`)
    const rows = await append(writer, fill)
    const values = columns.map(({ name, type }, at) => `${typed(at, type)} as ${quoted(name)}`)
    const by = order.length > 0 ? `order by ${order.map(quoted).join(', ')}` : ''
    const path = await writer
      .parquet(`select ${values.join(', ')} from texts ${by}`, 'rows.parquet')
      .catch(async error => {
        throw (await misfit(writer, columns)) ?? error
      })
    return { path, columns, rows, [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose]() }
  } catch (error) {
    await writer[Symbol.asyncDispose]()
    throw error
  }
}

async function append(
  writer: Writer,
  fill: (add: (row: TextRow) => void) => Promise<void>,
): Promise<number> {
  const appender = await writer.appender('texts')
  let rows = 0
  await fill(row => {
    for (const value of row) {
      if (value === null) appender.appendNull()
      else appender.appendVarchar(value)
    }
    appender.endRow()
    rows++
  })
  appender.closeSync()
  return rows
}

/** DuckDB would take times before Christ for as many years after: they are no times here. */
function typed(at: number, type: string, cast: 'cast' | 'try_cast' = 'cast'): string {
  const isTime = type === 'DATE' || type === 'TIMESTAMP'
  return castText(
    isTime ? `if(suffix(c${at}, ' BC'), 'BC ' || c${at}, c${at})` : `c${at}`,
    type,
    cast,
  )
}

/** The first column with a text that is no value of its type. */
async function misfit(
  writer: Writer,
  columns: readonly Column[],
): Promise<MusterError | undefined> {
  for (const [at, { name, type }] of columns.entries()) {
    const [row] = await writer.rows<{ value: string }>(
      `select c${at}[:80] as value from texts
       where c${at} is not null and ${typed(at, type, 'try_cast')} is null limit 1`,
    )
    if (row === undefined) continue
    const detail = `column \`${name}\`: \`${row.value}\` is no ${type}`
    return new MusterError('E_DATA_SCHEMA', detail, {
      hint: 'leave such rows out, or make the column another type where it comes from',
    })
  }
  return undefined
}
