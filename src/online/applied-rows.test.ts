import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { AppliedRows } from './applied-rows.ts'

test('rows are known to be applied when each of them was, whatever came first', () => {
  const random = new SeededRandom(3)
  const whole = (most: number) => Math.floor(random.unit() * most)
  for (let round = 0; round < 300; round++) {
    const applied = new AppliedRows()
    const numbers = new Set<number>()
    for (let batch = 0; batch < 1 + whole(8); batch++) {
      const from = whole(40)
      const some = Array.from({ length: 1 + whole(6) }, (_, at) => from + at * (1 + whole(2)))
      const ascending = [...new Set(some)].sort((a, b) => a - b)
      applied.add(ascending, 1)
      for (const number of ascending) numbers.add(number)
    }
    for (let ask = 0; ask < 20; ask++) {
      const first = { from: whole(50), to: 0 }
      first.to = first.from + 1 + whole(5)
      const second = { from: first.to + 1 + whole(3), to: 0 }
      second.to = second.from + 1 + whole(3)
      const isIn = ({ from, to }: { from: number; to: number }) =>
        Array.from({ length: to - from }, (_, at) => from + at).every(n => numbers.has(n))
      expect(applied.hasAll([first, second])).toBe(isIn(first) && isIn(second))
    }
  }
})

test('what was put over an earlier connection is not known any more', () => {
  const applied = new AppliedRows()
  expect(applied.isKnown(1)).toBe(false)
  applied.add([1, 2, 3], 1)
  expect(applied.isKnown(1)).toBe(true)
  expect(applied.isKnown(2)).toBe(false)
  applied.add([4], 2)
  expect(applied.hasAll([{ from: 4, to: 5 }])).toBe(true)
  expect(applied.hasAll([{ from: 3, to: 5 }])).toBe(false)
})
