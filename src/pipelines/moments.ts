import { packedLength } from './cholesky.ts'

/*
 * The hot loops. A block of moments is what a quadratic loss needs to know of its rows:
 *
 *   h   Z'WZ, packed upper triangle, the intercept's column last
 *   g   Z'e, the intercept last
 *   loss   one number
 *
 * Four rows go at once, so that an entry of h is loaded and stored once for four products:
 * measured at two to three times the speed of row after row.
 */

export interface MomentShape {
  /** Columns of the design, without the intercept. */
  readonly columns: number
  /** Coefficients: columns and the intercept. */
  readonly size: number
  /** Offset of g in a block. */
  readonly g: number
  /** Offset of the loss in a block. */
  readonly loss: number
  /** Length of a block. */
  readonly length: number
}

export function momentShape(columns: number): MomentShape {
  const size = columns + 1
  const g = packedLength(size)
  return { columns, size, g, loss: g + size, length: g + size + 1 }
}

/** Adds rows [from, to) of z (row-major) and y: h += Z'Z, g += Z'y, loss += y'y. */
export function addMoments(
  shape: MomentShape,
  z: Float64Array,
  y: Float64Array,
  from: number,
  to: number,
  into: Float64Array,
  at: number,
): void {
  const columns = shape.columns
  const g = at + shape.g
  let r = from
  for (; r + 4 <= to; r += 4) {
    const y0 = y[r]!
    const y1 = y[r + 1]!
    const y2 = y[r + 2]!
    const y3 = y[r + 3]!
    addFour(z, columns, r, 1, 1, 1, 1, y0, y1, y2, y3, into, at, g)
    into[at + shape.loss] = into[at + shape.loss]! + y0 * y0 + y1 * y1 + y2 * y2 + y3 * y3
  }
  for (; r < to; r++) {
    const y0 = y[r]!
    addOne(z, columns, r, 1, y0, into, at, g)
    into[at + shape.loss] = into[at + shape.loss]! + y0 * y0
  }
}

/**
 * Adds rows [from, to) under a logistic model: with p = 1 / (1 + exp(-(z'b + b0))), h += Z' diag(p
 * (1 - p)) Z, g += Z'(y - p), loss += the log loss. `beta` starts at `betaAt`, the intercept last;
 * y is 0 or 1.
 */
export function addLogisticMoments(
  shape: MomentShape,
  z: Float64Array,
  y: Float64Array,
  from: number,
  to: number,
  beta: Float64Array,
  betaAt: number,
  into: Float64Array,
  at: number,
): void {
  const columns = shape.columns
  const g = at + shape.g
  const intercept = beta[betaAt + columns]!
  let loss = 0
  let r = from
  for (; r + 4 <= to; r += 4) {
    let s0 = intercept
    let s1 = intercept
    let s2 = intercept
    let s3 = intercept
    const o0 = r * columns
    const o1 = o0 + columns
    const o2 = o1 + columns
    const o3 = o2 + columns
    for (let j = 0; j < columns; j++) {
      const b = beta[betaAt + j]!
      s0 += b * z[o0 + j]!
      s1 += b * z[o1 + j]!
      s2 += b * z[o2 + j]!
      s3 += b * z[o3 + j]!
    }
    const e0 = Math.exp(-Math.abs(s0))
    const e1 = Math.exp(-Math.abs(s1))
    const e2 = Math.exp(-Math.abs(s2))
    const e3 = Math.exp(-Math.abs(s3))
    const q0 = 1 / (1 + e0)
    const q1 = 1 / (1 + e1)
    const q2 = 1 / (1 + e2)
    const q3 = 1 / (1 + e3)
    const y0 = y[r]!
    const y1 = y[r + 1]!
    const y2 = y[r + 2]!
    const y3 = y[r + 3]!
    // One logarithm for four rows: each factor is in (1, 2].
    loss +=
      Math.log((1 + e0) * (1 + e1) * (1 + e2) * (1 + e3)) +
      (Math.max(s0, 0) - y0 * s0) +
      (Math.max(s1, 0) - y1 * s1) +
      (Math.max(s2, 0) - y2 * s2) +
      (Math.max(s3, 0) - y3 * s3)
    const d0 = y0 - (s0 >= 0 ? q0 : e0 * q0)
    const d1 = y1 - (s1 >= 0 ? q1 : e1 * q1)
    const d2 = y2 - (s2 >= 0 ? q2 : e2 * q2)
    const d3 = y3 - (s3 >= 0 ? q3 : e3 * q3)
    const w0 = e0 * q0 * q0
    const w1 = e1 * q1 * q1
    const w2 = e2 * q2 * q2
    const w3 = e3 * q3 * q3
    addFour(z, columns, r, w0, w1, w2, w3, d0, d1, d2, d3, into, at, g)
  }
  for (; r < to; r++) {
    let s = intercept
    for (let j = 0, o = r * columns; j < columns; j++) s += beta[betaAt + j]! * z[o + j]!
    const e = Math.exp(-Math.abs(s))
    const q = 1 / (1 + e)
    loss += Math.log(1 + e) + Math.max(s, 0) - y[r]! * s
    addOne(z, columns, r, e * q * q, y[r]! - (s >= 0 ? q : e * q), into, at, g)
  }
  into[at + shape.loss] = into[at + shape.loss]! + loss
}

/** Four rows from `r`, weights w into h and residuals d into g. */
function addFour(
  z: Float64Array,
  columns: number,
  r: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
  d0: number,
  d1: number,
  d2: number,
  d3: number,
  into: Float64Array,
  at: number,
  g: number,
): void {
  const o0 = r * columns
  const o1 = o0 + columns
  const o2 = o1 + columns
  const o3 = o2 + columns
  let k = at
  for (let i = 0; i < columns; i++) {
    const z0 = z[o0 + i]!
    const z1 = z[o1 + i]!
    const z2 = z[o2 + i]!
    const z3 = z[o3 + i]!
    into[g + i] = into[g + i]! + d0 * z0 + d1 * z1 + d2 * z2 + d3 * z3
    const a0 = w0 * z0
    const a1 = w1 * z1
    const a2 = w2 * z2
    const a3 = w3 * z3
    for (let j = i; j < columns; j++, k++) {
      into[k] = into[k]! + a0 * z[o0 + j]! + a1 * z[o1 + j]! + a2 * z[o2 + j]! + a3 * z[o3 + j]!
    }
    into[k] = into[k]! + a0 + a1 + a2 + a3
    k++
  }
  into[k] = into[k]! + w0 + w1 + w2 + w3
  into[g + columns] = into[g + columns]! + d0 + d1 + d2 + d3
}

function addOne(
  z: Float64Array,
  columns: number,
  r: number,
  w: number,
  d: number,
  into: Float64Array,
  at: number,
  g: number,
): void {
  const o = r * columns
  let k = at
  for (let i = 0; i < columns; i++) {
    const value = z[o + i]!
    into[g + i] = into[g + i]! + d * value
    const a = w * value
    for (let j = i; j < columns; j++, k++) into[k] = into[k]! + a * z[o + j]!
    into[k] = into[k]! + a
    k++
  }
  into[k] = into[k]! + w
  into[g + columns] = into[g + columns]! + d
}
