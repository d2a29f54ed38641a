import { formatCount, formatNumber, spanWords } from '../base/format.ts'
import type { EffectiveValue, ModelView, VersionRow } from '../contract/index.ts'
import { asideText, stateText } from './state-look.ts'
import { pad, printable, shortDigestText, timeWords } from './text.ts'

/* One model for people: what it is, who answers, what went in, what the evidence says. */

function pairs(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows
    .filter(([, right]) => right !== '')
    .map(([left, right]) => `  ${pad(left, width)}  ${right}`)
}

/** `penalty 10  muster.yaml:52 override *.HNL  (over 3.2, logistic@1 search)` */
export function originLines(values: readonly EffectiveValue[]): string[] {
  const nameWidth = Math.max(0, ...values.map(v => v.name.length))
  const valueWidth = Math.max(0, ...values.map(v => v.value.length))
  return values.map(({ name, value, origin, over }) => {
    const left = `${pad(printable(name), nameWidth)} ${pad(printable(value), valueWidth)}`
    const line = `${left}  ${printable(origin)}`
    return over === null ? line : `${line}  (over ${printable(over)})`
  })
}

function metricsText(version: VersionRow): string {
  const { evidence } = version
  const { rows, rmse, mae, r2, logLoss, auc, brier, calibrationError } = evidence.candidate
  const named: readonly (readonly [string, number | undefined])[] = [
    ['RMSE', rmse],
    ['MAE', mae],
    ['R2', r2],
    ['log loss', logLoss],
    ['AUC', auc],
    ['Brier', brier],
    ['calibration error', calibrationError],
  ]
  const words = named.flatMap(([name, v]) =>
    v === undefined ? [] : [`${name} ${formatNumber(v)}`],
  )
  return `${words.join(', ')} on ${formatCount(rows)} rows of ${spanWords(evidence.span)}`
}

/**
 * `against route-late.ATL: better by 0.019 a row (95%: 0.011 to 0.027)`; loss is squared error or
 * log loss.
 */
function rivalText(version: VersionRow, which: 'baseline' | 'parent' | 'champion'): string {
  const { baseline, ancestors, champion, task } = version.evidence
  const rival = which === 'baseline' ? baseline : which === 'parent' ? ancestors[0] : champion
  if (!rival) return ''
  const { mean, lower, upper, rows } = rival.difference
  const sign = mean <= 0 ? -1 : 1
  const low = lower === undefined || upper === undefined ? '' : interval(sign, lower, upper)
  const loss = task === 'classification' ? 'log loss' : 'squared error'
  return (
    `${mean <= 0 ? 'better' : 'worse'} than ${printable(rival.name)} by ` +
    `${formatNumber(Math.abs(mean))} ${loss} a row, ${formatCount(rows)} rows${low}`
  )
}

function interval(sign: number, lower: number, upper: number): string {
  const ends = [sign * lower, sign * upper].sort((a, b) => a - b)
  return ` (95%: ${ends.map(formatNumber).join(' to ')})`
}

export function modelLines(model: ModelView): string[] {
  const route = model.routes[0]
  const { aside } = model
  const state = aside ? asideText(aside, true) : stateText(model.state, true)
  const lines = [
    `${printable(model.name)}  ${state}`,
    '',
    ...pairs([
      ['because', printable(model.because)],
      ['set aside', printable(model.aside?.because ?? '')],
      ['answered by', printable(model.answeredBy ?? 'nobody yet')],
      [
        'serves',
        route ? `v${route.version} in ${route.environment}, generation ${route.generation}` : '',
      ],
      ['purpose', printable(model.purpose)],
      ['owner', `${printable(model.owner)}, risk class ${model.riskClass}`],
      ['declared', `${printable(model.declaredAt)}, blueprint ${model.blueprint}, ${model.level}`],
      ['key', model.keyValues.map(k => `${printable(k.column)} ${printable(k.value)}`).join(', ')],
      ['rows', formatCount(model.rows)],
      ['parent', model.parent ?? ''],
      ['children', model.children > 0 ? formatCount(model.children) : ''],
    ]),
  ]
  if (model.signature) {
    const { inputs, output, unit } = model.signature
    lines.push('', 'Inputs')
    lines.push(
      ...pairs(
        inputs.map(i => [i.name, `${i.datatype}${i.mayBeMissing ? ', may be missing' : ''}`]),
      ),
    )
    lines.push(
      '',
      'Output',
      ...pairs([[output.name, `${output.datatype}${unit ? `, ${printable(unit)}` : ''}`]]),
    )
  }
  for (const version of model.versions) lines.push('', ...versionLines(version))
  return lines
}

function versionLines(version: VersionRow): string[] {
  const snapshots = Object.entries(version.snapshots)
  return [
    `v${version.number} (${shortDigestText(version.digest)})  ${version.verdict.decision}`,
    ...pairs([
      ['because', printable(version.verdict.because)],
      ['made', `${timeWords(version.createdAt)}, run ${version.run}, plan ${version.plan}`],
      [
        'from',
        `${version.pipeline}, ${version.view}, ${formatCount(version.trainRows)} training rows`,
      ],
      [
        'penalty',
        version.penalty === null ? '' : `${version.penalty} (${version.penaltyFrom ?? ''})`,
      ],
      ['data', snapshots.map(([s, id]) => `${printable(s)} ${shortDigestText(id)}`).join(', ')],
      ['judged', metricsText(version)],
      ['', rivalText(version, 'baseline')],
      ['', rivalText(version, 'parent')],
      ['', rivalText(version, 'champion')],
      ...version.verdict.rules.map(
        rule =>
          [
            rule.gate,
            `${rule.holds ? 'yes' : 'no'}: ${printable(rule.saw)} (${rule.from})`,
          ] as const,
      ),
      ['code', version.code],
    ]),
  ]
}
