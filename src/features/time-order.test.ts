import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { groupInTime } from './time-order.ts'

/** What it says, by the sort of the language. */
function plainly(groups: Int32Array, count: number, times: Float64Array, ties: Int32Array) {
  const inGroup = Array.from({ length: count + 1 }, (): number[] => [])
  for (const [row, group] of groups.entries())
    inGroup[Number.isNaN(times[row]!) ? 0 : group]!.push(row)
  return inGroup.slice(1).map(rows =>
    rows.sort((a, b) => {
      if (times[a]! !== times[b]!) return times[a]! < times[b]! ? -1 : 1
      return ties[a]! - ties[b]! || a - b
    }),
  )
}

const yearUs = 31_536_000_000_000

/** Times of rows one after the other, each a kind of file that there is. */
const kinds: Readonly<Record<string, (random: SeededRandom, row: number) => number>> = {
  'in no order': random => Math.floor(random.unit() * yearUs),
  'with many ties': random => Math.floor(random.unit() * 40) * 60_000_000,
  'late by little': (random, row) => row * 1_000 + Math.floor(random.unit() * 4_000),
  'in order, several files': (_, row) => (row % 700) * 1_000,
  'in order': (_, row) => row,
  'with fractions': random => random.unit() * 3,
  'before and after 1970': random => Math.floor((random.unit() - 0.5) * yearUs * 200),
  'missing and endless': random =>
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5][random.below(4)]!,
}

test.each(Object.keys(kinds))('rows %s', kind => {
  const random = new SeededRandom(7)
  for (const [rows, count] of [
    [0, 3],
    [5_000, 1_500],
    [5_000, 20],
    [20_000, 2],
  ] as const) {
    const groups = Int32Array.from({ length: rows }, () => random.below(count + 1))
    const times = Float64Array.from({ length: rows }, (_, row) => kinds[kind]!(random, row))
    const ties = Int32Array.from({ length: rows }, () => random.below(3))
    const found = groupInTime(groups, count, times, (a, b) => ties[a]! - ties[b]!)
    const expected = plainly(groups, count, times, ties)
    for (let group = 1; group <= count; group++) {
      const [from, end] = [found.starts[group], found.starts[group + 1]]
      expect([...found.rows.subarray(from, end)]).toEqual(expected[group - 1])
    }
    expect(found.times).toEqual(Float64Array.from(found.rows, row => times[row]!))
  }
})
