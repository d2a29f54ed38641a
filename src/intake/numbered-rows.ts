import { quoted, type Writer } from '../engine/index.ts'
import {
  fileColumns,
  fromHeld,
  type HeldRows,
  type HeldValue,
  type KeptShape,
  loadedColumn,
  rowNumber,
} from '../sources/index.ts'
import { arrivalColumn } from '../spec/index.ts'

/** Rows of one delivery, with what they got when they were kept. */
export interface NumberedRows {
  readonly held: HeldRows
  /** Of the first row; the others follow. */
  readonly rowFrom: number
  /** Microseconds since 1970; null: known when they happened. */
  readonly knownUs: number | null
}

/** Rows of several deliveries of the same columns as those of one, with their own two columns. */
export interface JoinedRows {
  readonly held: HeldRows
  readonly numbers: readonly number[]
  /** Microseconds since 1970; null: known when they happened. */
  readonly knownUs: readonly (number | null)[]
}

export function joinRows(deliveries: readonly NumberedRows[]): JoinedRows {
  const { columns } = deliveries[0]!.held
  const values = columns.map((_, at) => deliveries.flatMap(({ held }) => held.values[at]!))
  const numbers: number[] = []
  const knownUs: (number | null)[] = []
  for (const { held, rowFrom, knownUs: known } of deliveries) {
    for (let row = 0; row < held.rows; row++) {
      numbers.push(rowFrom + row)
      knownUs.push(known)
    }
  }
  return { held: { columns, values, rows: numbers.length }, numbers, knownUs }
}

/** Makes `table` of the writer, with the columns that rows have in files. */
export async function makeRowsTable(
  writer: Writer,
  table: string,
  shape: KeptShape,
): Promise<void> {
  const list = fileColumns(shape).map(({ name, type }) => `${quoted(name)} ${type}`)
  await writer.run(`create temp table ${table} (${list.join(', ')})`)
}

/** Adds rows to that table. */
export async function loadRows(
  writer: Writer,
  table: string,
  shape: KeptShape,
  deliveries: readonly NumberedRows[],
): Promise<void> {
  // Those that came under another declaration have other columns.
  const alike = Map.groupBy(deliveries, ({ held }) => JSON.stringify(held.columns))
  for (const some of alike.values()) await loadAlike(writer, table, shape, joinRows(some))
}

async function loadAlike(
  writer: Writer,
  table: string,
  shape: KeptShape,
  { held, numbers, knownUs }: JoinedRows,
): Promise<void> {
  const own: readonly (readonly [string, string, readonly HeldValue[]])[] = [
    [rowNumber, 'INTEGER', numbers],
    [arrivalColumn, 'TIMESTAMP', knownUs],
    ...held.columns.map(({ name, type }, at) => [name, type, held.values[at]!] as const),
  ]
  const loaded = own.map(([name, type, values]) => loadedColumn({ name, type }, values))
  await writer.load('loaded', loaded, held.rows)
  const types = new Map(own.map(([name, type]) => [name, type]))
  const columns = fileColumns(shape).map(({ name }) => name)
  const values = columns.map(name => fromHeld(quoted(name), types.get(name)!))
  await writer.run(
    `insert into ${table} (${columns.map(quoted).join(', ')}) select ${values.join(', ')} from loaded`,
  )
  await writer.run('drop table loaded')
}
