import { MusterError } from '../base/errors.ts'
import { type Engine, microsOf, quoted, type Relation, readExpression } from '../engine/index.ts'
import type { FeatureViewSpec, LabelSpec } from '../spec/index.ts'
import type { CheckedGroup } from './check-group.ts'
import { type Check, within } from './check-problems.ts'
import type { OpenSource } from './view-rows.ts'

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

/** A label of what happens later, bound. */
export interface LabelAhead {
  readonly label: LabelSpec
  readonly source: OpenSource
  /** Of true/false. */
  readonly binary: boolean
  /** Columns of the later rows that it reads. */
  readonly columns: readonly string[]
}

/**
 * A row that is known too early stands in its own windows: what is to be predicted would be among
 * the features. Of a label of the row, one that is known as of its own event; of a label ahead, one
 * that is known before it happens. Of features that read what a label reads.
 */
export async function checkOwnRows(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
  about: {
    readonly groups: ReadonlyMap<string, CheckedGroup>
    readonly labels: readonly string[]
    readonly ahead: readonly LabelAhead[]
  },
): Promise<void> {
  for (const group of about.groups.values()) {
    const { spec } = group
    const read = columnsRead(view, group)
    if (spec.source === relation.name && about.labels.some(column => read.has(column))) {
      await checkEarly(check, engine, group, {
        is: known => `${known} <= ${microsOf(view.asOf)}`,
        reads: view.asOf,
        says: `known as of their own event in ${view.id}, so the label would be in its own window`,
        cure: 'say when the label is known, or set an earlier asOf',
      })
    }
    for (const { label, source, columns } of about.ahead) {
      const { eventTime } = source.spec
      if (spec.source !== label.source || eventTime === undefined) continue
      if (!columns.some(column => read.has(column))) continue
      await checkEarly(check, engine, group, {
        is: known => `${known} < ${microsOf(eventTime)}`,
        reads: eventTime,
        says:
          `known before they happen, and so before label \`${label.name}\` of ${view.id} ` +
          'does, which reads the same',
        cure: `let it be known at \`${eventTime}\` or later`,
      })
    }
  }
}

/** What the features of a group that a view has are of, as columns of the group's source. */
function columnsRead(view: FeatureViewSpec, { spec, read }: CheckedGroup): ReadonlySet<string> {
  const used = new Set(
    view.features.flatMap(({ from }) =>
      from.kind === 'group' && from.group === spec.name ? from.feature : [],
    ),
  )
  const features = [...spec.features, ...spec.latest].filter(({ name }) => used.has(name))
  return new Set(features.flatMap(({ of }) => read.get(of) ?? []))
}

/** A few such rows are mistakes of the data; more are the declaration's. */
const earlyShareMax = 0.001

async function checkEarly(
  check: Check,
  engine: Engine,
  { spec, rows }: CheckedGroup,
  early: {
    readonly is: (known: string) => string
    /** A time that rows of the group have; where a SELECT dropped it, nothing can be told. */
    readonly reads: string
    readonly says: string
    readonly cure: string
  },
): Promise<void> {
  const at = within('FeatureGroup', spec.name)('knownAt')
  if (spec.sql !== undefined && !(await binds(engine, rows.relation, early.reads))) return
  const known = `greatest(${microsOf(spec.knownAt)}, ${microsOf(spec.eventTime)})`
  const counted = await check.try(at, () =>
    engine.rows<{ early: number; all: number }>(
      `select (count(*) filter (${early.is('"muster known"')}))::double as early, count(*)::double as all
       from (select *, ${known} as "muster known" from ${rows.from})
       where not isnan("muster known") and not isnan(${microsOf(early.reads)})`,
    ),
  )
  const found = counted?.[0] ?? { early: 0, all: 0 }
  if (found.early <= earlyShareMax * found.all) return
  const [some, all] = [found.early, found.all].map(rows => rows.toLocaleString('en'))
  check.say(at, 'E_LEAKAGE', `${some} of ${all} rows are ${early.says}`, early.cure)
}

async function binds(engine: Engine, relation: Relation, sql: string): Promise<boolean> {
  try {
    await readExpression(engine, relation, sql)
    return true
  } catch (error) {
    if (error instanceof MusterError) return false
    throw error
  }
}
