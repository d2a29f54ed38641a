import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ModelName } from '../base/ids.ts'
import { ancestorsOf } from '../base/model-name.ts'
import type { Difference, Evidence, FitRow, Gate, Metrics, Verdict } from '../fleet/index.ts'
import { judgeFamily } from './judge-family.ts'

const low: readonly Gate[] = [
  {
    gate: 'better-than-baseline',
    from: 'low@1',
    expression: 'evidence.vs.baseline.loss.upper < 0',
  },
  {
    gate: 'worth-keeping',
    from: 'low@1',
    expression: "level == 'root' || evidence.vs.parent.loss.expected < 0",
  },
  { gate: 'calibrated', from: 'blueprint', expression: 'evidence.calibrationError < 0.05' },
]

function name(text: string): ModelName {
  return text as ModelName
}

function fitted(text: string): FitRow {
  const numbers = { row: 0, trainRows: 500, droppedRows: 0, parityError: 0, baseline: 0.2 }
  return { name: name(text), state: 'fitted', ...numbers }
}

function difference(mean: number, standardError = 0.004, days = 31): Difference {
  const half = 2.04 * standardError
  return { rows: 812, days, mean, standardError, lower: mean - half, upper: mean + half }
}

interface Shape {
  /** Mean difference to each ancestor, nearest first. */
  readonly ancestors?: readonly number[]
  readonly baseline?: number
  readonly metrics?: Partial<Metrics>
}

function evidenceOf(text: string, shape: Shape = {}): Evidence {
  const candidate = { rows: 812, loss: 0.412, logLoss: 0.412, auc: 0.73, calibrationError: 0.021 }
  const other = { rows: 812, loss: 0.431, logLoss: 0.431 }
  const means = shape.ancestors ?? []
  return {
    task: 'classification',
    span: '2001-05',
    candidate: { ...candidate, ...shape.metrics },
    baseline: { name: 'baseline', metrics: other, difference: difference(shape.baseline ?? -0.04) },
    ancestors: ancestorsOf(name(text)).map((ancestor, i) => ({
      name: ancestor,
      metrics: other,
      difference: difference(means[i] ?? -0.019),
    })),
  }
}

function judge(
  shapes: Readonly<Record<string, Shape>>,
  changes: Partial<Parameters<typeof judgeFamily>[0]> = {},
): ReadonlyMap<string, Verdict> {
  const names = Object.keys(shapes)
  const verdicts = judgeFamily({
    key: ['origin', 'destination'],
    gates: low,
    objectives: { latencyP99Ms: undefined, quality: undefined },
    fits: names.map(fitted),
    evidence: new Map(names.map(text => [name(text), evidenceOf(text, shapes[text])])),
    championsStay: new Set(),
    ...changes,
  })
  return new Map(verdicts.map(v => [v.name, v]))
}

test('a member that passes is kept, with one sentence of numbers', () => {
  const verdicts = judge({ late: {}, 'late.ATL': { ancestors: [-0.019] } })
  expect(verdicts.get('late')).toMatchObject({ decision: 'kept', reason: 'kept' })
  expect(verdicts.get('late')?.against).toBeUndefined()
  const leaf = verdicts.get('late.ATL')
  expect(leaf).toMatchObject({ decision: 'kept', against: 'late', expected: -0.019 })
  expect(leaf?.because).toBe(
    'May 2001, 812 rows: log loss 0.412; late 0.431; ' +
      'better by 0.019 (95% interval 0.0108 to 0.0272)',
  )
})

test('a member whose ancestor answers better is pruned, whatever else it fails', () => {
  const verdicts = judge({
    late: {},
    'late.ATL': { ancestors: [0.003], baseline: 0.01, metrics: { calibrationError: 0.2 } },
  })
  expect(verdicts.get('late.ATL')).toMatchObject({
    decision: 'pruned',
    reason: 'not-worth-keeping',
    against: 'late',
  })
  expect(verdicts.get('late.ATL')?.because).toContain(
    'worse by 0.003 (95% interval -0.00516 to 0.0112): better-than-baseline no',
  )
})

test('reasons count by gate', () => {
  const verdicts = judge({
    late: {},
    'late.ATL': { baseline: 0.01 },
    'late.BOS': { metrics: { calibrationError: 0.2 } },
  })
  expect(verdicts.get('late.ATL')).toMatchObject({
    decision: 'refused',
    reason: 'worse-than-baseline',
  })
  expect(verdicts.get('late.BOS')).toMatchObject({
    decision: 'refused',
    reason: 'gate-calibrated',
  })
  expect(verdicts.get('late.BOS')?.because).toMatch(/: calibrated no \(calibration error 0.2\)$/)
})

test('a member is compared with the nearest ancestor that was kept', () => {
  const shapes = {
    late: {},
    'late.ATL': { ancestors: [0.003] },
    // Better than its pruned segment, worse than the root that answers in its place.
    'late.ATL.LGA': { ancestors: [-0.02, 0.004] },
    'late.ATL.XNA': { ancestors: [0.02, -0.004] },
  }
  const verdicts = judge(shapes)
  expect(verdicts.get('late.ATL')?.decision).toBe('pruned')
  expect(verdicts.get('late.ATL.LGA')).toMatchObject({ decision: 'pruned', against: 'late' })
  expect(verdicts.get('late.ATL.XNA')).toMatchObject({ decision: 'kept', against: 'late' })
})

test('a root that loses to the baseline is refused: nobody answers in its place', () => {
  const expression =
    "evidence.vs.baseline.loss.expected < 0 || (level != 'root' && evidence.vs.parent.loss.expected < 0)"
  const gates = [{ gate: 'better-than-baseline', from: 'low@1', expression }]
  const verdicts = judge({ late: { baseline: 0.02 }, 'late.ATL': { baseline: 0.02 } }, { gates })
  const refused = { decision: 'refused', reason: 'worse-than-baseline' }
  expect(verdicts.get('late')).toMatchObject(refused)
  expect(verdicts.get('late.ATL')).toMatchObject(refused)
})

test('where no ancestor was kept, the baseline stands in for the parent', () => {
  const verdicts = judge({
    late: { baseline: 0.01 },
    'late.ATL': { ancestors: [0.02], baseline: -0.04 },
  })
  expect(verdicts.get('late')?.decision).toBe('refused')
  const segment = verdicts.get('late.ATL')
  expect(segment?.decision).toBe('kept')
  expect(segment?.against).toBeUndefined()
  expect(segment?.rules.find(rule => rule.gate === 'worth-keeping')?.saw).toBe(
    'no ancestor was kept, so the baseline: expected gain 0.04',
  )
})

test('what was not measured is never released', () => {
  const broken = {
    ...fitted('late.BOS'),
    state: 'failed',
    code: 'singular',
    because: 'no solution',
  }
  const verdicts = judge(
    {},
    {
      gates: [{ gate: 'large', from: 'low@1', expression: 'rows > 10' }],
      fits: [fitted('late'), fitted('late.ATL'), broken as FitRow],
      evidence: new Map([[name('late'), evidenceOf('late', { metrics: { rows: 0 } })]]),
    },
  )
  const found = [...verdicts.values()].map(v => [v.name, v.decision, v.reason])
  expect(found).toEqual([
    ['late', 'refused', 'no-judging-rows'],
    ['late.ATL', 'refused', 'no-judging-rows'],
    ['late.BOS', 'failed', 'singular'],
  ])
})

test('a rule that compares with the parent prunes, whatever its name', () => {
  const expression = "level == 'root' || evidence.vs.parent.loss.upper < 0"
  const gates = [{ gate: 'surely-better', from: 'own@1', expression }]
  const verdicts = judge({ late: {}, 'late.ATL': { ancestors: [-0.001] } }, { gates })
  expect(verdicts.get('late.ATL')).toMatchObject({
    decision: 'pruned',
    reason: 'not-worth-keeping',
  })
})

test('an ancestor whose champion stays is whom those below are compared with', () => {
  const shapes = {
    late: {},
    'late.ATL': { metrics: { calibrationError: 0.2 } },
    'late.ATL.LGA': { ancestors: [0.01, -0.02] },
  }
  const without = judge(shapes)
  expect(without.get('late.ATL')).toMatchObject({ decision: 'refused' })
  expect(without.get('late.ATL.LGA')).toMatchObject({ decision: 'kept', against: 'late' })
  const stays = judge(shapes, { championsStay: new Set([name('late.ATL')]) })
  expect(stays.get('late.ATL.LGA')).toMatchObject({ decision: 'pruned', against: 'late.ATL' })
})

test('a member that answers as its parent does, but for rounding, is no gain', () => {
  const verdicts = judge({ late: {}, 'late.ATL': { ancestors: [-1e-8] } })
  expect(verdicts.get('late.ATL')).toMatchObject({ decision: 'pruned', expected: 0 })
})

test('a missing metric refuses and does not prune: a champion stays where it is', () => {
  const expression = "level == 'root' || evidence.vs.parent.loss.upper < 0"
  const certain = [{ gate: 'worth-keeping', from: 'high@1', expression }]
  const oneDay = evidenceOf('late.ATL')
  const [parent] = oneDay.ancestors
  const bare = { rows: 20, days: 1, mean: -0.02 }
  const verdicts = judge(
    {},
    {
      gates: certain,
      fits: [fitted('late'), fitted('late.ATL')],
      evidence: new Map([
        [name('late'), evidenceOf('late')],
        [
          name('late.ATL'),
          { ...oneDay, ancestors: parent ? [{ ...parent, difference: bare }] : [] },
        ],
      ]),
    },
  )
  expect(verdicts.get('late.ATL')).toMatchObject({
    decision: 'refused',
    reason: 'gate-worth-keeping',
  })
})

test('the quality objective is asked of the root only', () => {
  const objectives = {
    latencyP99Ms: undefined,
    quality: { metric: 'auc', atLeast: 0.8 },
  } as const
  const verdicts = judge({ late: {}, 'late.ATL': {} }, { objectives })
  expect(verdicts.get('late')).toMatchObject({ decision: 'refused', reason: 'gate-objective' })
  expect(verdicts.get('late')?.because).toMatch(/objective no \(AUC 0.73\)$/)
  expect(verdicts.get('late.ATL')?.rules.map(rule => rule.gate)).not.toContain('objective')
  const whole = { latencyP99Ms: undefined, quality: { metric: 'auc', atLeast: 0 } } as const
  expect(judge({ late: {} }, { objectives: whole }).get('late')?.decision).toBe('kept')
})

test('siblings lend strength: a small loss among gains is kept, a lone one is not', () => {
  const siblings = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`late.S${i}`, { ancestors: [-0.02 - i * 1e-5] }]),
  )
  const among = judge({ late: {}, ...siblings, 'late.X': { ancestors: [0.002] } })
  expect(among.get('late.X')?.decision).toBe('kept')
  expect(judge({ late: {}, 'late.X': { ancestors: [0.002] } }).get('late.X')?.decision).toBe(
    'pruned',
  )
})

const broken = fc.constantFrom(undefined, Number.NaN, Number.POSITIVE_INFINITY)

test('a missing or NaN metric that a gate reads never lets a member be kept', () => {
  const read = fc.constantFrom('auc', 'logLoss', 'calibrationError', 'brier', 'loss')
  const compare = fc.constantFrom('<', '<=', '>', '>=', '!=', '==')
  fc.assert(
    fc.property(read, compare, broken, fc.double({ noNaN: true }), (metric, op, value, bound) => {
      const number = Number.isFinite(bound) ? bound.toFixed(3) : '0.5'
      const expression = `evidence.${metric} ${op} ${number}`
      const gates = [...low, { gate: 'read', from: 'blueprint', expression }]
      const metrics = { [metric]: value } as Partial<Metrics>
      const verdict = judge({ late: { metrics } }, { gates }).get('late')
      expect(verdict?.decision).toBe('refused')
      expect(verdict?.rules.find(r => r.gate === 'read')?.saw).toBe(`metric ${metric} is missing`)
    }),
  )
})

test('every fit has one verdict, and one that is kept failed no rule', () => {
  const mean = fc.double({ min: -0.05, max: 0.05, noNaN: true })
  const shape = fc.record({ ancestors: fc.tuple(mean, mean), baseline: mean })
  const shapes = fc.dictionary(fc.stringMatching(/^late(\.[A-C](\.[A-C])?)?$/), shape)
  fc.assert(
    fc.property(shapes, given => {
      const verdicts = judge(given)
      expect([...verdicts.keys()].sort()).toEqual(Object.keys(given).sort())
      for (const verdict of verdicts.values()) {
        const allHold = verdict.rules.every(rule => rule.holds)
        expect(verdict.decision === 'kept').toBe(allHold)
        expect(verdict.because).not.toBe('')
        if (verdict.against !== undefined) {
          expect(verdicts.get(verdict.against)?.decision).toBe('kept')
        }
      }
    }),
  )
})
