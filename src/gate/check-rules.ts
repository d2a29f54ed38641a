import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { Evidence, Gate, Role } from '../fleet/index.ts'
import { checkNames, type Names } from './check-names.ts'
import { compileRule, parseRule } from './rule.ts'
import {
  differenceNames,
  lossNames,
  metricNames,
  type RuleSubject,
  rivalNames,
  variablesOf,
} from './variables.ts'

export interface RuleProblem {
  readonly gate: string
  /** `low@1`, `blueprint` or `objective`. */
  readonly from: string
  /** E_POLICY_COMPLEXITY, or E_SPEC. */
  readonly code: ErrorCode
  readonly detail: string
  readonly hint: string
  /** Of a syntax error, within the rule, from 1. */
  readonly line: number | undefined
  readonly column: number | undefined
}

function all(names: readonly string[], below: Names | true = true): Names {
  return Object.fromEntries(names.map(name => [name, below]))
}

const metrics = all(metricNames)
const variables: Names = {
  level: true,
  depth: true,
  rows: true,
  objectives: { latencyP99Ms: true, quality: { metric: true, atMost: true, atLeast: true } },
  evidence: {
    ...metrics,
    task: true,
    span: true,
    candidate: metrics,
    ...all(rivalNames, metrics),
    vs: all(rivalNames, all(lossNames, all(differenceNames))),
  },
}
/** A member with every metric, so that a rule that fails on it by its form fails on all. */
function sample(level: Role, depth: number, task: Evidence['task']): RuleSubject {
  const own = { rows: 811, loss: 0.4127, auc: 0.7311, brier: 0.1317, calibrationError: 0.0213 }
  const numbers = { ...own, rmse: 31.93, mae: 17.19, r2: 0.1117, logLoss: 0.4127 }
  const spread = { standardError: 0.0041, lower: -0.0273, upper: -0.0113 }
  const difference = { rows: 811, days: 31, mean: -0.0193, ...spread }
  const rival = { name: 'other', metrics: numbers, difference }
  const comparison = { ...rival, expected: -0.0161 }
  return {
    level,
    depth,
    trainRows: 5_011,
    evidence: { task, span: '2001-05', candidate: numbers, baseline: rival, ancestors: [] },
    versus: { baseline: comparison, parent: comparison, champion: comparison },
    objectives: { latencyP99Ms: 10, quality: { metric: 'auc', atLeast: 0.7 } },
  }
}

const samples = [
  variablesOf(sample('root', 0, 'classification')),
  variablesOf(sample('leaf', 2, 'classification')),
  variablesOf(sample('leaf', 2, 'regression')),
]

const ruleForm = 'a gate is a comparison of metrics: evidence.auc > 0.7'

function problemOf(rule: Gate): Omit<RuleProblem, 'gate' | 'from'> | undefined {
  const nowhere = { line: undefined, column: undefined }
  try {
    const unknown = checkNames(parseRule(rule.expression).root, variables, 'metric')
    if (unknown !== undefined) return { code: 'E_SPEC', ...unknown, ...nowhere }
    const compiled = compileRule(rule)
    for (const variables of samples) {
      const result = compiled.evaluate(variables)
      if (result.kind !== 'broken') continue
      return { code: 'E_SPEC', detail: result.why, hint: ruleForm, ...nowhere }
    }
    return undefined
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    const { line, column } = error.extra as { line?: number; column?: number }
    return { code: error.code, detail: error.message, hint: error.hint ?? ruleForm, line, column }
  }
}

/**
 * Every rule that cannot be judged by, with what is wrong and the cure; none when all are well
 * formed.
 */
export function checkRules(gates: readonly Gate[]): readonly RuleProblem[] {
  return gates.flatMap(rule => {
    const problem = problemOf(rule)
    return problem === undefined ? [] : [{ gate: rule.gate, from: rule.from, ...problem }]
  })
}
