import { expect, test } from 'vitest'
import { readSpan } from './spans.ts'

function days(text: string): string {
  const read = readSpan(text)
  if ('wrong' in read) return read.wrong
  const day = (ms: number) => new Date(ms).toISOString()
  return `${day(read.span.fromMs)} ${day(read.span.toMs)}`
}

test('both ends are included, and the interval is half-open', () => {
  expect(days('2001')).toBe('2001-01-01T00:00:00.000Z 2002-01-01T00:00:00.000Z')
  expect(days('2001-12')).toBe('2001-12-01T00:00:00.000Z 2002-01-01T00:00:00.000Z')
  expect(days('2000-02-29')).toBe('2000-02-29T00:00:00.000Z 2000-03-01T00:00:00.000Z')
  expect(days('2001-01..2001-04')).toBe('2001-01-01T00:00:00.000Z 2001-05-01T00:00:00.000Z')
  expect(days('1999-12-31..2001')).toBe('1999-12-31T00:00:00.000Z 2002-01-01T00:00:00.000Z')
  expect(days('0050')).toBe('0050-01-01T00:00:00.000Z 0051-01-01T00:00:00.000Z')
})

test('days that do not exist, and ends before beginnings', () => {
  for (const text of ['2001-02-29', '2001-13', '2001-00', '2001-04-31', '2001-01-00']) {
    expect(days(text)).toContain('is not in the calendar')
  }
  expect(days('2001-05..2001-04')).toContain('ends before it begins')
})
