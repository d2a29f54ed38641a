import { must } from '../../base/assert.ts'
import type { RidgeParameters } from '../../spec/index.ts'
import { SymmetricSolver, symmetricTimes } from '../cholesky.ts'
import {
  type FitGround,
  type Fitter,
  groupsWithin,
  type HeadFit,
  type MemberToFit,
  slotsFor,
} from '../fitter.ts'
import { type ChosenPenalty, PenaltyChoice } from '../lean.ts'
import { MomentScan, type MomentTable } from '../moment-table.ts'
import { type MomentShape, momentShape } from '../moments.ts'
import { type FoldMoments, sumBlocks } from '../penalty.ts'
import type { LevelGroups } from '../tree.ts'

/*
 * Ridge regression (Hoerl and Kennard, 1970) towards the parent instead of zero, in closed form
 * from sufficient statistics: Z'Z and Z'y of every group of the deepest level, by fold, in one
 * pass over the rows. Statistics of higher levels are the sums of those below. Nothing is read
 * again for another penalty, fold or level.
 */

export class RidgeFits implements Fitter<RidgeParameters> {
  readonly #ground: FitGround<RidgeParameters>
  readonly #shape: MomentShape
  readonly #table: MomentTable
  readonly #solver: SymmetricSolver
  readonly #choice: PenaltyChoice
  /** The sum of a member's folds. */
  readonly #total: Float64Array

  constructor(ground: FitGround<RidgeParameters>) {
    this.#ground = ground
    this.#shape = momentShape(ground.layout.columns)
    this.#solver = new SymmetricSolver(this.#shape.size)
    this.#choice = new PenaltyChoice(this.#shape, ground.training.folds, this.#solver)
    this.#total = new Float64Array(this.#shape.length)
    this.#table = ground.moments ?? scanMoments(ground, this.#shape)
  }

  fitLevel(
    level: LevelGroups,
    members: readonly MemberToFit<RidgeParameters>[],
  ): readonly HeadFit[] {
    const { size } = this.#shape
    const blocks = new Float64Array(this.#ground.training.folds * this.#shape.length)
    const momentsOf = (member: MemberToFit<RidgeParameters>) => () =>
      this.#momentsAtParent(level, member, blocks)
    const chosen = this.#choice.choose(
      members.map(member => ({
        parameters: member.parameters,
        penalised: member.parent ? size : size - 1,
        moments: momentsOf(member),
      })),
    )
    return members.map((member, m) =>
      this.#fit(member, momentsOf(member)(), must(chosen[m], 'each member has its penalty')),
    )
  }

  #fit(member: MemberToFit<RidgeParameters>, moments: FoldMoments, chosen: ChosenPenalty): HeadFit {
    const { size, g, length } = this.#shape
    const { parent } = member
    const total = sumBlocks(moments, this.#ground.training.folds, length, this.#total)
    const head = total.slice(g, g + size)
    if (!this.#solver.solve(total, 0, chosen.penalty, parent ? size : size - 1, head)) {
      return { failed: 'singular' }
    }
    if (parent) for (let i = 0; i < size; i++) head[i] = head[i]! + parent[i]!
    return { head, ...chosen }
  }

  #momentsAtParent(
    level: LevelGroups,
    member: MemberToFit<RidgeParameters>,
    blocks: Float64Array,
  ): FoldMoments {
    this.#sumOf(level, member.group, blocks)
    if (member.parent) moveTo(member.parent, this.#shape, this.#ground.training.folds, blocks)
    return { blocks, at: 0 }
  }

  /** The statistics of a member: its own at the deepest level, else the sums of those below it. */
  #sumOf(level: LevelGroups, group: number, out: Float64Array): void {
    out.fill(0)
    const { slots, blocks } = this.#table
    const within = groupsWithin(this.#ground.deepest, level, group)
    for (let child = within.from; child < within.to; child++) {
      const slot = slots[child]!
      if (slot < 0) continue
      for (let i = 0, k = slot * out.length; i < out.length; i++) out[i] = out[i]! + blocks[k++]!
    }
  }
}

/** One pass over the rows that the step has read. */
function scanMoments(ground: FitGround<RidgeParameters>, shape: MomentShape): MomentTable {
  const { training, deepest } = ground
  const { slots, count } = slotsFor(ground.wanted)
  const blocks = new Float64Array(count * training.folds * shape.length)
  const scan = new MomentScan(ground, shape)
  for (const part of training.parts) scan.add(part, leaf => slots[deepest.ofLeaf[leaf]!]!, blocks)
  return { slots, blocks }
}

/** Turns Z'y into Z'(y - Z parent): the gradient at the parent's coefficients. */
function moveTo(
  parent: Float64Array,
  shape: MomentShape,
  folds: number,
  blocks: Float64Array,
): void {
  const explained = new Float64Array(shape.size)
  for (let fold = 0; fold < folds; fold++) {
    const at = fold * shape.length
    symmetricTimes(blocks, at, parent, shape.size, explained)
    for (let i = 0; i < shape.size; i++) {
      blocks[at + shape.g + i] = blocks[at + shape.g + i]! - explained[i]!
    }
  }
}
