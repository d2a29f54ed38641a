import { readFile, stat } from 'node:fs/promises'
import { MusterError } from '../base/errors.ts'
import type { Snapshot } from '../fleet/index.ts'
import { digestOfPath, type KeptShape, keptShape, keptSnapshotOf } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { backlogOf, type PushedBatch, putBatch, type Sql } from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { flushPushed } from './flush.ts'
import {
  agrees,
  checkPushed,
  earlier,
  type IncomingRows,
  numbered,
  type Opened,
  openIncoming,
} from './incoming.ts'
import type { PushWriters } from './push-writers.ts'

/*
 * A stream of small deliveries. Each is durable when it is answered: in PostgreSQL, whose log is
 * synced once for many; a file each would be a thousand little files. They become files of a
 * snapshot together, at the next look or when many wait.
 */

/** What the sender is told once the rows are durable. */
export interface Pushed {
  /** Number of the delivery; null when it had no rows. */
  readonly batch: number | null
  readonly rows: number
  /** Whether this delivery was taken before: then nothing has changed. */
  readonly again: boolean
}

/** Rows that were just pushed, as a snapshot of their own, for `defineSource`. */
export interface AcceptedRows {
  readonly source: SourceSpec
  /** Of one file, with the numbers and known-at times that the rows keep. */
  readonly snapshot: Snapshot
  /** The file's path by its digest; it lives as long as the listener works. */
  readonly paths: ReadonlyMap<string, string>
}

export type PushAt = IntakeAt & {
  /** Called when the rows are durable and before their sender is answered. */
  readonly pushed?: (rows: AcceptedRows) => Promise<void>
  /** Writers that stay open; without them each delivery opens its own. */
  readonly pushWriters?: PushWriters
}

/** A delivery is held in memory and in one statement; larger loads are appended from a file. */
export const pushBytesMax = 32 * 1_048_576
export const pushRowsMax = 100_000
/** Every so many batches, who pushed the last of them puts them into files. */
const flushEvery = 200
/** More waiting than this means that flushing fails: better refused than lost in a full disk. */
const backlogMax = { batches: 2_000, sizeBytes: 512 * 1_048_576 }

/**
 * Takes a bounded batch in: durable and numbered when the promise resolves, part of a snapshot at
 * the next look. Throws E_DATA_SCHEMA, E_DATA_CORRUPT, E_EVENT_TIME, E_DUPLICATE_KEY,
 * E_IDEMPOTENCY, E_TOO_LARGE, E_BUSY, E_SOURCE.
 */
export async function pushRows(
  source: SourceSpec,
  rows: IncomingRows,
  at: PushAt,
): Promise<Pushed> {
  checkPushed(source)
  const { size } = await stat(rows.path)
  if (size > pushBytesMax) throw tooLarge(`${size} bytes; ${pushBytesMax} is the most`)
  const digest = await digestOfPath(rows.path)
  const before = await earlier(at.store, source, rows, digest)
  if (before) return { batch: before.number, rows: before.rows, again: true }
  await checkBacklog(source, at.store)
  const shape = await keptShape(source, at.blobs.scratch)
  await using opened = await openDelivery(source, shape, rows, at)
  const found = await numbered(opened, shape, rows, digest, at)
  if (found === undefined) return { batch: null, rows: 0, again: false }
  const { batch, relation } = found
  if (batch.rows > pushRowsMax) throw tooLarge(`${batch.rows} rows; ${pushRowsMax} is the most`)
  const path = await opened.writer.parquet(`from ${relation}`, opened.batchName)
  if (!(await putBatch(at.store, batch, await readFile(path)))) {
    // The same delivery came twice at once, and the other was faster.
    const other = (await earlier(at.store, source, rows, digest))!
    return { batch: other.number, rows: other.rows, again: true }
  }
  await at.pushed?.(await acceptedRows(source, shape, batch, path))
  if (batch.number % flushEvery === 0) await flushPushed(source, shape, at)
  return { batch: batch.number, rows: batch.rows, again: false }
}

async function openDelivery(
  source: SourceSpec,
  shape: KeptShape,
  rows: IncomingRows,
  at: PushAt,
): Promise<Opened & { readonly batchName: string }> {
  if (at.pushWriters !== undefined && !agrees(rows, shape)) {
    const lent = await at.pushWriters.lend(rows.path)
    return { ...lent, loaded: [] }
  }
  return { ...(await openIncoming(source, shape, rows, at)), batchName: 'batch.parquet' }
}

function tooLarge(what: string): MusterError {
  return new MusterError('E_TOO_LARGE', `the delivery has ${what}`, {
    hint: 'send several, or load the file: muster data append SOURCE FILE',
  })
}

async function checkBacklog({ name }: SourceSpec, sql: Sql): Promise<void> {
  const { batches, sizeBytes } = await backlogOf(sql, name)
  if (batches < backlogMax.batches && sizeBytes < backlogMax.sizeBytes) return
  throw new MusterError('E_BUSY', `${batches} deliveries to \`${name}\` wait to be stored`, {
    hint: 'send it again later; if this stays, see: muster doctor',
    extra: { retryAfterSeconds: 5 },
  })
}

async function acceptedRows(
  source: SourceSpec,
  shape: KeptShape,
  { rows, rowFrom }: PushedBatch,
  path: string,
): Promise<AcceptedRows> {
  const digest = await digestOfPath(path)
  const { size: sizeBytes } = await stat(path)
  const file = { path: 'pushed', format: 'parquet' as const, digest, sizeBytes, rows }
  const parts = { files: [file], fromMs: null, toMs: null, rowNumbersTo: rowFrom + rows }
  return { source, snapshot: keptSnapshotOf(shape, parts), paths: new Map([[digest, path]]) }
}
