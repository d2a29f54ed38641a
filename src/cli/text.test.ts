import { expect, test } from 'vitest'
import { bytesWords } from '../base/format.ts'
import { cut, displayWidth, durationWords, pad, printable, timeWords } from './text.ts'

test('what could move the cursor or forge a line is written visibly', () => {
  expect(printable('a\n{"level":"info"}\u001b[31m')).toBe('a<U+000A>{"level":"info"}<U+001B>[31m')
  expect(printable('\u202eabc\u200b')).toBe('<U+202E>abc<U+200B>')
  expect(printable('Zürich 東京')).toBe('Zürich 東京')
})

test('widths are those of a terminal', () => {
  expect(displayWidth('東京')).toBe(4)
  expect(displayWidth('e\u0301')).toBe(1)
  expect(cut('route-late.ATL', 8)).toBe('route-l…')
  expect(cut('東京東京', 5)).toBe('東京…')
  expect(cut('short', 8)).toBe('short')
  expect(pad('7', 3, 'right')).toBe('  7')
})

test.each([
  [4.08, '4.1 s'],
  [42.4, '42 s'],
  [130, '2 min 10 s'],
  [11_100, '3 h 5 min'],
])('%f seconds', (seconds, words) => expect(durationWords(seconds)).toBe(words))

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1_480, '1.5 kB'],
  [412_000_000, '412 MB'],
  [999_999, '1.0 MB'],
])('%i bytes', (bytes, words) => expect(bytesWords(bytes)).toBe(words))

test('times are UTC without what is nought', () => {
  expect(timeWords('2001-07-01T00:00:00.000Z')).toBe('2001-07-01 00:00')
  expect(timeWords('2026-11-21T12:03:41.123Z')).toBe('2026-11-21 12:03:41')
})
