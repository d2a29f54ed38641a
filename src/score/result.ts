import type { Digest } from '../base/digest.ts'
import type { ScoreCounts, ScoredPart, ScoreFile, ScoreTable, Unscored } from '../fleet/index.ts'

/** What a score leaves when it has ended; recorded with it. */
export interface ScoreResult {
  readonly counts: ScoreCounts
  /** Rows of the view that belong to nobody, for a null in their key; of the whole frame. */
  readonly rowsWithoutKey: number
  readonly parts: number
  readonly failed: readonly FailedPart[]
  /** To be fetched, in their order; empty when the rows went into a table. */
  readonly files: readonly (ScoreFile & { readonly file: Digest })[]
  readonly table: ScoreTable | null
}

export interface FailedPart {
  readonly part: number
  readonly code: string
  readonly because: string
}

export function countsOfParts(parts: readonly ScoredPart[]): ScoreCounts {
  const byDepth: number[] = []
  const unscored: Partial<Record<Unscored, number>> = {}
  let rows = 0
  for (const { counts } of parts) {
    rows += counts.rows
    for (const [depth, n] of counts.byDepth.entries()) byDepth[depth] = (byDepth[depth] ?? 0) + n
    for (const [why, n] of Object.entries(counts.unscored)) {
      unscored[why as Unscored] = (unscored[why as Unscored] ?? 0) + n
    }
  }
  return { rows, byDepth, unscored }
}
