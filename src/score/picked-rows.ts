import type { FrameRows } from '../features/index.ts'
import type { FrameManifest, FramePart, ScoreInput } from '../fleet/index.ts'
import { isUnder } from './answering.ts'

/** The rows of a part that are scored: their place in the part, and the leaf of each. */
export interface PickedRows {
  readonly rows: number
  readonly at: Int32Array
  /** Counted from the first leaf of the part. */
  readonly leaf: Int32Array
}

/** `where` has a value a row of the part: 1 where the expression is true. */
export function pickRows(
  input: Pick<ScoreInput & { kind: 'score' }, 'span' | 'under'>,
  manifest: Pick<FrameManifest, 'leafKeys' | 'leafRows'>,
  part: FramePart,
  data: Pick<FrameRows, 'eventMs'>,
  where: Float64Array | undefined,
): PickedRows {
  const at = new Int32Array(part.rows)
  const leafOf = new Int32Array(part.rows)
  const fromMs = input.span.fromMs ?? Number.NEGATIVE_INFINITY
  const toMs = input.span.toMs ?? Number.POSITIVE_INFINITY
  let rows = 0
  for (let leaf = part.leafFrom, end = 0; leaf < part.leafTo; leaf++) {
    const from = end
    end += manifest.leafRows[leaf]!
    if (!isUnder(manifest, leaf, input.under)) continue
    for (let r = from; r < end; r++) {
      const ms = data.eventMs[r]!
      if (!(ms >= fromMs && ms < toMs) || (where && where[r] !== 1)) continue
      at[rows] = r
      leafOf[rows++] = leaf - part.leafFrom
    }
  }
  return { rows, at: at.subarray(0, rows), leaf: leafOf.subarray(0, rows) }
}
