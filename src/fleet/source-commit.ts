import type { Digest } from '../base/digest.ts'

/** What brought a snapshot about. */
export type SourceChange =
  /** The files, the bucket or the table as it was found. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'append'; readonly rows: number; readonly late: number }
  | { readonly kind: 'delete'; readonly rows: number; readonly entities: number }
  | { readonly kind: 'compact'; readonly filesBefore: number; readonly filesAfter: number }
  | { readonly kind: 'release'; readonly rows: number }

/** What an expectation found. */
export interface Finding {
  /** Number of the expectation in the source's `expect`. */
  readonly index: number
  readonly onFail: 'reject' | 'quarantine' | 'warn'
  /** Digest of what the expectation asks: a changed one is asked anew. */
  readonly of: Digest
  /** `value between 0 and 100`. */
  readonly expected: string
  readonly holds: boolean
  /** Rows at fault; of the whole source: 0 or 1. */
  readonly count: number
  /** What was seen, with numbers: `12 of 4,000 rows; the first is 250 in row 17`. */
  readonly because: string
  /** Of a quarantine: the rows that it sets aside; a Parquet file of their numbers, INTEGER. */
  readonly rows?: Digest
}

/**
 * One entry of a source's history: a snapshot that was looked at, why it came about and what the
 * expectations said. Only accepted ones are trained on. Never changed, never deleted.
 */
export interface SourceCommit {
  /** Grows through all sources. */
  readonly number: number
  readonly source: string
  readonly snapshot: Digest
  /** The commit before it of the same source; null for the first. */
  readonly parent: number | null
  readonly change: SourceChange
  readonly outcome: 'accepted' | 'rejected'
  readonly findings: readonly Finding[]
  /** Digest of the JSON of a `SnapshotProfile`; null while none was made. */
  readonly profile: Digest | null
  readonly at: Date
}
