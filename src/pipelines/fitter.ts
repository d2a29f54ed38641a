import type { FitFailure } from '../fleet/index.ts'
import type { RowLayout } from '../onnx/index.ts'
import { designMatrix } from '../onnx/index.ts'
import type { ViewFeature } from '../spec/index.ts'
import type { Coordinates } from './coordinates.ts'
import { eachRun } from './fitted-rows.ts'
import type { MomentTable } from './moment-table.ts'
import type { Training, TrainingPart } from './training.ts'
import type { LevelGroups } from './tree.ts'

/** What a pipeline fits from. */
export interface FitGround<Parameters> {
  readonly features: readonly ViewFeature[]
  readonly layout: RowLayout
  readonly coordinates: Coordinates
  readonly training: Training
  /** The deepest level that this step fits. */
  readonly deepest: LevelGroups
  /** Of the family, before overrides. */
  readonly parameters: Parameters
  /** 1 for groups of the deepest level whose own moments are needed: all, or the declared. */
  readonly wanted: Uint8Array
  /** Moments of the deepest level that were taken before; for a pipeline that fits from them. */
  readonly moments?: MomentTable | undefined
}

export interface MemberToFit<Parameters> {
  readonly group: number
  readonly parameters: Parameters
  /**
   * The head of the nearest fitted ancestor as it stands in its packed row; undefined for the
   * root.
   */
  readonly parent: Float64Array | undefined
}

/** `head`: weights and bias, or cells, in float64, in the order of the row layout. */
export type HeadFit =
  | {
      readonly head: Float64Array
      readonly penalty?: number
      readonly penaltyFrom?: string
      readonly passes?: number
    }
  | { readonly failed: FitFailure }

/** Fits all members of a level at once. Levels come from the top down. */
export interface Fitter<Parameters> {
  fitLevel(level: LevelGroups, members: readonly MemberToFit<Parameters>[]): readonly HeadFit[]
}

/** The design matrix of a whole part: row-major, float64; zeros for rows of nobody. */
export function designOf(
  ground: Pick<FitGround<unknown>, 'features' | 'layout' | 'coordinates' | 'training'>,
  part: TrainingPart,
): Float64Array {
  const { features, layout, coordinates, training } = ground
  const z = new Float64Array(part.rows * layout.columns)
  const range = { part, leafFrom: part.leafFrom, leafTo: part.leafTo }
  const { shared } = coordinates
  eachRun([range], training.folds, shared === undefined, (_, from, to, fold, leaf) => {
    const row = shared ?? coordinates.trained(leaf, fold)
    if (row === undefined || from === to) return
    const own = z.subarray(from * layout.columns, to * layout.columns)
    designMatrix(features, layout, part.raw, row, from, to, own)
  })
  return z
}

/** The groups of `deepest` that lie within group `group` of `level`: [from, to). */
export function groupsWithin(
  deepest: LevelGroups,
  level: LevelGroups,
  group: number,
): { from: number; to: number } {
  const firstLeaf = level.leafStart[group]!
  const lastLeaf = level.leafStart[group + 1]! - 1
  return { from: deepest.ofLeaf[firstLeaf]!, to: deepest.ofLeaf[lastLeaf]! + 1 }
}

/** Slots for the wanted groups, counted from 0; -1 for the others. */
export function slotsFor(wanted: Uint8Array): { slots: Int32Array; count: number } {
  const slots = new Int32Array(wanted.length).fill(-1)
  let count = 0
  for (let group = 0; group < wanted.length; group++)
    if (wanted[group] === 1) slots[group] = count++
  return { slots, count }
}

/** The rows of a group within a part: leaves are contiguous, so one range. */
export function rowsWithin(
  part: TrainingPart,
  level: LevelGroups,
  group: number,
  folds: number,
): { from: number; to: number } {
  const first = Math.max(level.leafStart[group]!, part.leafFrom)
  const last = Math.min(level.leafStart[group + 1]!, part.leafTo)
  if (first >= last) return { from: 0, to: 0 }
  return {
    from: part.foldStart[(first - part.leafFrom) * folds]!,
    to: part.foldStart[(last - part.leafFrom) * folds]!,
  }
}
