import type { Digest } from '../base/digest.ts'

export interface SnapshotFile {
  /** As the source spells it: relative, or package/path. For people; bytes are read by digest. */
  readonly path: string
  readonly format: 'parquet' | 'csv'
  readonly digest: Digest
  readonly sizeBytes: number
  readonly rows: number
  /** Of a file that Muster wrote itself: the first moment of its span of event time, UTC. */
  readonly partitionMs?: number
}

/**
 * The rows of a source at one moment: a manifest of immutable files. Training is always against a
 * snapshot, and the same snapshot gives the same bytes. Its id is the digest of files and columns,
 * so taking it twice gives one snapshot.
 */
export interface Snapshot {
  readonly id: Digest
  readonly source: string
  /** In order of path; rows are numbered through the files in this order, from 0. */
  readonly files: readonly SnapshotFile[]
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Rows that are read: without those that are set aside. */
  readonly rows: number
  /** Range of event time, or null when the source declares none or has no rows. */
  readonly fromMs: number | null
  readonly toMs: number | null
  /**
   * Of a source whose rows Muster keeps itself: one more than the largest number of a row. Such
   * rows carry their number, given once in order of arrival, in a column of their files, so
   * compaction and deletion change no tie between rows; those of deleted rows are not used again.
   */
  readonly rowNumbersTo?: number
  /**
   * Rows in quarantine: a Parquet file of one INTEGER column, the row number. `whole` is the
   * snapshot of the same files with all rows.
   */
  readonly setAside?: { readonly rows: number; readonly digest: Digest; readonly whole: Digest }
}

/** All row numbers of a snapshot are below this: the length of an array by row number. */
export function rowNumbersOf(snapshot: Snapshot): number {
  return snapshot.rowNumbersTo ?? snapshot.files.reduce((sum, file) => sum + file.rows, 0)
}
