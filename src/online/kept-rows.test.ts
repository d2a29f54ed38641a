import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  countingRows,
  type KeepRule,
  type KeptRow,
  mergeRows,
  newestOf,
  noRows,
  rowsMax,
} from './kept-rows.ts'
import { decodeRows, encodeRows, revisionOf } from './record.ts'

const aRow = fc
  .record({
    eventUs: fc.integer({ min: 0, max: 40 }),
    lateUs: fc.constantFrom(0, 0, 0, 3, 25),
    value: fc.constantFrom<number | string | null>(1.5, -2, 'x', null),
  })
  .map(({ eventUs, lateUs, value }) => ({ eventUs, knownUs: eventUs + lateUs, values: [value] }))

const aRule = fc.record({
  versions: fc.boolean(),
  newest: fc.boolean(),
  windowUs: fc.constantFrom(0, 5, 12),
  windowRows: fc.constantFrom(0, 1, 4),
})

/** What a read at a time sees: everything that its features are computed from. */
function seen(rows: readonly KeptRow[], rule: KeepRule, asOfUs: number) {
  const counting = countingRows(rows, rule.versions, asOfUs)
  return {
    newest: rule.newest ? newestOf(counting) : undefined,
    window: counting.filter(row => row.knownUs > asOfUs - rule.windowUs),
    last: rule.windowRows > 0 ? counting.slice(-rule.windowRows) : [],
  }
}

test('rows in any order, in pieces and again, are read like all of them in order', () => {
  fc.assert(
    fc.property(
      fc.array(aRow, { maxLength: 30 }),
      aRule,
      fc.infiniteStream(fc.nat()),
      fc.integer({ min: 0, max: 70 }),
      fc.nat(30),
      (drawn, rule, chance, nowUs, later) => {
        const rows = drawn.map((row, number) => ({ ...row, number }))
        const shuffled = rows
          .map(row => ({ row, at: chance.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ row }) => row)
        let kept = noRows
        for (let from = 0; from < shuffled.length; from += 4) {
          const piece = shuffled.slice(Math.max(0, from - 2), from + 4)
          kept = mergeRows(kept, piece, rule, nowUs) ?? kept
        }
        const all = [...rows].sort(
          (a, b) => a.knownUs - b.knownUs || a.eventUs - b.eventUs || a.number - b.number,
        )
        for (const asOfUs of [nowUs, nowUs + 1, nowUs + later]) {
          expect(seen(kept.rows, rule, asOfUs)).toEqual(seen(all, rule, asOfUs))
        }
        expect(mergeRows(kept, shuffled, rule, nowUs)).toBeUndefined()
        const bytes = encodeRows(kept, 7)
        expect(revisionOf(bytes)).toBe(7)
        expect(decodeRows(bytes, 1)).toEqual(kept)
      },
    ),
    { numRuns: 2_000, seed: 6 },
  )
})

test('of an entity with too many rows the oldest are left out, and that is known', () => {
  const rule = { versions: false, newest: true, windowUs: 1e9, windowRows: 0 }
  const rows = Array.from({ length: rowsMax + 5 }, (_, number) => ({
    knownUs: number,
    eventUs: number,
    number,
    values: [],
  }))
  const kept = mergeRows(noRows, rows, rule, 1e6)!
  expect(kept.rows).toHaveLength(rowsMax)
  expect(kept.rows[0]!.number).toBe(5)
  expect(kept.leftUs).toBe(4)
})
