/*
 * The mean label of each value of a feature, drawn towards the mean of all (Micci-Barreca, A
 * preprocessing scheme for high-cardinality categorical attributes, SIGKDD Explorations 3, 2001):
 *
 *   encoding = (n * mean + smoothing * prior) / (n + smoothing)
 *
 * A training row must not meet its own label in its encoding, or the model learns to trust it: so
 * the rows of a fold are encoded by the labels of the other folds. Their sums are added up, and
 * never subtracted from a total that holds the fold, so that not even rounding tells of it.
 */
export class TargetMeans {
  readonly #most: number
  /** [folds, most + 1]: of each value, and of all rows. */
  readonly #rows: Float64Array
  readonly #sums: Float64Array
  readonly #folds: number

  constructor(most: number, folds: number) {
    this.#most = most
    this.#folds = folds
    this.#rows = new Float64Array(folds * (most + 1))
    this.#sums = new Float64Array(folds * (most + 1))
  }

  /** `place`: which value the row has; -1 for one that is not told apart. */
  add(fold: number, place: number, y: number): void {
    const own = fold * (this.#most + 1)
    const all = own + this.#most
    this.#rows[all] = this.#rows[all]! + 1
    this.#sums[all] = this.#sums[all]! + y
    if (place < 0) return
    this.#rows[own + place] = this.#rows[own + place]! + 1
    this.#sums[own + place] = this.#sums[own + place]! + y
  }

  /** By all folds, or without one. Where that leaves no row, all is 0: nothing is known. */
  encode(smoothing: number, without?: number): { prior: number; encodings: Float64Array } {
    const count = this.#most + 1
    const rows = new Float64Array(count)
    const sums = new Float64Array(count)
    for (let fold = 0; fold < this.#folds; fold++) {
      if (fold === without) continue
      for (let i = 0; i < count; i++) {
        rows[i] = rows[i]! + this.#rows[fold * count + i]!
        sums[i] = sums[i]! + this.#sums[fold * count + i]!
      }
    }
    const all = this.#most
    const prior = rows[all] === 0 ? 0 : sums[all]! / rows[all]!
    const encodings = new Float64Array(all)
    for (let i = 0; i < all; i++) {
      const weight = rows[i]! + smoothing
      encodings[i] = weight === 0 ? prior : (sums[i]! + smoothing * prior) / weight
    }
    return { prior, encodings }
  }
}
