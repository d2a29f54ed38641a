import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import type {
  BlueprintSpec,
  FeatureGroupSpec,
  FeatureViewSpec,
  FleetSpec,
  Place,
} from '../spec/index.ts'
import type { Engine } from './engine.ts'
import {
  type Expression,
  isBoolean,
  isNumber,
  isTime,
  type Relation,
  readExpression,
} from './expression.ts'
import { openGroupRows } from './group-features.ts'
import { type LateColumns, leaksOf } from './leakage.ts'
import { openSources } from './spine.ts'
import { microsOf, quoted } from './sql-text.ts'

/** Something in the declaration that the data does not bear out. */
export interface FeatureProblem {
  readonly code: ErrorCode
  /** Where: `muster.yaml:33 feature hour`. */
  readonly field: string
  readonly detail: string
  readonly hint: string | undefined
}

/**
 * Binds every SQL expression of a fleet against its snapshots, and checks types, keys, entities and
 * leakage. All problems at once; none for what follows from a source that is not there. Only
 * damaged blobs are thrown.
 */
export async function checkFeatures(
  spec: FleetSpec,
  snapshots: ReadonlyMap<string, Snapshot>,
  blobs: Blobs,
): Promise<readonly FeatureProblem[]> {
  const check = new Check()
  const sources = [...spec.sources.values()].flatMap(source => {
    const snapshot = snapshots.get(source.name)
    if (snapshot !== undefined) return [{ spec: source, snapshot }]
    check.say(placed(source.place, `source ${source.name}`), 'E_SOURCE', 'it has no snapshot')
    return []
  })
  const { engine, relations } = await openSources(sources, blobs)
  await using _open = engine
  const groups = new Map<string, CheckedGroup>()
  for (const group of spec.groups.values()) {
    const relation = relations.get(group.source)
    if (relation === undefined) continue
    const rows = snapshots.get(group.source)!.rows
    const checked = await checkGroup(check, engine, group, relation, rows)
    if (checked !== undefined) groups.set(group.name, checked)
  }
  for (const view of spec.views.values()) {
    const relation = relations.get(view.rows)
    if (relation === undefined) continue
    const blueprints = [...spec.blueprints.values()].filter(b => b.view === view.id)
    await checkView(check, engine, view, relation, { groups, blueprints })
  }
  return check.problems
}

function placed(place: Place, what: string): string {
  return `${place.file}:${place.line} ${what}`
}

type Fits = (type: string) => boolean
const isValue: Fits = type => isNumber(type) || isBoolean(type)

/** Collects problems, so that one does not hide the next. */
class Check {
  readonly problems: FeatureProblem[] = []

  say(field: string, code: ErrorCode, detail: string, hint?: string): void {
    this.problems.push({ code, field, detail, hint })
  }

  /** What `work` gives, or undefined after having noted why it does not. */
  async try<T>(field: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const ours = error instanceof MusterError && /^E_(?:SQL|DATA_SCHEMA)/.test(error.code)
      if (!ours) throw error
      this.say(field, error.code, error.message, error.hint)
      return undefined
    }
  }

  async bind(
    engine: Engine,
    relation: Relation,
    sql: string,
    expected: { readonly field: string; readonly fits: Fits; readonly words: string },
  ): Promise<Expression | undefined> {
    const found = await this.try(expected.field, () => readExpression(engine, relation, sql))
    if (found === undefined || expected.fits(found.type)) return found
    const detail = `\`${sql}\` is ${found.type}, not ${expected.words}`
    this.say(
      expected.field,
      'E_DATA_SCHEMA',
      detail,
      `make it ${expected.words}: compare or cast it`,
    )
    return undefined
  }
}

interface CheckedGroup {
  readonly spec: FeatureGroupSpec
  readonly late: LateColumns
}

async function checkGroup(
  check: Check,
  engine: Engine,
  group: FeatureGroupSpec,
  source: Relation,
  sourceRows: number,
): Promise<CheckedGroup | undefined> {
  const where = placed(group.place, `group ${group.name}`)
  const rows = await check.try(`${where} sql`, () =>
    openGroupRows(engine, group, source, sourceRows),
  )
  if (rows === undefined) return undefined
  const time = { fits: isTime, words: 'a time' }
  const { relation } = rows
  const eventTime = await check.bind(engine, relation, group.eventTime, {
    field: `${where} eventTime`,
    ...time,
  })
  const knownAt = await check.bind(engine, relation, group.knownAt, {
    field: `${where} knownAt`,
    ...time,
  })
  const stats = Map.groupBy(group.features, feature => feature.of)
  for (const [of, features] of stats) {
    const onlyCounted = features.every(feature => feature.stat === 'count')
    const fits: Fits = onlyCounted ? () => true : isValue
    const field = `${where} of`
    await check.bind(engine, relation, of, { field, fits, words: 'a number or true/false' })
  }
  for (const column of new Set(group.features.flatMap(feature => feature.by))) {
    await check.try(`${where} by`, () => readExpression(engine, relation, quoted(column)))
  }
  const atOnce = new Set(eventTime?.columns ?? [])
  const columns = (knownAt?.columns ?? []).filter(column => !atOnce.has(column))
  return { spec: group, late: { group: group.name, source: group.source, columns } }
}

async function checkView(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
  about: {
    readonly groups: ReadonlyMap<string, CheckedGroup>
    readonly blueprints: readonly BlueprintSpec[]
  },
): Promise<void> {
  const where = placed(view.place, `view ${view.id}`)
  const time = { fits: isTime, words: 'a time' }
  const bind = (sql: string, field: string, rest: { fits: Fits; words: string }) =>
    check.bind(engine, relation, sql, { field, ...rest })
  const eventTime = await bind(view.eventTime, `${where} eventTime`, time)
  const asOf = await bind(view.asOf, `${where} asOf`, time)
  if (view.where !== undefined) {
    await bind(view.where, `${where} where`, { fits: isBoolean, words: 'true/false' })
  }
  if (eventTime !== undefined && asOf !== undefined) {
    await checkAsOf(check, engine, view, `${where} asOf`)
  }
  const read = new Map<string, readonly string[]>()
  const entities = new Set<string>()
  for (const { name, from } of view.features) {
    const field = placed(view.place, `feature ${name}`)
    if (from.kind === 'row') {
      const words = 'a number or true/false'
      const found = await bind(from.sql, field, { fits: isValue, words })
      if (found !== undefined) read.set(name, found.columns)
    } else {
      const group = about.groups.get(from.group)?.spec
      const feature = group?.features.find(f => f.name === from.feature)
      for (const column of feature?.by ?? []) entities.add(column)
    }
  }
  for (const column of entities) {
    await check.try(`${where} features`, () => readExpression(engine, relation, quoted(column)))
  }
  const labels = new Map<string, readonly string[]>()
  for (const blueprint of about.blueprints) {
    const label = await checkBlueprint(check, engine, blueprint, relation)
    if (label !== undefined) labels.set(blueprint.name, label)
  }
  const late = [...about.groups.values()].map(g => g.late).filter(l => l.source === view.rows)
  const keys = about.blueprints.flatMap(blueprint => blueprint.key)
  const spared = new Set([...keys, ...(eventTime?.columns ?? [])])
  for (const leak of leaksOf({ read, late, labels, spared })) {
    check.say(placed(view.place, `feature ${leak.feature}`), 'E_LEAKAGE', leak.detail, leak.hint)
  }
}

/** Gives the columns that the label reads. */
async function checkBlueprint(
  check: Check,
  engine: Engine,
  blueprint: BlueprintSpec,
  relation: Relation,
): Promise<readonly string[] | undefined> {
  const where = placed(blueprint.place, `blueprint ${blueprint.name}`)
  for (const column of blueprint.key) {
    await check.try(`${where} key`, () => readExpression(engine, relation, quoted(column)))
  }
  if (blueprint.members.where !== undefined) {
    await check.bind(engine, relation, blueprint.members.where, {
      field: `${where} members`,
      fits: isBoolean,
      words: 'true/false',
    })
  }
  const label = await check.bind(engine, relation, blueprint.label, {
    field: `${where} label`,
    fits: isValue,
    words: 'a number or true/false',
  })
  return label?.columns
}

async function checkAsOf(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  field: string,
): Promise<void> {
  if (view.asOf === view.eventTime) return
  const counted = await check.try(field, () =>
    engine.rows<{ late: number }>(
      `select count(*)::double as late from (
         select ${microsOf(view.asOf)} as as_of, ${microsOf(view.eventTime)} as event
         from ${quoted(view.rows)})
       where not isnan(as_of) and not isnan(event) and as_of > event`,
    ),
  )
  const late = counted?.[0]?.late ?? 0
  if (late === 0) return
  const detail = `the as-of time is later than the event in ${late.toLocaleString('en')} rows`
  check.say(field, 'E_LEAKAGE', detail, 'take a time at or before the event')
}
