import { countOf, formatCount } from '../../base/format.ts'
import type { ImpactAnswer } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import { stateText } from '../state-look.ts'
import { displayWidth, pad, printable } from '../text.ts'

export const act: Act = async call => {
  const { screen } = call
  const of = call.args[0] ?? ''
  const client = connect(call)
  let first = true
  let shown = 0
  let more = false
  for await (const page of pagesOf(call, 'who reads it', p => client.impact({ ...p, of }))) {
    if (first) showWhole(call, page)
    first = false
    showModels(call, page)
    shown += page.items.length
    more = page.nextCursor !== null
  }
  if (!screen.json && more)
    screen.say(`${countOf(shown, 'model')} shown, and there are more (--limit).`)
  return exitCodes.done
}

function showWhole({ screen }: Call, { items: _, nextCursor: __, ...impact }: ImpactAnswer): void {
  if (screen.json) {
    screen.object(impact)
    return
  }
  // A pipe reads the models, for `cut -f1`; what is told of them goes aside.
  for (const line of impactLines(impact)) {
    if (screen.width === undefined) screen.say(line)
    else screen.data(line)
  }
}

/** What goes through whom, from the data to the routes; the models are counted. */
export function impactLines(impact: Omit<ImpactAnswer, 'items' | 'nextCursor'>): string[] {
  const { of, is, groups, views, labels, blueprints, models, routes } = impact
  const rows: (readonly [string, string, string])[] = [
    ...groups.map(g => ['group', g.name, g.features.join(', ')] as const),
    ...views.map(v => ['view', v.name, v.by.join(', ')] as const),
    ...labels.map(l => ['label', l.name, l.by.join(', ')] as const),
    ...blueprints.map(
      b => ['blueprint', b.name, `${b.by.join(', ')}: ${countOf(b.models, 'model')}`] as const,
    ),
    ...routes.map(r => ['routes', r.environment, countOf(r.models, 'model')] as const),
  ]
  const widths = [0, 1].map(i => Math.max(0, ...rows.map(row => displayWidth(printable(row[i]!)))))
  const lines = rows.map(([what, name, by]) =>
    `  ${pad(what, widths[0]!)}  ${pad(printable(name), widths[1]!)}  ${printable(by)}`.trimEnd(),
  )
  const head = `A change of ${is.join(' and ')} ${printable(of)} touches ${modelsText(models)}`
  return [head, ...(lines.length > 0 ? ['', ...lines] : [])]
}

/** `3,397 models (1 root, 3,396 leaves; 1,204 serving)`. */
function modelsText({ total, byLevel, byState }: ImpactAnswer['models']): string {
  if (total === 0) return 'no model'
  const levels = (['root', 'segment', 'leaf'] as const).flatMap(level => {
    const count = byLevel[level] ?? 0
    if (level === 'leaf' && count > 1) return [`${formatCount(count)} leaves`]
    return count > 0 ? [countOf(count, level)] : []
  })
  const states = Object.entries(byState).map(([state, count]) => `${formatCount(count)} ${state}`)
  return `${countOf(total, 'model')} (${levels.join(', ')}; ${states.join(', ')})`
}

function showModels({ screen }: Call, { items }: ImpactAnswer): void {
  if (screen.json) {
    for (const model of items) screen.object({ model })
    return
  }
  if (items.length > 0 && screen.width !== undefined) screen.data()
  const rows = items.map(({ name, level, state }) => [
    printable(name),
    level,
    stateText(state, screen.width !== undefined),
  ])
  screen.table([{ head: 'name' }, { head: 'level' }, { head: 'state' }], rows)
}
