import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { literal, openWriter, quoted, type Writer } from '../engine/index.ts'
import { fileColumns, type KeptShape } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { forgetBatches, type Sql, settleBatches, waitingBatches } from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { appended, grown, writeRows } from './grow.ts'
import { commitGrowth, readTip, storeFiles, untilStill } from './tip.ts'

/** So many batches become files at once; what waits beyond them follows in the next commit. */
const flushMost = { batches: 1_000, sizeBytes: 256 * 1_048_576 }
/** For so long a delivery can be repeated without effect. */
const keysKeptMs = 7 * 86_400_000

/** Puts all pushed rows that wait into files of new snapshots. */
export async function flushPushed(
  source: SourceSpec,
  shape: KeptShape,
  at: IntakeAt,
): Promise<void> {
  let left = true
  while (left) left = await untilStill(source, () => flushOnce(source, shape, at))
}

/** Whether more may wait; undefined when another process flushed meanwhile. */
async function flushOnce(
  source: SourceSpec,
  shape: KeptShape,
  at: IntakeAt,
): Promise<boolean | undefined> {
  const tip = await readTip(source, shape, at.store)
  const batches = await waitingBatches(at.store, source.name, flushMost)
  if (batches.length === 0) return false
  await using writer = await openWriter({ allowedPaths: [], scratch: at.blobs.scratch })
  await defineWaiting(writer, shape, batches)
  const rows = await writeRows(writer, 'waiting', shape)
  await storeFiles(source, rows.written, at)
  const numbers = batches.map(batch => batch.number)
  const settle = async (sql: Sql) => {
    if (!(await settleBatches(sql, source.name, numbers))) return false
    await forgetBatches(sql, source.name, new Date(at.clock.now().getTime() - keysKeptMs))
    return true
  }
  const outcome = await commitGrowth(source, shape, tip, at, {
    parts: grown(tip.snapshot, rows),
    change: appended(tip.snapshot, rows),
    written: rows.written,
    also: settle,
  })
  return outcome === 'recorded' ? true : undefined
}

async function defineWaiting(
  writer: Writer,
  shape: KeptShape,
  batches: readonly { readonly number: number; readonly bytes: Buffer }[],
): Promise<void> {
  const paths: string[] = []
  for (const { number, bytes } of batches) {
    const path = join(writer.folder, `waiting-${number}.parquet`)
    await writeFile(path, bytes)
    paths.push(path)
  }
  const columns = fileColumns(shape).map(c => quoted(c.name))
  await writer.run(
    `create view waiting as select ${columns.join(', ')}
     from read_parquet([${paths.map(literal).join(', ')}])`,
  )
}
