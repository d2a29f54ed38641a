import { expect, test } from 'vitest'
import type { Metrics } from '../fleet/index.ts'
import { checkRules } from './check-rules.ts'
import { compileRule } from './rule.ts'
import { rulesWords } from './saw.ts'
import { type RuleSubject, variablesOf } from './variables.ts'

function subject(metrics: Partial<Metrics> = {}, changes: Partial<RuleSubject> = {}): RuleSubject {
  const candidate = { rows: 812, loss: 0.412, logLoss: 0.412, calibrationError: 0.021, ...metrics }
  const other = { rows: 812, loss: 0.431, logLoss: 0.431 }
  const spread = { standardError: 0.004, lower: -0.027, upper: -0.011 }
  const difference = { rows: 812, days: 31, mean: -0.019, ...spread }
  const parent = { name: 'late.ATL', metrics: other, difference, expected: -0.016 }
  const baseline = { ...parent, name: 'baseline' }
  return {
    level: 'leaf',
    depth: 2,
    trainRows: 5_012,
    evidence: {
      task: 'classification',
      span: '2001-05',
      candidate,
      baseline,
      ancestors: [],
    },
    versus: { baseline, parent },
    objectives: { latencyP99Ms: 10, quality: { metric: 'auc', atLeast: 0.7 } },
    ...changes,
  }
}

function ask(expression: string, of = subject()): { kind: string; saw: string } {
  const compiled = compileRule({ gate: 'g', from: 'low@1', expression })
  const result = compiled.evaluate(variablesOf(of))
  return { kind: result.kind, saw: rulesWords(compiled, result, of, '') }
}

function codes(expression: string): readonly string[] {
  return checkRules([{ gate: 'g', from: 'low@1', expression }]).map(problem => problem.code)
}

test('rules read evidence, level, depth, rows and objectives', () => {
  expect(ask('evidence.vs.baseline.loss.upper < 0')).toEqual({
    kind: 'holds',
    saw: 'better by 0.019 (95% interval 0.011 to 0.027)',
  })
  expect(ask("level == 'root' || evidence.vs.parent.logLoss.expected < 0")).toEqual({
    kind: 'holds',
    saw: 'expected gain 0.016',
  })
  expect(ask('evidence.calibrationError < 0.02')).toEqual({
    kind: 'fails',
    saw: 'calibration error 0.021',
  })
  expect(ask('evidence.candidate.logLoss < evidence.parent.logLoss')).toEqual({
    kind: 'holds',
    saw: 'log loss 0.412, log loss 0.431 (parent)',
  })
  expect(ask('rows > 100 && depth == 2').saw).toBe('5,012 training rows')
  expect(ask('objectives.latencyP99Ms <= 10.0 && objectives.quality.atLeast > 0.5').kind).toBe(
    'holds',
  )
})

test('a rule that reads two rivals names both', () => {
  const both = 'evidence.vs.baseline.loss.mean < 0.0 && evidence.vs.parent.loss.expected < 0.0'
  expect(ask(both).saw).toBe(
    'better than the baseline by 0.019 (95% interval 0.011 to 0.027), expected gain 0.016 over late.ATL',
  )
})

// C59 of the bad-input catalogue.
test('a gate that reads an absent or NaN metric fails, saying so', () => {
  const said = { kind: 'missing', saw: 'metric auc is missing' }
  expect(ask('evidence.auc > 0.7')).toEqual(said)
  expect(ask('evidence.candidate.auc > 0.7')).toEqual(said)
  expect(ask('evidence["auc"] > 0.7')).toEqual(said)
  expect(ask('!(evidence.auc < 0.7)', subject({ auc: Number.NaN }))).toEqual(said)
  expect(ask('evidence.auc != 0.5', subject({ auc: Number.POSITIVE_INFINITY }))).toEqual(said)
  expect(ask('evidence.vs.baseline.mse.upper < 0').saw).toBe('metric vs.baseline.mse is missing')
})

test('one day only: the interval is missing, and the rule says why', () => {
  const one = subject().versus.baseline
  if (one === undefined) throw new Error('the sample has a baseline')
  const difference = { rows: 40, days: 1, mean: -0.019 }
  const of = subject({}, { versus: { baseline: { ...one, difference } } })
  expect(ask('evidence.vs.baseline.loss.upper < 0', of)).toEqual({
    kind: 'missing',
    saw: 'metric vs.baseline.loss.upper is missing: one day gives no interval',
  })
  expect(ask('evidence.vs.baseline.loss.mean < 0', of).saw).toBe('better by 0.019')
})

test('has() tells whether a rival or a metric is there', () => {
  const champion = '!has(evidence.vs.champion) || evidence.vs.champion.loss.upper < 0'
  expect(ask(champion)).toEqual({ kind: 'holds', saw: 'no champion' })
  const calibrated = '!has(evidence.candidate.brier) || evidence.candidate.brier < 0.2'
  expect(ask(calibrated)).toEqual({ kind: 'holds', saw: 'no Brier score' })
  const root = subject({}, { level: 'root', depth: 0, versus: {} })
  expect(ask("level == 'root' || evidence.vs.parent.loss.expected < 0", root).saw).toBe('no parent')
  expect(ask('evidence.vs.champion.loss.upper < 0')).toEqual({
    kind: 'missing',
    saw: 'there is no champion to compare with',
  })
  expect(ask('has(evidence.auc)', subject({ auc: Number.NaN })).kind).toBe('fails')
})

test('a rule that gives no truth value fails, saying so', () => {
  expect(ask('evidence.logLoss')).toEqual({
    kind: 'broken',
    saw: 'the rule gives the number 0.412, not true or false',
  })
  expect(ask('level').saw).toBe('the rule gives a text, not true or false')
  expect(ask('evidence.logLoss * 2 < 1').saw).toMatch(/^`\*` does not take \(double, int\)/)
})

// C58 of the bad-input catalogue.
test('a rule beyond the limits is refused before it is evaluated', () => {
  const l = `[${Array.from({ length: 120 }, (_, i) => i).join(',')}]`
  const refused = [
    `${'('.repeat(5_000)}true${')'.repeat(5_000)}`,
    `${'('.repeat(33)}true${')'.repeat(33)}`,
    '('.repeat(4_000),
    `${l}.all(a, ${l}.all(b, ${l}.all(c, a + b + c >= 0)))`,
    '[1].all(a, [1].all(b, [1].all(c, a == b && b == c)))',
    `${l}.all(a, ${l}.all(b, a + b >= 0))`,
    "level.matches('(a+)+$')",
    `rows${' + 1'.repeat(900)} > 0`,
    `evidence${'.a'.repeat(900)} > 0`,
    `rows > 0${' ? rows > 0 : rows > 0'.repeat(100)}`,
    `level == "${'x'.repeat(4_100)}"`,
  ]
  expect(refused.map(codes)).toEqual(refused.map(() => ['E_POLICY_COMPLEXITY']))
  const allowed = [
    '[1, 2].all(a, [3, 4].exists(b, a < b))',
    `${'('.repeat(20)}true${')'.repeat(20)}`,
    Array.from({ length: 40 }, (_, i) => `rows > ${i}`).join(' && '),
    "level in ['root', 'segment']",
    "level == '((((((((((((((((((((((((((((((((((((((((((('",
  ]
  expect(allowed.map(codes)).toEqual(allowed.map(() => []))
})

test('what a rule cannot read is refused with the cure', () => {
  const said = (expression: string): string => {
    const [problem] = checkRules([{ gate: 'g', from: 'blueprint', expression }])
    return problem === undefined ? 'fine' : `${problem.detail}; ${problem.hint}`
  }
  expect(said('evidnce.auc > 0.7')).toBe('unknown variable `evidnce`; use `evidence`')
  expect(said('evidence.vs.baseline.logloss.upper < 0')).toBe(
    'unknown metric `evidence.vs.baseline.logloss`; use `evidence.vs.baseline.logLoss`',
  )
  expect(said('evidence.auc.upper < 0')).toBe(
    '`evidence.auc` has nothing below it; write `evidence.auc`',
  )
  expect(said('rows > 10 && now() > 3')).toMatch(/^unknown function `now`/)
  expect(said('Policy{a: 1} == level')).toMatch(/^unknown type `Policy`/)
  expect(said('evidence.auc')).toMatch(/^the rule gives the number .*, not true or false/)
  expect(said('evidence.auc > "high"')).toMatch(/^`>` does not take \(double, string\)/)
  expect(said('evidence.auc > 0.7 and rows > 3')).toMatch(/^syntax error at line 1, column 20/)
})

test('a syntax error carries line and column', () => {
  const [problem] = checkRules([{ gate: 'g', from: 'low@1', expression: 'rows >\n  > 3' }])
  expect(problem).toMatchObject({ code: 'E_SPEC', line: expect.any(Number) })
  expect([problem?.line, problem?.column].every(n => (n ?? 0) >= 1)).toBe(true)
})
