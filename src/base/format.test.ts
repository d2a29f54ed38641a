import { expect, test } from 'vitest'
import { aboutDuration, countOf, formatCount, formatNumber, spanWords } from './format.ts'

test('a measured number has three or four significant digits and no exponent', () => {
  const shown = [0.41234, 0.0163, 31.9441, 1018.4, -0.0031, 0, -0, 12_345_678, 0.0000123, 9.9951]
  expect(shown.map(formatNumber)).toEqual([
    '0.412',
    '0.0163',
    '31.94',
    '1,018',
    '-0.0031',
    '0',
    '0',
    '12,345,678',
    '0.0000123',
    '9.995',
  ])
  expect(formatNumber(1.5e-9)).toBe('1.5e-9')
  expect(formatNumber(Number.NaN)).toBe('not a number')
})

test('counts, plurals, spans and durations read as words', () => {
  expect(formatCount(3_000_000)).toBe('3,000,000')
  expect(countOf(1, 'origin')).toBe('1 origin')
  expect(countOf(1_200, 'category')).toBe('1,200 categories')
  expect(spanWords('2001-05')).toBe('May 2001')
  expect(spanWords('2001-01..2001-04')).toBe('January to April 2001')
  expect(spanWords('2000-12..2001-04')).toBe('December 2000 to April 2001')
  expect(spanWords('2001-05-17')).toBe('17 May 2001')
  expect(spanWords('2001')).toBe('2001')
  expect([0.2, 40, 200, 7_200, 418_100_400].map(aboutDuration)).toEqual([
    'under 1 s',
    'about 40 s',
    'about 3 min',
    'about 2 h',
    'about 4,839 days',
  ])
})
