import type { Difference, Evidence, Metrics, Role } from '../fleet/index.ts'
import type { BlueprintSpec } from '../spec/index.ts'
import type { RuleVariables } from './rule.ts'

/*
 * What a rule may read:
 *
 *   level                 'root', 'segment' or 'leaf'
 *   depth, rows           whole numbers: 0 for the root; training rows
 *   evidence.task, .span  'regression' or 'classification'; the judging span as declared
 *   evidence.<metric>     of the candidate, short for evidence.candidate.<metric>
 *   evidence.<rival>.<metric>              rivals: baseline, parent, champion
 *   evidence.vs.<rival>.<loss>.<number>    losses: loss, and logLoss or mse; numbers: mean, lower,
 *                                          upper, expected, rows, days, standardError
 *   objectives            as declared: objectives.quality.atMost
 *
 * `vs.parent` is the nearest ancestor that was kept. A number that is absent or not finite is left
 * out, so that reading it fails, saying so, and `has(...)` tells.
 */

export const rivalNames = ['baseline', 'parent', 'champion'] as const
export type RivalName = (typeof rivalNames)[number]
export const metricNames = [
  'rows',
  'loss',
  'mse',
  'rmse',
  'mae',
  'r2',
  'logLoss',
  'auc',
  'brier',
  'calibrationError',
] as const
export const lossNames = ['loss', 'logLoss', 'mse'] as const
export const differenceNames = [
  'mean',
  'lower',
  'upper',
  'expected',
  'rows',
  'days',
  'standardError',
] as const

/** One rival of a candidate, as a rule sees it. */
export interface Comparison {
  readonly name: string
  readonly metrics: Metrics
  readonly difference: Difference
  /** The mean difference shrunk towards the siblings'. */
  readonly expected: number
}

export interface RuleSubject {
  readonly level: Role
  readonly depth: number
  readonly trainRows: number
  readonly evidence: Evidence
  readonly versus: Readonly<Partial<Record<RivalName, Comparison>>>
  readonly objectives: BlueprintSpec['objectives']
}

type Fields = Record<string, number | bigint | string>

function whole(value: number): bigint {
  return BigInt(Math.round(value))
}

function metricFields(metrics: Metrics, task: Evidence['task']): Fields {
  const fields: Fields = {}
  for (const name of metricNames) {
    const given =
      name === 'mse' ? (task === 'regression' ? metrics.loss : undefined) : metrics[name]
    if (given === undefined || !Number.isFinite(given)) continue
    fields[name] = name === 'rows' ? whole(given) : given
  }
  return fields
}

function differenceFields(comparison: Comparison): Fields {
  const fields: Fields = {}
  for (const name of differenceNames) {
    const given = name === 'expected' ? comparison.expected : comparison.difference[name]
    if (given === undefined || !Number.isFinite(given)) continue
    fields[name] = name === 'rows' || name === 'days' ? whole(given) : given
  }
  return fields
}

function objectiveFields(objectives: BlueprintSpec['objectives']): RuleVariables {
  const { latencyP99Ms, quality } = objectives
  const bound =
    quality === undefined
      ? undefined
      : 'atMost' in quality
        ? { metric: quality.metric, atMost: quality.atMost }
        : { metric: quality.metric, atLeast: quality.atLeast }
  return {
    ...(latencyP99Ms === undefined ? {} : { latencyP99Ms }),
    ...(bound === undefined ? {} : { quality: bound }),
  }
}

export function variablesOf(subject: RuleSubject): RuleVariables {
  const { evidence, versus } = subject
  const candidate = metricFields(evidence.candidate, evidence.task)
  const lossName = evidence.task === 'regression' ? 'mse' : 'logLoss'
  const seen: Record<string, string | number | bigint | object> = {
    ...candidate,
    task: evidence.task,
    span: evidence.span,
    candidate,
    baseline: metricFields(evidence.baseline.metrics, evidence.task),
  }
  const vs: Record<string, Record<string, Fields>> = {}
  for (const rival of rivalNames) {
    const comparison = versus[rival]
    if (comparison === undefined) continue
    const fields = differenceFields(comparison)
    vs[rival] = { loss: fields, [lossName]: fields }
    seen[rival] = metricFields(comparison.metrics, evidence.task)
  }
  seen.vs = vs
  return {
    level: subject.level,
    depth: whole(subject.depth),
    rows: whole(subject.trainRows),
    evidence: seen as RuleVariables,
    objectives: objectiveFields(subject.objectives),
  } as RuleVariables
}
