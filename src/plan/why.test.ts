import { expect, test } from 'vitest'
import { digestOf } from '../base/digest.ts'
import type { ModelName, RunId } from '../base/ids.ts'
import type { Difference, Evidence, FitRow, ModelRecord, RuleOutcome } from '../fleet/index.ts'
import { explainModel, type LastTraining, type WhyChain } from './why.ts'

const name = 'route-late.ATL.LGA' as ModelName
const parent = 'route-late.ATL' as ModelName
const root = 'route-late' as ModelName
const place = { file: 'muster.yaml', line: 41 }
const blueprint = {
  name: 'route-late',
  key: ['origin', 'destination'],
  place,
  members: { where: undefined, atLeast: 100 },
}
const model: ModelRecord = {
  name,
  blueprint: 'route-late',
  depth: 2,
  rows: 5_012,
  state: 'serving',
  reason: 'kept',
  because: '',
  recipe: digestOf('recipe'),
}
const fit: FitRow = {
  name,
  state: 'fitted',
  row: 3,
  trainRows: 3_402,
  droppedRows: 0,
  penalty: 3.2,
  penaltyFrom: 'best of 7, 5 folds',
  parityError: 1e-7,
  baseline: 0.2,
}
const lineage = {
  pipeline: 'logistic@1',
  view: 'two-hours-before@1',
  snapshots: { flights: digestOf('snapshot') },
}

function evidenceOf(difference: Difference): Evidence {
  const other = { rows: difference.rows, logLoss: 0.431 }
  return {
    task: 'classification',
    span: '2001-05',
    candidate: { rows: difference.rows, logLoss: 0.412, calibrationError: 0.021 },
    baseline: { name: 'baseline', metrics: other, difference },
    ancestors: [
      { name: parent, metrics: other, difference },
      { name: root, metrics: other, difference },
    ],
  }
}

function rule(gate: string, holds: boolean, saw: string): RuleOutcome {
  return { gate, from: 'low@1', expression: 'evidence.auc > 0.5', holds, saw }
}

const gain = { rows: 812, days: 31, mean: -0.019, lower: -0.027, upper: -0.011 }
const kept: LastTraining = {
  run: 'r-7' as RunId,
  fit,
  lineage,
  evidence: evidenceOf(gain),
  verdict: {
    name,
    decision: 'kept',
    reason: 'kept',
    because: '',
    rules: [
      rule('better-than-baseline', true, 'better by 0.019 (95% interval 0.011 to 0.027)'),
      rule('worth-keeping', true, 'expected gain 0.016'),
      rule('calibrated', true, 'calibration error 0.021'),
    ],
    against: parent,
    expected: -0.016,
  },
}

function linesOf(chain: WhyChain): readonly string[] {
  return [
    chain.headline,
    ...chain.links.flatMap(({ step, subject, because }) =>
      because.map((text, i) => (i === 0 ? `${step} | ${subject} | ${text}` : `  ${text}`)),
    ),
  ]
}

test('a model that serves: the whole chain', () => {
  const chain = explainModel({
    model,
    blueprint,
    last: kept,
    routes: [
      {
        version: 1,
        versionDigest: digestOf('version'),
        environment: 'prod',
        generation: 1,
        since: new Date('2001-07-01T12:03:41.250Z'),
      },
    ],
    answeredBy: name,
    reported: { span: '2001-06', metrics: { rows: 798, logLoss: 0.421, auc: 0.73 } },
  })
  const snapshot = digestOf('snapshot').slice(7, 13)
  const version = digestOf('version').slice(7, 13)
  expect(chain.answeredBy).toBe(name)
  expect(linesOf(chain)).toEqual([
    `route-late.ATL.LGA serves v1 (${version}) in prod since 2001-07-01 12:03:41 UTC`,
    'declared | muster.yaml:41 | blueprint route-late, origin ATL, destination LGA, 5,012 rows',
    `trained | r-7 | snapshot ${snapshot}, two-hours-before@1, logistic@1, ` +
      'penalty 3.2 (best of 7, 5 folds), 3,402 training rows',
    'judged | low@1 | May 2001, 812 rows: log loss 0.412; ancestor route-late.ATL 0.431',
    '  better by 0.019 (95% interval 0.011 to 0.027)',
    '  better-than-baseline yes · worth-keeping yes (expected gain 0.016) · ' +
      'calibrated yes (calibration error 0.021)',
    'released | generation 1 | in prod, by policy, nobody asked',
    'reported |  | June 2001, 798 rows: log loss 0.421, AUC 0.73',
  ])
})

test('a version that is not asked: since when, for what, and who is instead', () => {
  const said = (state: 'open' | 'quarantined', standIns: readonly string[]) => {
    const since = '2001-07-02T08:00:00.000Z'
    const versionDigest = digestOf('version')
    const chain = explainModel({
      model,
      routes: [{ version: 3, versionDigest, environment: 'prod', generation: 1 }],
      answeredBy: name,
      aside: { state, because: 'the graph failed on this call', since, standIns },
    })
    return linesOf(chain).filter(line => !/^(declared|released)/.test(line))
  }
  const version = digestOf('version').slice(7, 13)
  expect(said('quarantined', ['previous', 'rule'])).toEqual([
    `route-late.ATL.LGA serves v3 (${version}) in prod, but is quarantined`,
    'set aside | v3 | quarantined since 2001-07-02 08:00:00 UTC: the graph failed on this call',
    '  answered by the first that can: previous, rule',
    '  asked again after: muster quarantine route-late.ATL.LGA@3',
  ])
  expect(said('open', [])).toEqual([
    `route-late.ATL.LGA serves v3 (${version}) in prod, but is set aside for a moment`,
    'set aside | v3 | for a moment since 2001-07-02 08:00:00 UTC: the graph failed on this call',
    '  nobody is declared to stand in',
    '  tried again within a minute',
  ])
})

test('a pruned model: who answers, why, and what comes next', () => {
  const loss = { rows: 61, days: 20, mean: 0.003, lower: -0.012, upper: 0.018 }
  const chain = explainModel({
    model: { ...model, state: 'inherited' },
    blueprint,
    last: {
      ...kept,
      evidence: evidenceOf(loss),
      verdict: {
        ...kept.verdict,
        decision: 'pruned',
        rules: [rule('worth-keeping', false, 'expected gain -0.002')],
      },
    },
    routes: [],
    answeredBy: parent,
  })
  const lines = linesOf(chain)
  expect(lines[0]).toBe('route-late.ATL.LGA is answered by route-late.ATL')
  expect(lines.slice(3)).toEqual([
    'judged | low@1 | May 2001, 61 rows: log loss 0.412; ancestor route-late.ATL 0.431',
    '  worse by 0.003 (95% interval -0.012 to 0.018)',
    '  worth-keeping no (expected gain -0.002)',
    'next |  | judged again when its data or its declaration changes: muster plan',
  ])
})

test('a failed fit, a model not yet trained, and a retired one', () => {
  const failed = explainModel({
    model: { ...model, state: 'failed' },
    blueprint,
    last: {
      ...kept,
      fit: {
        name,
        state: 'failed',
        code: 'too-few-rows',
        because: '7 rows, 10 needed',
        trainRows: 7,
      },
      evidence: undefined,
      verdict: { name, decision: 'failed', reason: 'too-few-rows', because: '', rules: [] },
    },
    routes: [],
    answeredBy: parent,
  })
  expect(linesOf(failed).slice(3)).toEqual([
    '  failed: 7 rows, 10 needed (too-few-rows)',
    'next |  | trained again when its data or its declaration changes: muster plan',
  ])
  const fresh = explainModel({
    model: { ...model, state: 'declared' },
    blueprint,
    routes: [],
    answeredBy: undefined,
  })
  expect(fresh.headline).toBe('route-late.ATL.LGA is declared and not yet trained')
  expect(fresh.links.map(link => link.step)).toEqual(['declared', 'next'])
  const retired = explainModel({
    model: { ...model, state: 'retired', because: 'no longer declared' },
    routes: [],
    answeredBy: parent,
  })
  expect(linesOf(retired)).toEqual([
    'route-late.ATL.LGA is retired',
    'declared |  | blueprint route-late is gone',
    'released |  | no longer declared',
    'next |  | declare its blueprint again, then: muster plan',
  ])
})
