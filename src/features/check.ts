import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { Engine } from '../engine/index.ts'
import {
  cureOf,
  type Expression,
  isBoolean,
  isNumber,
  isTime,
  quoted,
  type Relation,
  readExpression,
} from '../engine/index.ts'
import { type Blobs, rowNumbersOf, type Snapshot } from '../fleet/index.ts'
import {
  type BlueprintSpec,
  builtInPipelines,
  type DeclaredAt,
  type FeatureGroupSpec,
  type FeatureViewSpec,
  type FleetSpec,
  type WindowFeature,
} from '../spec/index.ts'
import { openGroupRows } from './group-features.ts'
import { checkAsOf, checkOwnRows } from './known-times.ts'
import { type LateColumns, leaksOf } from './leakage.ts'
import { openSources } from './spine.ts'

/** Something in the declaration that the data does not bear out. */
export interface FeatureProblem {
  readonly at: DeclaredAt
  readonly code: ErrorCode
  readonly detail: string
  readonly hint: string
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
    const at: DeclaredAt = { kind: 'Source', name: source.name, path: [] }
    check.say(at, 'E_SOURCE', 'it has no snapshot', 'take a snapshot of it: muster plan')
    return []
  })
  const { engine, relations } = await openSources(sources, blobs)
  await using _open = engine
  const groups = new Map<string, CheckedGroup>()
  for (const group of spec.groups.values()) {
    const relation = relations.get(group.source)
    if (relation === undefined) continue
    const rows = rowNumbersOf(snapshots.get(group.source)!)
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

type Fits = (type: string) => boolean
const isValue: Fits = type => isNumber(type) || isBoolean(type)

type PathOf = (...path: readonly (string | number)[]) => DeclaredAt

export function within(kind: DeclaredAt['kind'], name: string): PathOf {
  return (...path) => ({ kind, name, path })
}

/** Collects problems, so that one does not hide the next. */
export class Check {
  readonly problems: FeatureProblem[] = []

  say(at: DeclaredAt, code: ErrorCode, detail: string, hint: string): void {
    this.problems.push({ at, code, detail, hint })
  }

  /** What `work` gives, or undefined after having noted why it does not. */
  async try<T>(at: DeclaredAt, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const ours = error instanceof MusterError && /^E_(?:SQL|DATA_SCHEMA)/.test(error.code)
      if (!ours) throw error
      this.say(at, error.code, error.message, error.hint ?? cureOf(error.code))
      return undefined
    }
  }

  async bind(
    engine: Engine,
    relation: Relation,
    sql: string,
    expected: Expected,
  ): Promise<Expression | undefined> {
    const found = await this.try(expected.at, () => readExpression(engine, relation, sql))
    if (found === undefined || expected.fits(found.type)) return found
    const { words, cure } = expected
    this.say(
      expected.at,
      'E_DATA_SCHEMA',
      `\`${sql}\` is ${found.type}, not ${words}`,
      cure ?? `make it ${words}: compare or cast it`,
    )
    return undefined
  }
}

interface Expected {
  readonly at: DeclaredAt
  readonly fits: Fits
  readonly words: string
  readonly cure?: string
}

const time = { fits: isTime, words: 'a time', cure: 'make it a time: cast(... as timestamp)' }
const number = { fits: isValue, words: 'a number or true/false' }
const truth = { fits: isBoolean, words: 'true/false' }

export interface CheckedGroup {
  /** Columns that the windows read. */
  readonly read: ReadonlySet<string>
  readonly spec: FeatureGroupSpec
  readonly late: LateColumns
  /** Entity columns that its rows do not have: complained of, and not once more in each view. */
  readonly missing: ReadonlySet<string>
}

async function checkGroup(
  check: Check,
  engine: Engine,
  group: FeatureGroupSpec,
  source: Relation,
  sourceRows: number,
): Promise<CheckedGroup | undefined> {
  const at = within('FeatureGroup', group.name)
  const rows = await check.try(at('sql'), () => openGroupRows(engine, group, source, sourceRows))
  if (rows === undefined) return undefined
  const { relation } = rows
  const bind = (sql: string, expected: Expected) => check.bind(engine, relation, sql, expected)
  const eventTime = await bind(group.eventTime, { at: at('eventTime'), ...time })
  // What is not declared is the event time, and that was looked at.
  const knownAt =
    group.knownAt === group.eventTime
      ? eventTime
      : await bind(group.knownAt, { at: at('knownAt'), ...time })
  const read = new Set<string>()
  for (const [of, features] of Map.groupBy(group.features, feature => feature.of)) {
    const counted = features.every(feature => feature.stat === 'count')
    const summed = features.find(feature => feature.stat !== 'count') ?? features[0]!
    const fits: Fits = counted ? () => true : isValue
    const found = await bind(of, { ...number, at: at('features', summed.name, 'of'), fits })
    for (const column of found?.columns ?? []) read.add(column)
  }
  const missing = new Set<string>()
  for (const [column, feature] of entitiesOf(group.features)) {
    const place = at('features', feature.name, 'by', feature.by.indexOf(column))
    const found = await check.try(place, () => readExpression(engine, relation, quoted(column)))
    if (found === undefined) missing.add(column)
  }
  const atOnce = new Set(eventTime?.columns ?? [])
  const columns = (knownAt?.columns ?? []).filter(column => !atOnce.has(column))
  return { spec: group, missing, read, late: { group: group.name, source: group.source, columns } }
}

/** Each entity column, with the first feature that has it. */
function entitiesOf(features: readonly WindowFeature[]): ReadonlyMap<string, WindowFeature> {
  const found = new Map<string, WindowFeature>()
  for (const feature of features) {
    for (const column of feature.by) if (!found.has(column)) found.set(column, feature)
  }
  return found
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
  const at = within('FeatureView', view.id)
  const bind = (sql: string, expected: Expected) => check.bind(engine, relation, sql, expected)
  const eventTime = await bind(view.eventTime, { at: at('eventTime'), ...time })
  if (view.asOf !== view.eventTime) {
    const asOf = await bind(view.asOf, { at: at('asOf'), ...time })
    if (eventTime !== undefined && asOf !== undefined) {
      await checkAsOf(check, engine, view, at('asOf'))
    }
  }
  if (view.where !== undefined) await bind(view.where, { at: at('where'), ...truth })
  const read = await checkFeaturesOf(check, engine, view, relation, about.groups)
  const labels = new Map<string, readonly string[]>()
  for (const blueprint of about.blueprints) {
    const label = await checkBlueprint(check, engine, blueprint, relation)
    if (label !== undefined) labels.set(blueprint.name, label)
  }
  await checkOwnRows(check, engine, view, { ...about, labels: [...labels.values()].flat() })
  const late = [...about.groups.values()].map(g => g.late).filter(l => l.source === view.rows)
  const keys = about.blueprints.flatMap(blueprint => blueprint.key)
  const spared = new Set([...keys, ...(eventTime?.columns ?? [])])
  for (const leak of leaksOf({ read, late, labels, spared })) {
    check.say(at('features', leak.feature, 'sql'), 'E_LEAKAGE', leak.detail, leak.hint)
  }
}

/** Gives the columns that each row feature reads. */
async function checkFeaturesOf(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
  groups: ReadonlyMap<string, CheckedGroup>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const at = within('FeatureView', view.id)
  const read = new Map<string, readonly string[]>()
  const entities = new Map<string, string>()
  for (const { name, from } of view.features) {
    if (from.kind === 'row') {
      const expected = { at: at('features', name, 'sql'), ...number }
      const found = await check.bind(engine, relation, from.sql, expected)
      if (found !== undefined) read.set(name, found.columns)
      continue
    }
    const group = groups.get(from.group)
    const feature = group?.spec.features.find(f => f.name === from.feature)
    for (const column of feature?.by ?? []) {
      if (!entities.has(column) && !group?.missing.has(column)) entities.set(column, name)
    }
  }
  for (const [column, feature] of entities) {
    await check.try(at('features', feature), () => readExpression(engine, relation, quoted(column)))
  }
  return read
}

/** Gives the columns that the label reads. */
async function checkBlueprint(
  check: Check,
  engine: Engine,
  blueprint: BlueprintSpec,
  relation: Relation,
): Promise<readonly string[] | undefined> {
  const at = within('Blueprint', blueprint.name)
  for (const [index, column] of blueprint.key.entries()) {
    await check.try(at('key', index), () => readExpression(engine, relation, quoted(column)))
  }
  const { where } = blueprint.members
  if (where !== undefined) {
    await check.bind(engine, relation, where, { at: at('members', 'where'), ...truth })
  }
  const expected = { at: at('label'), ...labelOf(blueprint) }
  return (await check.bind(engine, relation, blueprint.label, expected))?.columns
}

/** What the pipeline learns to predict: a class, or also a number. */
function labelOf({ pipeline, label }: BlueprintSpec): Omit<Expected, 'at'> {
  const known: Readonly<Record<string, { readonly task: string }>> = builtInPipelines
  if (known[pipeline.id]?.task !== 'classification') return number
  const example = label.length <= 40 ? label : 'delay'
  return {
    fits: isBoolean,
    words: `true/false, which ${pipeline.id} predicts`,
    cure: `compare it: \`${example} > 15\`; a number is predicted by ridge@1`,
  }
}
