import {
  type Engine,
  type Expression,
  nodesOf,
  parseSelect,
  quoted,
  readExpression,
} from '../engine/index.ts'
import {
  arrivalColumn,
  type FeatureGroupSpec,
  isKept,
  type LatestFeature,
  type WindowFeature,
} from '../spec/index.ts'
import { type Check, type Fits, isValue, number, time, within } from './check-problems.ts'
import { versionsOf } from './corrections.ts'
import { checkLatestTies, checkVersions } from './duplicate-keys.ts'
import { type GroupRows, openGroupRows } from './group-rows.ts'
import type { LateColumns } from './leakage.ts'
import type { OpenSource } from './view-rows.ts'

export interface CheckedGroup {
  /** By what a feature is `of`: the columns it reads, and those of the source behind them. */
  readonly read: ReadonlyMap<string, readonly string[]>
  readonly rows: GroupRows
  readonly spec: FeatureGroupSpec
  readonly late: LateColumns
  /** Entity columns that its rows do not have: complained of, and not once more in each view. */
  readonly missing: ReadonlySet<string>
  /** Types of what `latest` reads, by SQL; without those that were complained of. */
  readonly types: ReadonlyMap<string, string>
}

export async function checkGroup(
  check: Check,
  engine: Engine,
  group: FeatureGroupSpec,
  source: OpenSource,
): Promise<CheckedGroup | undefined> {
  const at = within('FeatureGroup', group.name)
  const rows = await check.try(at('sql'), () => openGroupRows(engine, group, source))
  if (rows === undefined || losesArrival(check, group, rows)) return undefined
  const { relation } = rows
  const eventTime = await check.bind(engine, relation, group.eventTime, {
    at: at('eventTime'),
    ...time,
  })
  // What is not declared is the event time, and that was looked at.
  const knownAt =
    group.knownAt === group.eventTime
      ? eventTime
      : await check.bind(engine, relation, group.knownAt, { at: at('knownAt'), ...time })
  const behind = await columnsBehind(engine, group, source)
  const read = new Map<string, readonly string[]>()
  const note = (of: string, columns: readonly string[]) => read.set(of, behind(columns))
  await checkWindows(check, engine, group, { rows, note })
  const types = new Map<string, string>()
  for (const [of, [feature]] of Map.groupBy(group.latest, latest => latest.of)) {
    const place = at('features', feature!.name, 'of')
    const found = await check.try(place, () => readExpression(engine, relation, of))
    if (found) types.set(of, found.type)
    note(of, found?.columns ?? [])
  }
  const missing = await missingEntities(check, engine, group, rows)
  if (eventTime && knownAt && missing.size === 0)
    await checkTies(check, engine, group, source, rows)
  const late = lateColumns(group, eventTime, knownAt)
  return { spec: group, rows, missing, read, types, late }
}

/** The default known-at of pushed rows is when they arrived, which a SELECT may have dropped. */
function losesArrival(check: Check, group: FeatureGroupSpec, { relation }: GroupRows): boolean {
  const reads = group.knownAt.includes(quoted(arrivalColumn))
  if (!reads || relation.columns.some(column => column.name === arrivalColumn)) return false
  check.say(
    within('FeatureGroup', group.name)('sql'),
    'E_LEAKAGE',
    'it drops when rows arrived, so a late row would be known before it came',
    `select ${quoted(arrivalColumn)} too, or declare \`knownAt\``,
  )
  return true
}

async function checkWindows(
  check: Check,
  engine: Engine,
  group: FeatureGroupSpec,
  about: {
    readonly rows: GroupRows
    readonly note: (of: string, columns: readonly string[]) => void
  },
): Promise<void> {
  const at = within('FeatureGroup', group.name)
  for (const [of, features] of Map.groupBy(group.features, feature => feature.of)) {
    const counted = features.every(feature => feature.stat === 'count')
    const summed = features.find(feature => feature.stat !== 'count') ?? features[0]!
    const fits: Fits = counted ? () => true : isValue
    const expected = { ...number, at: at('features', summed.name, 'of'), fits }
    const found = await check.bind(engine, about.rows.relation, of, expected)
    about.note(of, found?.columns ?? [])
  }
}

/**
 * A SELECT may hand a column on under any name: where a column that the source does not have is
 * read, all that the SELECT names may stand behind it.
 */
async function columnsBehind(
  engine: Engine,
  { sql }: FeatureGroupSpec,
  { relation }: OpenSource,
): Promise<(columns: readonly string[]) => readonly string[]> {
  if (sql === undefined) return columns => columns
  const own = new Map(relation.columns.map(({ name }) => [name.toLowerCase(), name]))
  const named = [...nodesOf(await parseSelect(engine, sql))].flatMap(node => {
    if (node.class !== 'COLUMN_REF') return []
    const name = (node.column_names as readonly string[]).at(-1)
    return own.get(name?.toLowerCase() ?? '') ?? []
  })
  return columns =>
    columns.every(column => own.has(column.toLowerCase())) ? columns : [...columns, ...named]
}

async function missingEntities(
  check: Check,
  engine: Engine,
  group: FeatureGroupSpec,
  { relation }: GroupRows,
): Promise<ReadonlySet<string>> {
  const missing = new Set<string>()
  for (const [column, feature] of entitiesOf([...group.features, ...group.latest])) {
    const path = ['features', feature.name, 'by', feature.by.indexOf(column)]
    const place = within('FeatureGroup', group.name)(...path)
    const found = await check.try(place, () => readExpression(engine, relation, quoted(column)))
    if (found === undefined) missing.add(column)
  }
  return missing
}

type Feature = WindowFeature | LatestFeature

/** Each entity column, with the first feature that has it. */
function entitiesOf(features: readonly Feature[]): ReadonlyMap<string, Feature> {
  const found = new Map<string, Feature>()
  for (const feature of features) {
    for (const column of feature.by) if (!found.has(column)) found.set(column, feature)
  }
  return found
}

async function checkTies(
  check: Check,
  engine: Engine,
  group: FeatureGroupSpec,
  source: OpenSource,
  rows: GroupRows,
): Promise<void> {
  // Muster numbered them in the order in which they came, and the number decides: nothing ties.
  if (isKept(source.spec) && group.sql === undefined) return
  const versions = versionsOf(group, source.spec)
  if (versions === undefined) await checkLatestTies(check, engine, group, rows)
  else await checkVersions(check, engine, { group, rows, versions })
}

function lateColumns(
  group: FeatureGroupSpec,
  eventTime: Expression | undefined,
  knownAt: Expression | undefined,
): LateColumns {
  const atOnce = new Set(eventTime?.columns ?? [])
  // When a row arrived is no column that a feature could read.
  const columns = (knownAt?.columns ?? []).filter(
    column => !atOnce.has(column) && column !== arrivalColumn,
  )
  return { group: group.name, source: group.source, columns }
}
