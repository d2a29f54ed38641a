import type { Digest } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'

/** Why a member has no version. Closed: every code has its sentence here. */
export const fitFailures = {
  'no-training-rows': 'no row falls in the training span',
  'too-few-rows': 'fewer training rows than the pipeline needs',
  'constant-label': 'the label has one value only in the training span',
  singular: 'the normal equations have no solution',
  'not-finite': 'the fit gave a number that is not finite',
  'not-converged': 'the fit did not settle within its passes',
  'parent-failed': 'no ancestor was fitted to lean on',
  parity: 'the graph does not reproduce the fit within 1e-5',
} as const
export type FitFailure = keyof typeof fitFailures

export type FitRow =
  | {
      readonly name: ModelName
      readonly state: 'fitted'
      /** Row in the pack. */
      readonly row: number
      readonly trainRows: number
      /**
       * Rows of the training span left out because a feature without imputation, or the label, was
       * missing.
       */
      readonly droppedRows: number
      /** Chosen or declared; undefined where the pipeline has none. */
      readonly penalty?: number
      /** Where the penalty comes from: `best of 7, 5 folds`, `declared`. */
      readonly penaltyFrom?: string
      readonly passes?: number
      /** Largest relative difference between fit and graph on the sampled rows. */
      readonly parityError: number
      /**
       * Naive baseline for this member: mean (or base rate) of the label over its training rows.
       */
      readonly baseline: number
    }
  | {
      readonly name: ModelName
      readonly state: 'failed'
      readonly code: FitFailure
      readonly because: string
      readonly trainRows: number
    }

/** What a fit step leaves behind, as a JSON blob. */
export interface FitOutput {
  readonly graph: Digest
  /** The parameters of the fitted, as a pack. See `registry/pack.ts`. */
  readonly pack: Digest
  readonly members: readonly FitRow[]
  /**
   * What training saw of each feature of the view, in their order: of the root's rows, and so of
   * the whole family's. The trunk has them; null for a feature that the fit does not read.
   */
  readonly ranges?: readonly (FeatureRange | null)[]
  /** Of the trunk: the first day of each fold but the first, in days since 1970-01-01, UTC. */
  readonly foldDays?: readonly number[]
  /**
   * Of the trunk: by part of the frame, what it leaves of the rows for the leaves. Absent when they
   * are to read their rows themselves. See `pipelines/left-moments.ts`.
   */
  readonly leafMoments?: readonly Digest[]
  /** Of the trunk: by category feature, what the codes in the graph stand for. */
  readonly categories?: Readonly<Record<string, readonly string[]>>
  /**
   * Of the trunk of a view with `target`: float32 [folds, width], the parameter row by which the
   * rows of each fold are read in training, without weights. See `pipelines/coordinates.ts`.
   */
  readonly outOfFold?: Digest
}

/** The least and the largest value of a feature, both seen; missing values do not count. */
export interface FeatureRange {
  readonly min: number
  readonly max: number
}
