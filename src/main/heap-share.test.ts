import { expect, test } from 'vitest'
import { heapShare, oldLimitBytes } from './heap-share.ts'

const mebibyte = 1_048_576

test('the limit is that of the old generation, said or chosen by V8', () => {
  const said = (flags: string, heapMb: number) => oldLimitBytes(heapMb * mebibyte, flags) / mebibyte
  expect(said(' --max-old-space-size=256', 448)).toBe(256)
  expect(said('--max_old_space_size=1024 --max-old-space-size 512', 704)).toBe(512)
  expect(said('', 4_288)).toBe(4_096)
})

test('what is held is seen', () => {
  const share = heapShare()
  const before = share()
  const held = Array.from({ length: 32 }, (_, i) => new Array(131_072).fill(i + 0.5))
  expect(share()).toBeGreaterThan(before)
  expect([held.length, before > 0]).toEqual([32, true])
})
