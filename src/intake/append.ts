import { digestOfPath, type KeptShape, keptShape } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { type PushedBatch, putBatch, type Sql } from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { appended, grown, writeRows } from './grow.ts'
import { checkPushed, earlier, type IncomingRows, numbered, openIncoming } from './incoming.ts'
import { commitGrowth, readTip, storeFiles, untilStill } from './tip.ts'

/** What an append left. */
export interface Appended {
  readonly rows: number
  /** Whether this delivery was taken before: then nothing has changed. */
  readonly again: boolean
}

/**
 * Takes a file of any size in, straight into a commit: no row is in a snapshot before all are.
 * Throws E_DATA_SCHEMA, E_DATA_CORRUPT, E_EVENT_TIME, E_DUPLICATE_KEY, E_IDEMPOTENCY, E_TOO_LARGE,
 * E_SOURCE.
 */
export async function appendRows(
  source: SourceSpec,
  rows: IncomingRows,
  at: IntakeAt,
): Promise<Appended> {
  checkPushed(source)
  const digest = await digestOfPath(rows.path)
  const before = await earlier(at.store, source, rows, digest)
  if (before) return { rows: before.rows, again: true }
  const shape = await keptShape(source, at.blobs.scratch)
  const count = await appendFile(source, shape, rows, at, {
    isDone: async sql => (await earlier(sql, source, rows, digest)) !== undefined,
    record: (sql, batch) => putBatch(sql, batch, null),
  })
  return { rows: count, again: false }
}

/** What makes an append happen once. */
export interface AppendOnce {
  /** Whether somebody else has appended the same meanwhile. */
  isDone(sql: Sql): Promise<boolean>
  /** In the transaction of the commit: says that it is done, or false when it was already. */
  record(sql: Sql, batch: PushedBatch): Promise<boolean>
}

/** Appends the rows of a file. Gives how many there were. */
export async function appendFile(
  source: SourceSpec,
  shape: KeptShape,
  incoming: IncomingRows,
  at: IntakeAt,
  once: AppendOnce,
): Promise<number> {
  await using opened = await openIncoming(source, shape, incoming, at)
  const digest = await digestOfPath(incoming.path)
  const found = await numbered(opened, shape, incoming, digest, at)
  if (found === undefined) return 0
  return await untilStill(source, async () => {
    const rows = await writeRows(opened.writer, found.relation, shape)
    await storeFiles(source, rows.written, at)
    const outcome = await untilStill(source, async () => {
      const tip = await readTip(source, shape, at.store)
      if (await once.isDone(at.store)) return 'recorded'
      const done = await commitGrowth(source, shape, tip, at, {
        parts: grown(tip.snapshot, rows),
        change: appended(tip.snapshot, rows),
        written: rows.written,
        also: sql => once.record(sql, found.batch),
      })
      return done === 'moved' ? undefined : done
    })
    return outcome === 'lost' ? undefined : rows.rows
  })
}
