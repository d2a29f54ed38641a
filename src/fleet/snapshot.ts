import type { Digest } from '../base/digest.ts'

export interface SnapshotFile {
  /** As the source spells it: relative, or package/path. For people; bytes are read by digest. */
  readonly path: string
  readonly format: 'parquet' | 'csv'
  readonly digest: Digest
  readonly sizeBytes: number
  readonly rows: number
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
  readonly rows: number
  /** Range of event time, or null when the source declares none or has no rows. */
  readonly fromMs: number | null
  readonly toMs: number | null
}
