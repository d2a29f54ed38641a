import type { Engine } from '../engine/index.ts'
import { microsOf, quoted, type Relation } from '../engine/index.ts'
import type { FeatureViewSpec } from '../spec/index.ts'
import type { CheckedGroup } from './check-group.ts'
import { type Check, within } from './check-problems.ts'

/* Leaks that no expression shows and the data do: what was known when, row by row. */

export async function checkAsOf(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
): Promise<void> {
  const at = within('FeatureView', view.id)('asOf')
  const counted = await check.try(at, () =>
    engine.rows<{ late: number }>(
      `select count(*)::double as late from (
         select ${microsOf(view.asOf)} as as_of, ${microsOf(view.eventTime)} as event
         from ${quoted(relation.name)})
       where not isnan(as_of) and not isnan(event) and as_of > event`,
    ),
  )
  const late = counted?.[0]?.late ?? 0
  if (late === 0) return
  const detail = `the as-of time is later than the event in ${late.toLocaleString('en')} rows`
  check.say(at, 'E_LEAKAGE', detail, 'take a time at or before the event')
}

/** A few such rows are mistakes of the data; more are the declaration's. */
const ownRowsShareMax = 0.001

/**
 * A row whose own label is known as of its own event stands in its own windows: what is to be
 * predicted would be among the features. Of groups over the rows of the view whose windows read
 * what a label reads.
 */
export async function checkOwnRows(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
  about: {
    readonly groups: ReadonlyMap<string, CheckedGroup>
    readonly labels: readonly string[]
  },
): Promise<void> {
  const used = new Set(view.features.flatMap(f => (f.from.kind === 'group' ? f.from.group : [])))
  for (const { spec, read } of about.groups.values()) {
    if (!used.has(spec.name) || spec.source !== relation.name || spec.sql !== undefined) continue
    if (!about.labels.some(column => read.has(column))) continue
    const at = within('FeatureGroup', spec.name)('knownAt')
    const known = `greatest(${microsOf(spec.knownAt)}, ${microsOf(spec.eventTime)})`
    const counted = await check.try(at, () =>
      engine.rows<{ own: number; all: number }>(
        `select (count(*) filter (known <= as_of))::double as own, count(*)::double as all
         from (select ${known} as known, ${microsOf(view.asOf)} as as_of
               from ${quoted(relation.name)})
         where not isnan(known) and not isnan(as_of)`,
      ),
    )
    const { own = 0, all = 0 } = counted?.[0] ?? {}
    if (own <= ownRowsShareMax * all) continue
    const detail =
      `${own.toLocaleString('en')} of ${all.toLocaleString('en')} rows are known as of their own ` +
      `event in ${view.id}, so the label would be in its own window`
    check.say(at, 'E_LEAKAGE', detail, 'say when the label is known, or set an earlier asOf')
  }
}
