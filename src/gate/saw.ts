import { countOf, formatNumber } from '../base/format.ts'
import type { Difference } from '../fleet/index.ts'
import type { CompiledRule, RuleResult } from './rule.ts'
import { type Comparison, type RivalName, type RuleSubject, rivalNames } from './variables.ts'

/*
 * What a rule saw, in words with numbers. Units are unknown here: losses and metrics are given
 * bare.
 */

const metricWords: Readonly<Record<string, string>> = {
  loss: 'loss',
  mse: 'mean squared error',
  rmse: 'RMSE',
  mae: 'MAE',
  r2: 'R2',
  logLoss: 'log loss',
  auc: 'AUC',
  brier: 'Brier score',
  calibrationError: 'calibration error',
}

export function metricWord(name: string): string {
  return metricWords[name] ?? name
}

/** `better by 0.019 (95% interval 0.011 to 0.027)`; of one day only, `better by 0.019`. */
export function differenceWords(difference: Difference, than = ''): string {
  const { mean, lower, upper } = difference
  const gain = mean <= 0
  const word = mean === 0 ? 'equal' : `${gain ? 'better' : 'worse'}${than}`
  const by = mean === 0 ? '' : ` by ${formatNumber(Math.abs(mean))}`
  if (lower === undefined || upper === undefined) return word + by
  if (!Number.isFinite(lower) || !Number.isFinite(upper)) return word + by
  // Said of a gain, the interval is that of the gain: its ends change sign and place.
  const [from, to] = gain ? [-upper, -lower] : [lower, upper]
  return `${word}${by} (95% interval ${formatNumber(from)} to ${formatNumber(to)})`
}

function rivalPhrase(rival: RivalName, comparison: Comparison): string {
  return ` than ${rival === 'parent' ? comparison.name : `the ${rival}`}`
}

/** Words for one path that the rule reads, or undefined when it says nothing of interest. */
function readWords(path: string, subject: RuleSubject, named: boolean): string | undefined {
  const [root, first, second, , field] = path.split('.')
  if (root === 'rows') return countOf(subject.trainRows, 'training row')
  if (root !== 'evidence' || first === undefined) return undefined
  if (first === 'vs') {
    const rival = second as RivalName
    const comparison = subject.versus[rival]
    if (comparison === undefined) return undefined
    const than = named ? rivalPhrase(rival, comparison) : ''
    if (field !== 'expected') return differenceWords(comparison.difference, than)
    return `expected gain ${formatNumber(-comparison.expected)}${than && ` over${than.slice(5)}`}`
  }
  const whose = second === undefined ? 'candidate' : first
  const metric = second ?? first
  const metrics =
    whose === 'candidate' ? subject.evidence.candidate : subject.versus[whose as RivalName]?.metrics
  const asked = metric === 'mse' ? 'loss' : metric
  const value = (metrics as Readonly<Record<string, unknown>> | undefined)?.[asked]
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  const words =
    metric === 'rows' ? countOf(value, 'row') : `${metricWord(metric)} ${formatNumber(value)}`
  return whose === 'candidate' ? words : `${words} (${whose})`
}

/** `metric auc is missing`, with the reason where it is known. */
export function missingWords(path: string, subject: RuleSubject): string {
  const parts = path.split('.')
  const [, first, second] = parts
  if (first === 'vs' && second !== undefined && subject.versus[second as RivalName] === undefined) {
    return `there is no ${second} to compare with`
  }
  const short = parts.slice(parts[1] === 'candidate' ? 2 : 1).join('.') || path
  const difference = subject.versus[second as RivalName]?.difference
  const oneDay = first === 'vs' && (difference?.days ?? 0) === 1
  return `metric ${short} is missing${oneDay ? ': one day gives no interval' : ''}`
}

function sawOf(rule: CompiledRule, subject: RuleSubject): string {
  const rivals = new Set(
    rule.reads.filter(p => p.startsWith('evidence.vs.')).map(p => p.split('.')[2]),
  )
  const words = new Set<string>()
  for (const path of rule.reads) {
    const found = readWords(path, subject, rivals.size > 1)
    if (found !== undefined) words.add(found)
  }
  if (words.size > 0) return [...words].join(', ')
  const absent = new Set(rule.reads.flatMap(path => absentWords(path, subject) ?? []))
  return absent.size > 0 ? [...absent].join(', ') : `level ${subject.level}`
}

/** Of a rule that holds without what it would read: `no champion`, `no calibration error`. */
function absentWords(path: string, subject: RuleSubject): string | undefined {
  const [root, first, second, third] = path.split('.')
  if (root !== 'evidence' || first === undefined) return undefined
  const rival = first === 'vs' ? second : first
  if (rivalNames.some(name => name === rival)) {
    return subject.versus[rival as RivalName] === undefined ? `no ${rival}` : undefined
  }
  return third === undefined ? `no ${metricWord(second ?? first)}` : undefined
}

/** What the rule saw; `note` says what was put in the parent's place when no ancestor was kept. */
export function rulesWords(
  rule: CompiledRule,
  result: RuleResult,
  subject: RuleSubject,
  note: string,
): string {
  switch (result.kind) {
    case 'missing':
      return missingWords(result.path, subject)
    case 'broken':
      return result.why
    default: {
      const readsParent = rule.reads.some(path => /^evidence\.(?:vs\.)?parent\b/.test(path))
      const saw = sawOf(rule, subject)
      return note !== '' && readsParent ? `${note}: ${saw}` : saw
    }
  }
}
