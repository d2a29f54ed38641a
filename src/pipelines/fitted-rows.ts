import type { TrainingPart } from './training.ts'
import type { LevelGroups } from './tree.ts'

/** Some leaves of a part: [leafFrom, leafTo), counted as in the frame. */
export interface LeafRange {
  readonly part: TrainingPart
  readonly leafFrom: number
  readonly leafTo: number
}

/** The training rows that something is fitted on. */
export interface FittedRows {
  readonly ranges: readonly LeafRange[]
  readonly folds: number
}

/** All rows of some parts. */
export function rowsOfParts(parts: readonly TrainingPart[], folds: number): FittedRows {
  return {
    ranges: parts.map(part => ({ part, leafFrom: part.leafFrom, leafTo: part.leafTo })),
    folds,
  }
}

/** The rows of a group, which may lie in several parts. */
export function rowsOfGroup(
  parts: readonly TrainingPart[],
  folds: number,
  level: LevelGroups,
  group: number,
): FittedRows {
  const ranges = parts.flatMap(part => {
    const leafFrom = Math.max(level.leafStart[group]!, part.leafFrom)
    const leafTo = Math.min(level.leafStart[group + 1]!, part.leafTo)
    return leafFrom < leafTo ? [{ part, leafFrom, leafTo }] : []
  })
  return { ranges, folds }
}

/**
 * Visits rows [from, to) of parts: those of each fold of each leaf alone with `byFold`; else at
 * once, and then fold and leaf are the first.
 */
export function eachRun(
  ranges: readonly LeafRange[],
  folds: number,
  byFold: boolean,
  visit: (part: TrainingPart, from: number, to: number, fold: number, leaf: number) => void,
): void {
  for (const { part, leafFrom, leafTo } of ranges) {
    const { foldStart } = part
    const first = (leafFrom - part.leafFrom) * folds
    const end = (leafTo - part.leafFrom) * folds
    if (!byFold) {
      visit(part, foldStart[first]!, foldStart[end]!, 0, leafFrom)
      continue
    }
    for (let k = first; k < end; k++) {
      const leaf = part.leafFrom + Math.floor(k / folds)
      visit(part, foldStart[k]!, foldStart[k + 1]!, k % folds, leaf)
    }
  }
}
