import type { Snapshot } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import type { IntakeAt } from './at.ts'

/** Rows on their way in: a file that is not Muster's yet, usually in `blobs.scratch`. */
export interface IncomingRows {
  readonly path: string
  readonly format: 'parquet' | 'csv' | 'jsonl'
  /** `event`: history, known when it happened; `arrival`: known from now on. */
  readonly knownAt: 'arrival' | 'event'
  /** A delivery with the key of an earlier one and the same content has no effect. */
  readonly idempotencyKey?: string
}

/** What the sender is told once the rows are durable. */
export interface Pushed {
  readonly batch: number
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
}

/**
 * Takes a bounded batch in: durable and numbered when the promise resolves, part of a snapshot at
 * the next look. Throws E_DATA_SCHEMA, E_EVENT_TIME, E_DUPLICATE_KEY, E_IDEMPOTENCY, E_TOO_LARGE, E_BUSY.
 */
export async function pushRows(
  _source: SourceSpec,
  _rows: IncomingRows,
  _at: PushAt,
): Promise<Pushed> {
  throw new Error('being built')
}
