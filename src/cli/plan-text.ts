import { aboutDuration, countOf, formatCount, plural } from '../base/format.ts'
import type { PlanGroupRow, PlanView } from '../contract/index.ts'
import { pad, printable, shortDigestText, timeWords } from './text.ts'

/*
 * A plan for people: what goes first, also at zero; then what is trained, by reason, then by
 * family.
 */

/** `1 root, 229 origins, 3,167 leaves`. */
export function levelsText(levels: PlanGroupRow['levels']): string {
  return levels
    .filter(level => level.members > 0)
    .map(({ level, key, members }) => {
      if (level === 'root') return countOf(members, 'root')
      if (level === 'leaf') return `${formatCount(members)} ${members === 1 ? 'leaf' : 'leaves'}`
      // Of a blueprint that is gone, nobody knows the key.
      const column = key.split('.').at(-1) || 'segment'
      return `${formatCount(members)} ${printable(members === 1 ? column : plural(column))}`
    })
    .join(', ')
}

export function planHeadline(plan: PlanView): string {
  const parts = [
    plan.fleet,
    plan.environments.map(e => e.name).join(', '),
    countOf(plan.blueprints.length, 'blueprint'),
    `${countOf(plan.totals.declared, 'model')} declared`,
    `${formatCount(plan.totals.serving)} serving`,
  ]
  return parts.filter(Boolean).map(printable).join(' · ')
}

interface Line {
  readonly verb: string
  readonly count: number
  readonly text: string
  readonly right: string
}

function linesOf(action: 'train' | 'retire', groups: readonly PlanGroupRow[]): Line[] {
  const reasons = Map.groupBy(groups, g => g.because)
  if (reasons.size === 0) return [{ verb: action, count: 0, text: '', right: '' }]
  return [...reasons].flatMap(([because, members]) => {
    const count = members.reduce((sum, g) => sum + g.members, 0)
    const known = members.map(g => g.expectedSeconds).filter(s => s !== null)
    const expected = known.reduce((sum, s) => sum + s, 0)
    const head: Line = {
      verb: action,
      count,
      text: printable(because),
      right: known.length > 0 ? aboutDuration(expected) : '',
    }
    const nameWidth = Math.max(...members.map(g => g.blueprint.length))
    const rest = members.map(g => ({
      verb: '',
      count: g.members,
      text: `${pad(g.blueprint, nameWidth)}   ${levelsText(g.levels)}`,
      right: g.pipeline ?? '',
    }))
    return [head, ...rest]
  })
}

/** The lines of a plan without the closing talk. */
export function planLines(plan: PlanView): string[] {
  const lines = [
    ...linesOf(
      'retire',
      plan.groups.filter(g => g.action === 'retire'),
    ),
    ...linesOf(
      'train',
      plan.groups.filter(g => g.action === 'train'),
    ),
  ]
  const countWidth = Math.max(...lines.map(l => formatCount(l.count).length))
  const textWidth = Math.max(...lines.map(l => l.text.length))
  const shown = lines.map(({ verb, count, text, right }) => {
    const number = pad(formatCount(count), countWidth, 'right')
    return `  ${pad(verb, 6)}  ${number}   ${pad(text, textWidth)}   ${right}`.trimEnd()
  })
  const data = plan.data.map(d => {
    const to = d.to === null ? '' : `, to ${timeWords(d.to)}`
    const rows = `(${countOf(d.rows, 'row')}${to})`
    return `Data: ${printable(d.source)}, snapshot ${shortDigestText(d.snapshot)} ${rows}.`
  })
  const notes = plan.notes.map(note => `Note: ${printable(note)}`)
  return [planHeadline(plan), '', ...shown, '', ...data, ...notes]
}

/** Whether adopting the plan changes anything: a declaration may change and touch no model. */
export function hasChanges(plan: PlanView): boolean {
  return movesModels(plan) || plan.newDeclaration
}

export function movesModels(plan: Pick<PlanView, 'totals'>): boolean {
  return plan.totals.train > 0 || plan.totals.retire > 0
}
