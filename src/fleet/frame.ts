import type { Digest } from '../base/digest.ts'

/**
 * The raw features of every row of a view over one snapshot, before any transform: rows sorted by
 * leaf, then by event time, then by row number, so that every member of every level is one
 * contiguous range. Split into parts of whole leaves. A part is an Arrow IPC file with `event_ms`
 * (Float64) and one Float32 column a feature, in order; NaN is missing. Rows with a null in the key
 * are left out, and counted.
 */
export interface FrameManifest {
  readonly view: string
  readonly key: readonly string[]
  readonly features: readonly string[]
  readonly rows: number
  readonly rowsWithoutKey: number
  /** `leafKeys[k][leaf]` is the value of key column k, as text. Leaves are sorted by it. */
  readonly leafKeys: readonly (readonly string[])[]
  readonly leafRows: readonly number[]
  readonly parts: readonly FramePart[]
  /**
   * Of features that are categories: the distinct texts of the frame's rows, sorted by their UTF-8
   * bytes. The column holds the place of the text in this list; NaN is missing.
   */
  readonly categories?: Readonly<Record<string, readonly string[]>>
  /** By group: its rows in which an entity column is null, so that they belong to nobody. */
  readonly rowsWithoutEntity?: Readonly<Record<string, number>>
}

export interface FramePart {
  readonly digest: Digest
  /** Leaves [leafFrom, leafTo). */
  readonly leafFrom: number
  readonly leafTo: number
  /** First row in the order of the whole frame. */
  readonly rowFrom: number
  readonly rows: number
}

/**
 * The label of every row of a frame, in its order and parts: Arrow IPC files with `label` (Float64,
 * NaN for null).
 */
export interface LabelManifest {
  readonly frame: Digest
  readonly label: string
  /** Whether the label is true/false (then 1 and 0). */
  readonly binary: boolean
  readonly parts: readonly Digest[]
  /**
   * How far after its event a label looks, where it does. A row whose label looks past the end of a
   * span is not of that span: else one would be trained on what another is judged on.
   */
  readonly horizonMs?: number
}
