import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { halfQuadratic, packedLength, SymmetricSolver, symmetricTimes } from './cholesky.ts'
import { denseSolve } from './dense-solve.fixture.ts'

function pack(a: readonly (readonly number[])[]): Float64Array {
  return Float64Array.from(a.flatMap((row, i) => row.slice(i)))
}

test('solves what a dense elimination solves, with the penalty on the leading entries', () => {
  const random = new SeededRandom(3)
  for (let n = 1; n <= 16; n++) {
    const rows = Array.from({ length: n + 4 }, () =>
      Array.from({ length: n }, () => random.normal()),
    )
    const a = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    )
    const b = Array.from({ length: n }, () => random.normal())
    const penalised = a.map((row, i) => row.map((v, j) => (i === j && i < n - 1 ? v + 0.7 : v)))
    const x = Float64Array.from(b)
    expect(new SymmetricSolver(n).solve(pack(a), 0, 0.7, n - 1, x)).toBe(true)
    denseSolve(penalised, b).forEach((value, i) => {
      expect(x[i]).toBeCloseTo(value, 9)
    })
    const times = new Float64Array(n)
    symmetricTimes(pack(penalised), 0, x, n, times)
    b.forEach((value, i) => {
      expect(times[i]).toBeCloseTo(value, 9)
    })
    const energy = b.reduce((sum, value, i) => sum + value * x[i]!, 0) / 2
    expect(halfQuadratic(pack(penalised), 0, x, n)).toBeCloseTo(energy, 9)
  }
})

test('a column that depends on others is singular, and so is NaN', () => {
  const solver = new SymmetricSolver(2)
  expect(packedLength(2)).toBe(3)
  expect(solver.solve(Float64Array.of(1, 2, 4), 0, 0, 0, Float64Array.of(1, 1))).toBe(false)
  expect(solver.solve(Float64Array.of(1, Number.NaN, 4), 0, 0, 0, Float64Array.of(1, 1))).toBe(
    false,
  )
  expect(solver.solve(Float64Array.of(1, 2, 4), 0, 0.1, 2, Float64Array.of(1, 1))).toBe(true)
})
