import { bytesWords, countOf, formatCount } from '../base/format.ts'
import type { ScoreView } from '../contract/index.ts'
import { bar, countsText, doneWords, stagesOf } from './progress.ts'
import { cut, durationWords, printable } from './text.ts'

/* What is known of a score, as people read it. */

const barWidth = 20

export function hasEnded({ state }: Pick<ScoreView, 'state'>): boolean {
  return state !== 'waiting' && state !== 'running'
}

function stages(score: ScoreView) {
  const steps = score.steps.map(step => ({
    ...step,
    run: score.id,
    blueprint: score.blueprint,
    attempts: 1,
  }))
  return stagesOf(steps).map(stage => {
    const parts = steps.filter(step => step.kind === stage.kind)
    return {
      ...stage,
      parts: parts.length,
      partsDone: parts.filter(p => p.state === 'done').length,
    }
  })
}

/** One line, cut to the width: a bar of the stage that is at work. */
export function liveLine(score: ScoreView, width: number): string {
  const all = stages(score)
  const now = all.find(s => s.state === 'running') ?? all.find(s => s.state === 'waiting')
  const words =
    now === undefined
      ? 'waiting'
      : now.kind === 'score'
        ? `${formatCount(now.partsDone)} of ${countOf(now.parts, 'part')}, ${countsText(now)}`
        : countsText(now)
  const [done, total] = now?.kind === 'score' ? [now.partsDone, now.parts] : [now?.done, now?.total]
  const drawn = bar(done ?? 0, total ?? 0, barWidth)
  return cut(`${score.id}  ${drawn}  ${now?.kind ?? ''}  ${words}`.trimEnd(), width - 1)
}

/** What a newer look adds in a pipe: a line a stage that has ended since. */
export function newLines(before: ScoreView | undefined, now: ScoreView): string[] {
  const known = new Set(
    before === undefined ? [] : stages(before).flatMap(s => (s.state === 'done' ? [s.kind] : [])),
  )
  const lines = stages(now)
    .filter(stage => stage.state === 'done' && !known.has(stage.kind))
    .map(stage => {
      const parts = stage.parts > 1 ? `, ${countOf(stage.parts, 'part')}` : ''
      return `score ${now.id}: ${stage.kind} ${doneWords(stage)}${parts}`
    })
  if (before !== undefined) return lines
  const about = `${printable(now.view)} by ${printable(now.blueprint)}`
  return [
    `score ${now.id} ${hasEnded(now) ? now.state : 'started'}: ${about}, routes of generation ` +
      `${now.generation} in ${now.environment}`,
    ...lines,
  ]
}

/** Rows, how fast, who answered, what is missing. */
export function reportLines(score: ScoreView): string[] {
  const { report } = score
  const failed = score.steps.filter(({ state }) => state === 'failed')
  const lines = [`score ${score.id} ${score.state}${because(score)}`]
  for (const { kind, part, code, because } of failed) {
    lines.push(`  ${kind} ${part}: ${code}: ${printable(because ?? '')}`)
  }
  if (report === null) return lines
  const speed = `${formatCount(report.rowsPerSecond)} rows a second`
  lines.push(
    `  ${countOf(report.rows, 'row')} in ${durationWords(report.seconds)} (${speed}; the scoring ` +
      `steps alone took ${durationWords(report.scoringSeconds)})`,
  )
  const levels = report.byLevel.map(({ level, rows }) => `${level} ${formatCount(rows)}`)
  lines.push(`  answered by: ${levels.map(printable).join(', ')}`)
  const missing = Object.entries(report.unscored).map(([why, n]) => `${why} ${formatCount(n)}`)
  lines.push(`  without a prediction: ${missing.join(', ') || 'none'}`)
  if (report.rowsWithoutKey > 0) {
    lines.push(`  left out for a null in their key: ${formatCount(report.rowsWithoutKey)}`)
  }
  if (report.peakRssBytes !== null) {
    lines.push(`  most memory of a worker: ${bytesWords(report.peakRssBytes)}`)
  }
  return lines
}

function because(score: ScoreView): string {
  return score.because === '' ? '' : `: ${printable(score.because)}`
}
