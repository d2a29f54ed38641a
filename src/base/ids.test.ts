import { expect, test } from 'vitest'
import { newReceiptId, receiptsOf, timeOfReceipt } from './ids.ts'

test('receipts of a millisecond lie between its first and last; before 1970 there are none', () => {
  const atMs = Date.UTC(2026, 10, 20, 12)
  const receipt = newReceiptId(atMs)
  const { first, last } = receiptsOf(atMs)
  expect([first, receipt, last].toSorted()).toEqual([first, receipt, last])
  expect(timeOfReceipt(receipt)).toBe(atMs)
  expect(receiptsOf(-2_208_988_800_000)).toEqual(receiptsOf(0))
})
