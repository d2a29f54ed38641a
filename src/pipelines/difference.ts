import type { Difference } from '../fleet/index.ts'
import { studentT95 } from './student-t.ts'

/*
 * The mean paired difference of the loss a row, with an interval that is robust to dependence of
 * rows within a day (Liang and Zeger, 1986): days are the clusters. With n rows in G days, d_g the
 * sum of differences of day g and n_g its rows, mean = sum d_g / n and
 *
 *   variance = G / (G - 1) * sum (d_g - n_g mean)^2 / n^2
 *
 * with Student's t of G - 1 degrees. One day only: no interval.
 */

/** Sums by day. One is reused for many members: only the days that were touched are cleared. */
export class DayClusters {
  readonly #sums: Float64Array
  readonly #rows: Int32Array
  /** Days that were touched, in order of touch. */
  readonly #touched: Int32Array
  #days = 0

  /** `days`: how many different days there may be; a day is a number below it. */
  constructor(days: number) {
    this.#sums = new Float64Array(days)
    this.#rows = new Int32Array(days)
    this.#touched = new Int32Array(days)
  }

  add(day: number, difference: number): void {
    if (this.#rows[day] === 0) this.#touched[this.#days++] = day
    this.#rows[day] = this.#rows[day]! + 1
    this.#sums[day] = this.#sums[day]! + difference
  }

  /** The difference over all that was added since the last call. */
  take(): Difference {
    const days = this.#days
    // In order of days, so that the sums do not depend on the order of rows.
    const touched = this.#touched.subarray(0, days).sort()
    let rows = 0
    let sum = 0
    for (const day of touched) {
      rows += this.#rows[day]!
      sum += this.#sums[day]!
    }
    const mean = rows === 0 ? 0 : sum / rows
    let squares = 0
    for (const day of touched) {
      squares += (this.#sums[day]! - this.#rows[day]! * mean) ** 2
      this.#sums[day] = 0
      this.#rows[day] = 0
    }
    this.#days = 0
    if (days < 2) return { rows, days, mean }
    const standardError = Math.sqrt((days / (days - 1)) * squares) / rows
    const reach = studentT95(days - 1) * standardError
    return { rows, days, mean, standardError, lower: mean - reach, upper: mean + reach }
  }
}
