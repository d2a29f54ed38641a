import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { addLogisticMoments, addMoments, momentShape } from './moments.ts'

const columns = 3
const shape = momentShape(columns)
const random = new SeededRandom(5)
const rows = 23
const z = Float64Array.from({ length: rows * columns }, () => random.normal())
const y = Float64Array.from({ length: rows }, () => Number(random.unit() < 0.4))
const beta = Float64Array.of(0.5, -1, 0.2, 0.3)

/** Row after row, entry after entry. */
function slowly(
  from: number,
  to: number,
  weigh: (s: number, y: number) => [number, number, number],
) {
  const block = new Float64Array(shape.length)
  for (let r = from; r < to; r++) {
    const row = [...z.subarray(r * columns, (r + 1) * columns), 1]
    const s = row.reduce((sum, value, i) => sum + value * beta[i]!, 0)
    const [weight, residual, loss] = weigh(s, y[r]!)
    let k = 0
    for (let i = 0; i < row.length; i++) {
      for (let j = i; j < row.length; j++) block[k] = block[k++]! + weight * row[i]! * row[j]!
      block[shape.g + i] = block[shape.g + i]! + residual * row[i]!
    }
    block[shape.loss] = block[shape.loss]! + loss
  }
  return block
}

test.each([0, 1, 2, 3, 4, 5, 8, 11, 23])(
  'moments of %i rows are those of the plain sums',
  count => {
    const block = new Float64Array(shape.length)
    addMoments(shape, z, y, rows - count, rows, block, 0)
    const expected = slowly(rows - count, rows, (_, label) => [1, label, label * label])
    block.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 10)
    })
    const logistic = new Float64Array(shape.length + 7)
    addLogisticMoments(shape, z, y, rows - count, rows, beta, 0, logistic, 7)
    const plain = slowly(rows - count, rows, (s, label) => {
      const p = 1 / (1 + Math.exp(-s))
      return [p * (1 - p), label - p, label === 1 ? -Math.log(p) : -Math.log(1 - p)]
    })
    plain.forEach((value, i) => {
      expect(logistic[7 + i]).toBeCloseTo(value, 10)
    })
  },
)

test('a far-off margin gives finite moments', () => {
  const block = new Float64Array(shape.length)
  const far = Float64Array.of(900, -900, 900, 0)
  addLogisticMoments(shape, z, y, 0, rows, far, 0, block, 0)
  expect(block.every(Number.isFinite)).toBe(true)
})
