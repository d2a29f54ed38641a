import { quoted, type Writer } from '../engine/index.ts'
import type { Snapshot } from '../fleet/index.ts'
import {
  type KeptParts,
  type KeptShape,
  rowNumber,
  type WrittenFile,
  writePartitions,
} from '../sources/index.ts'

/** Rows in files that no snapshot has yet. */
export interface NewRows {
  readonly written: readonly WrittenFile[]
  readonly rows: number
  /** Range of event time. */
  readonly fromMs: number
  readonly toMs: number
  readonly rowNumbersTo: number
}

/** Writes the rows of a table of the writer, of which there is at least one. */
export async function writeRows(writer: Writer, table: string, shape: KeptShape): Promise<NewRows> {
  const micros = `epoch_us(cast(${quoted(shape.eventTime)} as timestamp))::double`
  const [facts] = await writer.rows<Pick<NewRows, 'fromMs' | 'toMs' | 'rowNumbersTo'>>(
    `select min(${micros}) / 1000 as "fromMs", max(${micros}) / 1000 as "toMs",
       max(${quoted(rowNumber)}) + 1 as "rowNumbersTo" from ${table}`,
  )
  const written = await writePartitions(writer, table, shape)
  return { ...facts!, written, rows: written.reduce((sum, { file }) => sum + file.rows, 0) }
}

/** What a snapshot is made of once it has the new rows too. */
export function grown(before: Snapshot, rows: NewRows): KeptParts {
  return {
    files: [...before.files, ...rows.written.map(({ file }) => file)],
    fromMs: Math.min(before.fromMs ?? rows.fromMs, rows.fromMs),
    toMs: Math.max(before.toMs ?? rows.toMs, rows.toMs),
    rowNumbersTo: Math.max(before.rowNumbersTo ?? 0, rows.rowNumbersTo),
  }
}

/** The change that they are; late is a row of an older span of event time than the newest had. */
export function appended(before: Snapshot, { written, rows }: NewRows) {
  const spans = before.files.map(file => file.partitionMs!)
  const newest = spans.reduce((most, span) => Math.max(most, span), Number.NEGATIVE_INFINITY)
  const late = written.reduce(
    (sum, { file }) => sum + (file.partitionMs < newest ? file.rows : 0),
    0,
  )
  return { kind: 'append' as const, rows, late }
}
