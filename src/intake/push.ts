import type { HeldRows } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import type { IntakeAt } from './at.ts'
import type { JoinedRows } from './numbered-rows.ts'

/* What a small delivery is, and what its sender and its readers are told: see `Deliveries`. */

/** A delivery of rows, whole in memory. */
export interface PushedRows {
  readonly bytes: Uint8Array
  readonly format: 'jsonl' | 'arrow'
  /** `event`: history, known when it happened; `arrival`: known from now on. */
  readonly knownAt: 'arrival' | 'event'
  /** A delivery with the key of an earlier one and the same content has no effect. */
  readonly idempotencyKey?: string | undefined
}

/** What the sender is told once the rows are durable. */
export interface Pushed {
  /** Number of the delivery; null when it had no rows. */
  readonly batch: number | null
  readonly rows: number
  /** Whether this delivery was taken before: then nothing has changed. */
  readonly again: boolean
}

/** Rows that have just become durable together. */
export interface AcceptedRows {
  readonly source: SourceSpec
  readonly columns: HeldRows['columns']
  readonly rows: JoinedRows
}

export type PushAt = IntakeAt & {
  /** Called when rows are durable and before their senders are answered; never throws. */
  readonly pushed?: (rows: AcceptedRows) => Promise<void>
  readonly log?: (line: string) => void
}

/** A delivery is held in memory; larger loads are appended from a file. */
export const pushBytesMax = 32 * 1_048_576
export const pushRowsMax = 100_000
