/*
 * Small dense symmetric systems, by Cholesky's factorisation (Golub and Van Loan, Matrix
 * Computations, 4.2). A symmetric matrix is packed: its upper triangle row by row, so that entry
 * (i, j), j >= i, stands at i * size - i * (i - 1) / 2 + (j - i).
 */

/** Entries of the packed upper triangle of a symmetric `size` x `size` matrix. */
export function packedLength(size: number): number {
  return (size * (size + 1)) / 2
}

/**
 * A pivot this small against its own diagonal is what rounding leaves of a column that depends on
 * others.
 */
const pivotShareMin = 1e-13

/** Solves systems of one size; holds the scratch, so that thousands of solves allocate nothing. */
export class SymmetricSolver {
  readonly size: number
  /** The factor U of A = U'U, packed like the matrix. */
  readonly #factor: Float64Array

  constructor(size: number) {
    this.size = size
    this.#factor = new Float64Array(packedLength(size))
  }

  /**
   * Solves (A + penalty I) x = b; the first `penalised` diagonal entries take the penalty. A is
   * packed and starts at `a[from]`; `x` holds b on entry and the solution on return. False, with x
   * spoilt, when A is singular or holds a number that is not finite.
   */
  solve(
    a: Float64Array,
    from: number,
    penalty: number,
    penalised: number,
    x: Float64Array,
  ): boolean {
    return this.#factorise(a, from, penalty, penalised) && this.#substitute(x)
  }

  #factorise(a: Float64Array, from: number, penalty: number, penalised: number): boolean {
    const n = this.size
    const u = this.#factor
    for (let k = 0; k < u.length; k++) u[k] = a[from + k]!
    for (let i = 0, k = 0; i < penalised; i++) {
      u[k] = u[k]! + penalty
      k += n - i
    }
    for (let i = 0, row = 0; i < n; i++) {
      const before = i < penalised ? a[from + row]! + penalty : a[from + row]!
      const pivot = u[row]!
      if (!(pivot > pivotShareMin * before) || pivot === Number.POSITIVE_INFINITY) return false
      const root = Math.sqrt(pivot)
      const length = n - i
      u[row] = root
      for (let j = 1; j < length; j++) u[row + j] = u[row + j]! / root
      // The rows below lose what this one explains.
      let target = row + length
      for (let j = 1; j < length; j++) {
        const share = u[row + j]!
        if (share !== 0) {
          for (let k = j; k < length; k++)
            u[target + k - j] = u[target + k - j]! - share * u[row + k]!
        }
        target += length - j
      }
      row += length
    }
    return true
  }

  #substitute(x: Float64Array): boolean {
    const n = this.size
    const u = this.#factor
    for (let i = 0, row = 0; i < n; i++) {
      const value = x[i]! / u[row]!
      x[i] = value
      for (let j = i + 1; j < n; j++) x[j] = x[j]! - u[row + j - i]! * value
      row += n - i
    }
    for (let i = n - 1, row = u.length - 1; i >= 0; i--) {
      let rest = x[i]!
      for (let j = i + 1; j < n; j++) rest -= u[row + j - i]! * x[j]!
      x[i] = rest / u[row]!
      row -= n - i + 1
    }
    for (let i = 0; i < n; i++) if (!Number.isFinite(x[i]!)) return false
    return true
  }
}

/** x' A x / 2 for a packed symmetric A that starts at `a[from]`. */
export function halfQuadratic(
  a: Float64Array,
  from: number,
  x: Float64Array,
  size: number,
): number {
  let sum = 0
  for (let i = 0, k = from; i < size; i++) {
    const xi = x[i]!
    let row = (a[k++]! * xi) / 2
    for (let j = i + 1; j < size; j++) row += a[k++]! * x[j]!
    sum += row * xi
  }
  return sum
}

/** out = A x for a packed symmetric A that starts at `a[from]`. */
export function symmetricTimes(
  a: Float64Array,
  from: number,
  x: Float64Array,
  size: number,
  out: Float64Array,
): void {
  out.fill(0, 0, size)
  for (let i = 0, k = from; i < size; i++) {
    out[i] = out[i]! + a[k++]! * x[i]!
    for (let j = i + 1; j < size; j++) {
      const value = a[k++]!
      out[i] = out[i]! + value * x[j]!
      out[j] = out[j]! + value * x[i]!
    }
  }
}
