import { must } from '../../base/assert.ts'
import type { LogisticParameters } from '../../spec/index.ts'
import { SymmetricSolver } from '../cholesky.ts'
import {
  designOf,
  type FitGround,
  type Fitter,
  type HeadFit,
  type MemberToFit,
  rowsWithin,
} from '../fitter.ts'
import { labelsOf } from '../leaf-counts.ts'
import { PenaltyChoice } from '../lean.ts'
import { addLogisticMoments, type MomentShape, momentShape } from '../moments.ts'
import { type FoldMoments, sumBlocks } from '../penalty.ts'
import type { TrainingPart } from '../training.ts'
import type { LevelGroups } from '../tree.ts'
import { Newton } from './newton.ts'

/*
 * Logistic regression towards the parent, by iteratively reweighted least squares (Newton's
 * method; Green, 1984), all members of a level in each pass over the rows. A member starts at its
 * parent's coefficients, so the first pass gives, by fold, both the first Newton step and what the
 * choice of the penalty needs: gradient and Hessian there. The choice is therefore made on the
 * quadratic expansion at the parent, which is exact where a member is near its parent, and that is
 * where the choice matters.
 */

interface PartDesign {
  readonly part: TrainingPart
  readonly z: Float64Array
}

export class LogisticFits implements Fitter<LogisticParameters> {
  readonly #ground: FitGround<LogisticParameters>
  readonly #shape: MomentShape
  readonly #designs: readonly PartDesign[]
  readonly #solver: SymmetricSolver
  readonly #choice: PenaltyChoice

  constructor(ground: FitGround<LogisticParameters>) {
    this.#ground = ground
    this.#shape = momentShape(ground.layout.columns)
    this.#solver = new SymmetricSolver(this.#shape.size)
    this.#choice = new PenaltyChoice(this.#shape, ground.training.folds, this.#solver)
    this.#designs = ground.training.parts.map(part => ({ part, z: designOf(ground, part) }))
  }

  fitLevel(
    level: LevelGroups,
    members: readonly MemberToFit<LogisticParameters>[],
  ): readonly HeadFit[] {
    const { size, length } = this.#shape
    const folds = this.#ground.training.folds
    const beta = new Float64Array(members.length * size)
    members.forEach((member, m) => {
      beta.set(member.parent ?? this.#startOfRoot(level, member.group), m * size)
    })
    const blocks = new Float64Array(members.length * folds * length)
    this.#firstPass(level, members, beta, blocks)
    const state = new Float64Array(members.length * length)
    const momentsOf = (m: number): FoldMoments => ({ blocks, at: m * folds * length })
    const penalised = (member: MemberToFit<LogisticParameters>): number =>
      member.parent ? size : size - 1
    const chosen = this.#choice.choose(
      members.map((member, m) => ({
        parameters: member.parameters,
        penalised: penalised(member),
        moments: () => momentsOf(m),
      })),
    )
    const newtons = members.map((member, m) => {
      sumBlocks(momentsOf(m), folds, length, state.subarray(m * length, (m + 1) * length))
      const views = {
        beta: beta.subarray(m * size, (m + 1) * size),
        block: state.subarray(m * length, (m + 1) * length),
        parent: member.parent ?? new Float64Array(size),
      }
      const { rows } = this.#labelsOf(level, member.group)
      return new Newton(this.#shape, this.#solver, views, {
        ...must(chosen[m], 'each member has its penalty'),
        penalised: penalised(member),
        rows,
      })
    })
    this.#settle(level, members, newtons, beta, state)
    return newtons.map(newton => newton.outcome())
  }

  /** Newton passes over the rows of all members that have not settled. */
  #settle(
    level: LevelGroups,
    members: readonly MemberToFit<LogisticParameters>[],
    newtons: readonly Newton[],
    beta: Float64Array,
    state: Float64Array,
  ): void {
    const { size, length } = this.#shape
    for (;;) {
      let open = 0
      newtons.forEach((newton, m) => {
        if (newton.settled) return
        newton.take(members[m]!.parameters.maxPasses)
        if (newton.settled) return
        open++
        state.fill(0, m * length, (m + 1) * length)
      })
      if (open === 0) return
      for (const { part, z } of this.#designs) {
        newtons.forEach((newton, m) => {
          if (newton.settled) return
          const rows = rowsWithin(part, level, members[m]!.group, this.#ground.training.folds)
          const { from, to } = rows
          addLogisticMoments(this.#shape, z, part.y, from, to, beta, m * size, state, m * length)
        })
      }
    }
  }

  /** Moments at the starting coefficients, by fold. */
  #firstPass(
    level: LevelGroups,
    members: readonly MemberToFit<LogisticParameters>[],
    beta: Float64Array,
    blocks: Float64Array,
  ): void {
    const { size, length } = this.#shape
    const folds = this.#ground.training.folds
    const memberOf = new Int32Array(level.leafStart.length - 1).fill(-1)
    members.forEach((member, m) => {
      memberOf[member.group] = m
    })
    for (const { part, z } of this.#designs) {
      for (let leaf = part.leafFrom, k = 0; leaf < part.leafTo; leaf++) {
        const m = memberOf[level.ofLeaf[leaf]!]!
        for (let fold = 0; fold < folds; fold++, k++) {
          if (m < 0) continue
          const at = (m * folds + fold) * length
          const [from, to] = [part.foldStart[k]!, part.foldStart[k + 1]!]
          addLogisticMoments(this.#shape, z, part.y, from, to, beta, m * size, blocks, at)
        }
      }
    }
  }

  /** The root has no parent: it starts at the base rate, where zero weights are best. */
  #startOfRoot(level: LevelGroups, group: number): Float64Array {
    const { rows, sum } = this.#labelsOf(level, group)
    const start = new Float64Array(this.#shape.size)
    start[this.#shape.columns] = Math.log(sum / (rows - sum))
    return start
  }

  #labelsOf(level: LevelGroups, group: number): { rows: number; sum: number } {
    return labelsOf(this.#ground.training.counts, level, group)
  }
}
