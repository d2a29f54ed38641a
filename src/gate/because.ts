import { countOf, formatNumber, spanWords } from '../base/format.ts'
import type { Decision, Evidence, Metrics, Rival, RuleOutcome } from '../fleet/index.ts'
import { differenceWords } from './saw.ts'
import type { Comparison } from './variables.ts'

/* The one sentence of a verdict: what was measured, on how much, against whom, and what decided. */

function lossOf(metrics: Metrics, task: Evidence['task']): string {
  const value = task === 'regression' ? metrics.rmse : (metrics.logLoss ?? metrics.loss)
  return value === undefined || !Number.isFinite(value) ? 'unknown' : formatNumber(value)
}

/**
 * `May 2001, 812 rows: log loss 0.412; route-late.ATL 0.431; better by 0.019 (95% interval 0.011 to
 * 0.027)`.
 */
export function measuredWords(
  evidence: Evidence,
  rival: Pick<Rival, 'name' | 'metrics' | 'difference'>,
): string {
  const { task, candidate } = evidence
  const where = `${spanWords(evidence.span)}, ${countOf(candidate.rows, 'row')}`
  const own = `${task === 'regression' ? 'RMSE' : 'log loss'} ${lossOf(candidate, task)}`
  const other = `${rival.name} ${lossOf(rival.metrics, task)}`
  // The paired difference of a regression is of squared errors; RMSEs do not subtract to it.
  const kind = task === 'regression' ? 'squared error ' : ''
  return `${where}: ${own}; ${other}; ${kind}${differenceWords(rival.difference)}`
}

/**
 * The sentence of a judged member. `against` is the ancestor, or the baseline where there is none.
 */
export function becauseOf(
  decision: Decision,
  evidence: Evidence,
  against: Comparison,
  rules: readonly RuleOutcome[],
): string {
  const failed = rules.filter(rule => !rule.holds)
  const name = against.name === evidence.baseline.name ? 'the baseline' : against.name
  const measured = measuredWords(evidence, { ...against, name })
  if (decision === 'kept') return measured
  const whys = failed.map(rule => {
    const repeated = measured.endsWith(rule.saw)
    return repeated ? `${rule.gate} no` : `${rule.gate} no (${rule.saw})`
  })
  return `${measured}: ${whys.join(', ')}`
}
