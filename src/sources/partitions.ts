import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../base/digest.ts'
import { type Column, literal, quoted, type Writer } from '../engine/index.ts'
import type { SnapshotFile } from '../fleet/index.ts'
import { arrivalColumn, type PartitionSpan } from '../spec/index.ts'
import type { KeptShape } from './kept-shape.ts'
import { rowNumber } from './relation.ts'

/*
 * Files of rows that Muster keeps: one or a few for each span of event time, sorted by entity and
 * time, so that reading one entity or one month touches little. A file is never changed.
 */

/** A file in the scratch folder of a writer, about to be part of a snapshot. */
export interface WrittenFile {
  readonly file: SnapshotFile & { readonly partitionMs: number }
  readonly path: string
}

/** All columns of a file: the row's number, what was sent, and when it became known. */
export function fileColumns(shape: KeptShape): readonly Column[] {
  return [{ name: rowNumber, type: 'INTEGER' }, ...snapshotColumns(shape)]
}

/** What a snapshot of the source shows. */
export function snapshotColumns(shape: KeptShape): readonly Column[] {
  return [...shape.columns, { name: arrivalColumn, type: 'TIMESTAMP' }]
}

/** First moment of the span that the row's event time lies in, as milliseconds. */
function partitionSql(shape: KeptShape): string {
  const time = `cast(${quoted(shape.eventTime)} as timestamp)`
  return `epoch_ms(date_trunc('${shape.span}', ${time}))`
}

const labelLengths: Readonly<Record<PartitionSpan, number>> = {
  hour: 13,
  day: 10,
  month: 7,
  year: 4,
}

/** Writes the rows of a table of the writer, which has `fileColumns`, into one file a partition. */
export async function writePartitions(
  writer: Writer,
  table: string,
  shape: KeptShape,
): Promise<readonly WrittenFile[]> {
  const partition = partitionSql(shape)
  const found = await writer.rows<{ ms: bigint }>(
    `select distinct ${partition}::bigint as ms from ${table} order by ms`,
  )
  const written: WrittenFile[] = []
  for (const { ms } of found) {
    const where = found.length === 1 ? '' : `where ${partition} = ${ms}`
    written.push(await writeFile(writer, `select * from ${table} ${where}`, shape, Number(ms)))
  }
  return written
}

/** Writes what a SELECT gives, which is of one partition and has rows, in the order of a file. */
export async function writeFile(
  writer: Writer,
  select: string,
  shape: KeptShape,
  partitionMs: number,
  name = `${partitionMs}.parquet`,
): Promise<WrittenFile> {
  const path = join(writer.folder, name)
  const columns = fileColumns(shape).map(c => quoted(c.name))
  const order = [...shape.key, shape.eventTime, rowNumber].map(quoted)
  // With the name of the source in it, no file is also one of another source: what is erased from
  // one is not missed in the other.
  await writer.run(
    `copy (select ${columns.join(', ')} from (${select}) order by ${order.join(', ')})
     to ${literal(path)}
     (format parquet, compression zstd, kv_metadata {source: ${literal(shape.source)}})`,
  )
  const [facts] = await writer.rows<{ rows: bigint; from: number }>(
    `select count(*) as rows, min(${quoted(rowNumber)}) as "from" from read_parquet(${literal(path)})`,
  )
  const label = new Date(partitionMs).toISOString().slice(0, labelLengths[shape.span])
  const file = {
    path: `${label.replace('T', '-')}/${facts!.from}.parquet`,
    format: 'parquet' as const,
    digest: await digestOfPath(path),
    sizeBytes: (await stat(path)).size,
    rows: Number(facts!.rows),
    partitionMs,
  }
  return { file, path }
}

/** Of the bytes of a file. */
export async function digestOfPath(path: string): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return `sha256:${hash.digest('hex')}` as Digest
}

/** Names and types of the columns of a Parquet file. */
export async function columnsOfParquet(writer: Writer, path: string): Promise<readonly Column[]> {
  const rows = await writer.rows<{ column_name: string; column_type: string }>(
    `describe select * from read_parquet(${literal(path)})`,
  )
  return rows.map(row => ({ name: row.column_name, type: row.column_type }))
}
