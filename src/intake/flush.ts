import { setImmediate } from 'node:timers/promises'
import { openWriter } from '../engine/index.ts'
import { heldRowsOf, type KeptShape } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import {
  forgetBatches,
  type Sql,
  settleBatches,
  type WaitingBatch,
  waitingBatches,
} from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { appended, grown, writeRows } from './grow.ts'
import { loadRows, makeRowsTable } from './numbered-rows.ts'
import { commitGrowth, readTip, storeFiles, untilStill } from './tip.ts'

/**
 * So many batches become files at once, for they are in memory then; what waits beyond them follows
 * in the next commit.
 */
const flushMost = { batches: 20_000, sizeBytes: 16 * 1_048_576 }
/** Of them so many are read at once, in about two milliseconds. */
const pieceMost = { batches: 64, sizeBytes: 128 * 1_024 }
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
  // One thread: who pushes and who reads are to have the other.
  await using writer = await openWriter({
    allowedPaths: [],
    scratch: at.blobs.scratch,
    threads: 1,
  })
  await makeRowsTable(writer, 'waiting', shape)
  for (const some of piecesOf(batches)) {
    const rows = some.map(({ bytes, ...batch }) => ({ ...batch, held: heldRowsOf(bytes) }))
    await loadRows(writer, 'waiting', shape, rows)
    await setImmediate() // Requests are answered in between.
  }
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

/** In order; a piece has one batch, or no more than both bounds. */
function* piecesOf(batches: readonly WaitingBatch[]): Generator<readonly WaitingBatch[]> {
  let [from, sizeBytes] = [0, 0]
  for (const [at, { bytes }] of batches.entries()) {
    const isFull = at - from >= pieceMost.batches || sizeBytes + bytes.length > pieceMost.sizeBytes
    if (isFull && at > from) {
      yield batches.slice(from, at)
      from = at
      sizeBytes = 0
    }
    sizeBytes += bytes.length
  }
  yield batches.slice(from)
}
