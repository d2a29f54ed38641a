import { bytesWords, countOf, formatCount } from '../base/format.ts'
import type { FleetSummary, LevelStates } from '../contract/index.ts'
import type { Column } from './table.ts'
import { durationWords, printable } from './text.ts'

/* The fleet on one page. */

export function statusHeadline(summary: FleetSummary): string {
  if (summary.fleet === null) return 'No fleet yet: nothing was applied.'
  const levels = summary.blueprints.flatMap(b => b.levels)
  const sum = (of: (l: LevelStates) => number): number => levels.reduce((all, l) => all + of(l), 0)
  const failing = sum(l => l.refused + l.failed)
  return [
    printable(summary.fleet),
    summary.environments.map(e => `${e.name} generation ${e.generation}`).join(', '),
    countOf(summary.blueprints.length, 'blueprint'),
    countOf(
      sum(l => l.total),
      'model',
    ),
    `${formatCount(sum(l => l.serving))} serving`,
    `${formatCount(failing)} failing`,
  ]
    .filter(Boolean)
    .join(' · ')
}

/** Undefined while every version that serves is asked. */
export function asideLine({ aside: { open, quarantined } }: FleetSummary): string | undefined {
  const words = [
    quarantined > 0 && `${countOf(quarantined, 'version')} quarantined: muster quarantine`,
    open > 0 && `${countOf(open, 'version')} set aside for a moment`,
  ].filter(Boolean)
  return words.length > 0 ? words.join(' · ') : undefined
}

export function serverLine(summary: FleetSummary): string {
  const { version, uptimeSeconds, rssBytes } = summary.server
  const up = durationWords(uptimeSeconds)
  return `Muster ${version}, up ${up}, ${bytesWords(rssBytes)} resident`
}

export const levelColumns: readonly Column[] = [
  { head: 'family', elastic: true },
  { head: 'level' },
  { head: 'models', align: 'right' },
  { head: 'serving', align: 'right' },
  { head: 'inherited', align: 'right' },
  { head: 'refused', align: 'right' },
  { head: 'failed', align: 'right' },
  { head: 'not trained', align: 'right' },
]

/** A row a level; with `plain`, numbers are digits only, for programs. */
export function levelRows(summary: FleetSummary, plain: boolean): string[][] {
  const number = plain ? String : formatCount
  return summary.blueprints.flatMap(blueprint =>
    blueprint.levels.map((level, i) => [
      plain || i === 0 ? printable(blueprint.name) : '',
      level.level === 'segment' ? printable(level.key) : level.level,
      ...[level.total, level.serving, level.inherited, level.refused, level.failed].map(number),
      number(level.declared),
    ]),
  )
}
