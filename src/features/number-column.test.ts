import { expect, test } from 'vitest'
import { numbered, placeLookup } from './number-column.ts'

test('numbers have places in their order, close together or far apart', () => {
  for (const step of [1, 1_000_003]) {
    const values = Float64Array.of(5, -2, Number.NaN, 0, 5, 3, -2, Number.NaN).map(v => v * step)
    const { numbers, places } = numbered(values)
    expect([...numbers]).toEqual([-2, 0, 3, 5].map(v => v * step))
    expect([...places]).toEqual([4, 1, 0, 2, 4, 3, 1, 0])
    const lookup = placeLookup(numbers)
    expect([5, -2, 4, Number.NaN].map(v => lookup(v * step))).toEqual([4, 1, 0, 0])
  }
  const none = numbered(Float64Array.of(Number.NaN))
  expect([none.numbers.length, [...none.places]]).toEqual([0, [0]])
})
