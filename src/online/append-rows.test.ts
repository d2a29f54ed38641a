import fc from 'fast-check'
import { expect, test } from 'vitest'
import { appendRows } from './append-rows.ts'
import { type KeptRow, mergeRows, noRows } from './kept-rows.ts'
import { decodeRows, encodeRows } from './record.ts'

const value = fc.oneof(fc.double({ noNaN: true }), fc.string({ maxLength: 4 }), fc.constant(null))
const row = fc.record({
  later: fc.nat(4),
  age: fc.nat(6),
  values: fc.tuple(value, value),
})
const rule = fc.record({
  versions: fc.boolean(),
  newest: fc.boolean(),
  windowUs: fc.constantFrom(0, 5, 20),
  windowRows: fc.constantFrom(0, 2),
})

test('rows that come after all others leave what merging them leaves', () => {
  let appended = 0
  fc.assert(
    fc.property(fc.array(fc.array(row, { minLength: 1, maxLength: 3 })), rule, (batches, keep) => {
      let [nowUs, number] = [0, 0]
      let bytes: Uint8Array | undefined
      for (const batch of batches) {
        const news = batch.map(({ later, age, values }): KeptRow => {
          nowUs += later
          const eventUs = nowUs - age
          return { knownUs: nowUs - (age % 2), eventUs, number: number++, values }
        })
        const kept = bytes === undefined ? noRows : decodeRows(bytes, 2)
        const merged = mergeRows(kept, news, keep, nowUs)
        const quick = bytes && appendRows(bytes, news, keep, nowUs, 2)
        if (quick !== undefined) {
          appended++
          expect(decodeRows(quick, 2)).toEqual(merged)
        }
        if (merged !== undefined) bytes = encodeRows(merged, 1)
      }
    }),
    { numRuns: 500, seed: 7 },
  )
  expect(appended).toBeGreaterThan(200)
})
