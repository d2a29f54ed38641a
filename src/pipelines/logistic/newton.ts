import type { SymmetricSolver } from '../cholesky.ts'
import type { HeadFit } from '../fitter.ts'
import type { ChosenPenalty } from '../lean.ts'
import type { MomentShape } from '../moments.ts'

/*
 * The Newton iteration of one member, driven from outside: each pass over the rows leaves loss,
 * gradient and Hessian at `beta` in `block`, and `take` moves `beta` on. A step after which the
 * penalised loss is higher is halved, and tried again in the next pass.
 */

/** Loss may rise by this share from rounding alone. */
const lossSlack = 1e-12

/**
 * Largest gradient entry a row at which one more step is the last, without another pass: Newton's
 * error is squared in each step, so after it the gradient is about 1e-10 a row.
 */
const gradientARowMax = 1e-5

export interface NewtonViews {
  /** Where the next pass evaluates; moved by `take`. */
  readonly beta: Float64Array
  /** Moments at `beta`. */
  readonly block: Float64Array
  /** What the member leans on. */
  readonly parent: Float64Array
}

export class Newton {
  readonly #shape: MomentShape
  readonly #solver: SymmetricSolver
  readonly #views: NewtonViews
  readonly #chosen: ChosenPenalty
  readonly #penalised: number
  readonly #rows: number
  readonly #step: Float64Array
  #lossBefore = Number.POSITIVE_INFINITY
  #passes = 0
  #end: HeadFit | undefined

  constructor(
    shape: MomentShape,
    solver: SymmetricSolver,
    views: NewtonViews,
    leaning: ChosenPenalty & { readonly penalised: number; readonly rows: number },
  ) {
    this.#shape = shape
    this.#solver = solver
    this.#views = views
    this.#chosen = { penalty: leaning.penalty, penaltyFrom: leaning.penaltyFrom }
    this.#penalised = leaning.penalised
    this.#rows = leaning.rows
    this.#step = new Float64Array(shape.size)
  }

  get settled(): boolean {
    return this.#end !== undefined
  }

  outcome(): HeadFit {
    return this.#end ?? { failed: 'not-converged' }
  }

  /** Reads the pass that has just been made at `beta`, and moves on; or settles. */
  take(passesMax: number): void {
    this.#passes++
    const { beta, block, parent } = this.#views
    const { size, g, loss } = this.#shape
    const { penalty } = this.#chosen
    let lossNow = block[loss]!
    for (let i = 0; i < this.#penalised; i++)
      lossNow += (penalty / 2) * (beta[i]! - parent[i]!) ** 2
    if (!(lossNow <= this.#lossBefore * (1 + lossSlack))) {
      this.#halve(passesMax)
      return
    }
    this.#lossBefore = lossNow
    let steepest = 0
    for (let i = 0; i < size; i++) {
      const pull = i < this.#penalised ? penalty * (beta[i]! - parent[i]!) : 0
      this.#step[i] = block[g + i]! - pull
      steepest = Math.max(steepest, Math.abs(this.#step[i]!))
    }
    if (!this.#solver.solve(block, 0, penalty, this.#penalised, this.#step)) {
      this.#end = { failed: 'singular' }
      return
    }
    for (let i = 0; i < size; i++) beta[i] = beta[i]! + this.#step[i]!
    if (steepest <= gradientARowMax * this.#rows) {
      this.#end = { head: beta.slice(), ...this.#chosen, passes: this.#passes }
    } else if (this.#passes >= passesMax) this.#end = { failed: 'not-converged' }
  }

  #halve(passesMax: number): void {
    const { beta } = this.#views
    for (let i = 0; i < beta.length; i++) {
      this.#step[i] = this.#step[i]! / 2
      beta[i] = beta[i]! - this.#step[i]!
    }
    if (this.#passes >= passesMax) this.#end = { failed: 'not-converged' }
  }
}
