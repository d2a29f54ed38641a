import { expect, test } from 'vitest'
import { growthBytes } from './memory.ts'

test('a model weighs neither what was collected nor what was read while it was loaded', () => {
  const mebibyte = 1_048_576
  const grown = (rss: number, native: number) =>
    growthBytes(
      { rssBytes: 100 * mebibyte, nativeBytes: 60 * mebibyte },
      { rssBytes: (100 + rss) * mebibyte, nativeBytes: (60 + native) * mebibyte },
    )
  // Sixteen buffers of earlier models were collected: their pages stay with the process.
  expect(grown(1, 17)).toBe(mebibyte)
  // A buffer was read.
  expect(grown(20, 2)).toBe(2 * mebibyte)
  expect(grown(30, 28)).toBe(28 * mebibyte)
})
