import { formatCount, formatNumber } from '../base/format.ts'
import type { LevelCount } from '../fleet/index.ts'
import type { BlueprintResult, QuickstartSummary } from './quickstart-summary.ts'

function row(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
    .join('  ')
    .trimEnd()
}

function table(lines: readonly (readonly string[])[], indent: string): string[] {
  const widths = (lines[0] ?? []).map((_, c) => Math.max(...lines.map(l => l[c]?.length ?? 0)))
  return lines.map(line => indent + row(line, widths))
}

function levelCells(level: LevelCount): string[] {
  const { declared, trained, failed, kept, pruned, refused, serving } = level
  const name = level.key || 'root'
  return [name, ...[declared, trained, failed, kept, pruned, refused, serving].map(formatCount)]
}

/** `June: RMSE 31.68 by the fleet, 32.17 by the root alone, 34.10 by the mean of each route`. */
function holdoutLine({ holdout }: BlueprintResult): string {
  if (!holdout) return ''
  const { metric, span, rows, fleet, root, baseline, auc } = holdout
  const number = (value: number | null): string => (value === null ? 'none' : formatNumber(value))
  const word = metric === 'logLoss' ? 'log loss' : metric.toUpperCase()
  const areas = auc ? `; AUC ${formatNumber(auc.fleet)}, the root ${formatNumber(auc.root)}` : ''
  return (
    `  ${span}, ${formatCount(rows)} rows that neither fit nor gate has seen: ${word} ` +
    `${number(fleet)} by the fleet, ${number(root)} by the root alone, ` +
    `${number(baseline)} by each member's mean${areas}`
  )
}

/** Leaves that do not beat their ancestors are a finding, and the summary says so. */
function leavesLine({ levels, holdout }: BlueprintResult): string {
  const leaves = levels.at(-1)
  if (!leaves) return ''
  const whole = holdout?.unpruned.at(-1)?.value ?? null
  const kept = whole === null ? '' : `; all leaves kept would give ${formatNumber(whole)}`
  return (
    `  ${formatCount(leaves.trained)} leaves trained, ${formatCount(leaves.kept)} earn their keep; ` +
    `the other ${formatCount(leaves.trained - leaves.kept)} are answered by an ancestor${kept}`
  )
}

export function summaryLines(summary: QuickstartSummary): readonly string[] {
  const head = ['', 'declared', 'trained', 'failed', 'kept', 'pruned', 'refused', 'serving']
  const lines: string[] = []
  for (const blueprint of summary.blueprints) {
    lines.push('', blueprint.name)
    lines.push(...table([head, ...blueprint.levels.map(levelCells)], '  '))
    lines.push(leavesLine(blueprint), holdoutLine(blueprint))
  }
  const reasons = Object.entries(summary.reasons).map(([code, n]) => `${code} ${formatCount(n)}`)
  const stages = summary.stages.map(s => `${s.name} ${s.seconds.toFixed(1)} s`)
  const overlap = stages.length > 1 ? '; stages overlap' : '; everything else was found done'
  lines.push('', `Why not kept: ${reasons.join(' · ') || 'all were'}`)
  lines.push(`Time: ${summary.seconds.toFixed(1)} s (${stages.join(' · ')}${overlap})`)
  lines.push(`Peak memory of all processes: ${formatNumber(summary.peakRssBytes / 1e9)} GB`)
  return lines
}

/**
 * Calls that work as they stand, in another terminal; `server` is needed when it is not the
 * default.
 */
export function callsToTry(url: string, isDefault: boolean): readonly string[] {
  const server = isDefault ? '' : ` --server ${url}`
  const inputs = ['hour=17', 'weekday=5', 'distance=760', 'departures.origin_count_1h=30']
  const given = inputs.map(input => `--input ${input}`).join(' ')
  return [
    '',
    `Muster is up at ${url} (API: ${url}/api/docs). Try, in another terminal:`,
    `  npx muster status${server}`,
    `  npx muster why route-late.ATL.LGA${server}`,
    `  npx muster predict route-late.ATL.LGA ${given}${server}`,
    `  npx muster list 'under:route-delay.ATL state:inherited'${server}`,
    `  npx muster export route-delay.ATL.LGA route.onnx${server}`,
    `  curl ${url}/v2/models/route-delay.ATL.LGA`,
    'Ctrl C ends it; the next start is up in seconds.',
  ]
}
