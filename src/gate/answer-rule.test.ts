import { expect, test } from 'vitest'
import { readFleet } from '../spec/index.ts'
import { problemAt } from '../spec/locate.ts'
import { sampleFleet } from '../spec/sample-fleet.ts'
import { checkAnswerRule, compileAnswerRule } from './answer-rule.ts'
import { checkGates } from './check-gates.ts'

const inputs = new Map<string, number | string | null>([
  ['hour', 14],
  ['carrier', 'DL'],
  ['departures.mean_1h', 7.5],
  ['departures.mean_24h', null],
])

test('a constant, a number of CEL, a whole number', () => {
  expect(compileAnswerRule(0.25)(inputs)).toBe(0.25)
  expect(compileAnswerRule('inputs.hour > 12.0 ? 20.0 : 5.0')(inputs)).toBe(20)
  expect(compileAnswerRule('inputs.departures.mean_1h * 2.0')(inputs)).toBe(15)
  expect(compileAnswerRule('inputs.carrier == "DL" ? 3 : 4')(inputs)).toBe(3)
})

test('a row that the rule has no number for', () => {
  expect(compileAnswerRule('inputs.departures.mean_24h * 2.0')(inputs)).toBeUndefined()
  expect(compileAnswerRule('inputs.hour / 0.0')(inputs)).toBeUndefined()
  const other = compileAnswerRule('inputs.departures.mean_24h == null ? 1.0 : 2.0')
  expect(other(inputs)).toBe(1)
})

const known = [
  { name: 'hour', isText: false },
  { name: 'carrier', isText: true },
  { name: 'departures.mean_1h', isText: false },
]

test.each([
  ['inputs.huor * 2.0', 'unknown input `inputs.huor`', 'use `inputs.hour`'],
  ['hour * 2.0', 'unknown variable `hour`', 'known are inputs'],
  ['inputs.hour * 2', 'an operator does not fit', 'needs a point'],
  ['inputs.carrier * 2.0', 'an operator does not fit', 'needs a point'],
  ['inputs.hour > 3.0', 'it gives no number', 'needs a point'],
  ['inputs.hour >', 'syntax error at line 1', 'write a number, or CEL'],
  [`${'('.repeat(40)}1${')'.repeat(40)}`, 'nests deeper', 'write a number, or CEL'],
  ['inputs.carrier.matches("(a+)+") ? 1.0 : 2.0', 'regular expression', 'write a number'],
])('%s is refused', (rule, detail, hint) => {
  expect(() => checkAnswerRule(rule, known)).toThrowError(
    expect.objectContaining({
      message: expect.stringContaining(detail),
      hint: expect.stringContaining(hint),
    }),
  )
})

test('a rule of a blueprint is told with its place', () => {
  const serving = 'serving:\n  fallback: [rule]\n  rule: inputs.huor * 2.0\noverrides:'
  const text = sampleFleet.replace('overrides:', serving)
  const { spec, locate } = readFleet([{ path: 'muster.yaml', text }])
  const [problem] = checkGates(spec!).map(fault => problemAt(locate!, fault))
  expect(problem).toMatchObject({
    file: 'muster.yaml',
    line: 44,
    column: 9,
    cure: 'use `inputs.hour`',
  })
})
