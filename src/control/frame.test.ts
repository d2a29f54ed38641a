import { expect, test } from 'vitest'
import { eventMsOf } from './frame.ts'

const whole = Date.UTC(2026, 10, 30, 17, 16)

test.each([
  ['2026-11-30T17:16:00', 0],
  ['2026-11-30T17:16', 0],
  ['2026-11-30T19:16:00+02:00', 0],
  ['2026-11-30T17:16:00.5', 500_000],
  ['2026-11-30T17:16:00.000001+00:00', 1],
  ['2026-11-30T17:16:00.123456789Z', 123_456],
  ['2026-11-30T17:16:00.1234', 123_400],
])('%s keeps its microseconds, and is UTC without an offset', (text, micros) => {
  expect(Math.round((eventMsOf(text) - whole) * 1_000)).toBe(micros)
})
