import { type Engine, isBoolean, quoted, type Relation, readExpression } from '../engine/index.ts'
import {
  type BlueprintSpec,
  builtInPipelines,
  type DeclaredAt,
  type FeatureViewSpec,
  type ViewFeature,
} from '../spec/index.ts'
import type { CheckedGroup } from './check-group.ts'
import {
  type Check,
  type Expected,
  isText,
  isValue,
  number,
  time,
  truth,
  within,
} from './check-problems.ts'
import { checkRequest } from './check-request.ts'
import { checkAsOf, checkOwnRows, type LabelAhead } from './known-times.ts'
import { openAhead } from './labels-ahead.ts'
import { leaksOf, type RowRead } from './leakage.ts'
import { type OpenSources, openViewRows } from './view-rows.ts'

export interface Around {
  readonly sources: OpenSources
  readonly groups: ReadonlyMap<string, CheckedGroup>
  readonly blueprints: readonly BlueprintSpec[]
}

export async function checkView(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  about: Around,
): Promise<void> {
  const at = within('FeatureView', view.id)
  const rows = await check.try(at('grid'), () => openViewRows(engine, view, about.sources))
  if (rows === undefined) return
  const { relation } = rows
  const eventTime = await check.bind(engine, relation, view.eventTime, {
    at: at('eventTime'),
    ...time,
  })
  const atEvent = view.asOf === view.eventTime
  const asOf = atEvent
    ? eventTime
    : await check.bind(engine, relation, view.asOf, { at: at('asOf'), ...time })
  if (!atEvent && eventTime !== undefined && asOf !== undefined) {
    await checkAsOf(check, engine, view, relation)
  }
  if (view.where !== undefined) {
    await check.bind(engine, relation, view.where, { at: at('where'), ...truth })
  }
  await checkRequest(check, engine, view, relation)
  const read = await checkFeaturesOf(check, engine, view, relation, about.groups)
  const ahead = await checkLabels(check, engine, view, relation, about.sources)
  const labels = new Map<string, readonly string[]>()
  for (const blueprint of about.blueprints) {
    const label = await checkBlueprint(check, engine, blueprint, relation, ahead)
    if (label !== undefined) labels.set(blueprint.name, label)
  }
  await checkOwnRows(check, engine, view, relation, {
    groups: about.groups,
    labels: asOf === undefined ? [] : [...labels.values()].flat(),
    ahead: [...ahead.values()],
  })
  const late = [...about.groups.values()].map(g => g.late).filter(l => l.source === relation.name)
  const keys = about.blueprints.flatMap(blueprint => blueprint.key)
  const spared = new Set([...keys, ...(eventTime?.columns ?? [])])
  for (const leak of leaksOf({ read, late, labels, spared })) {
    check.say(leak.at, 'E_LEAKAGE', leak.detail, leak.hint)
  }
}

const category = 'add `type: category`, with onehot, ordinal or target among its transforms'

/** Gives the columns of the row that features read, and that their entities are told by. */
async function checkFeaturesOf(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
  groups: ReadonlyMap<string, CheckedGroup>,
): Promise<readonly RowRead[]> {
  const at = within('FeatureView', view.id)
  const read: RowRead[] = []
  const entities = new Map<string, readonly [string, ...(string | number)[]]>()
  for (const { name, from, type } of view.features) {
    if (from.kind === 'row') {
      const found = await check.bind(engine, relation, from.sql, {
        ...number,
        ...(type === 'category' && { fits: () => true }),
        at: at('features', name, 'sql'),
        cure: found => (isText(found) ? category : undefined),
      })
      if (found !== undefined)
        read.push({ at: at('features', name, 'sql'), columns: found.columns })
      continue
    }
    const group = groups.get(from.group)
    if (group === undefined) continue
    const by = checkGroupFeature(
      check,
      at('features', name),
      { feature: from.feature, type },
      group,
    )
    for (const column of by) {
      const on = from.on?.[column]
      const asked = on ?? quoted(column)
      if (group.missing.has(column) || entities.has(asked)) continue
      entities.set(asked, on === undefined ? [name] : [name, 'on', column])
    }
  }
  for (const [sql, path] of entities) {
    const place = at('features', ...path)
    const found = await check.try(place, () => readExpression(engine, relation, sql))
    if (found !== undefined) read.push({ at: place, columns: found.columns })
  }
  return read
}

/** Whether a number is asked of a number and a category of text. Gives its entity columns. */
function checkGroupFeature(
  check: Check,
  at: DeclaredAt,
  { feature, type }: { readonly feature: string; readonly type: ViewFeature['type'] | undefined },
  { spec, types }: CheckedGroup,
): readonly string[] {
  const window = spec.features.find(({ name }) => name === feature)
  const latest = spec.latest.find(({ name }) => name === feature)
  if (window && type === 'category') {
    const detail = `${window.stat} over ${window.of} is a number, not a category`
    check.say(at, 'E_DATA_SCHEMA', detail, 'remove `type: category`; for ranges, use buckets')
  }
  const found = latest && types.get(latest.of)
  if (latest && found !== undefined && type !== 'category' && !isValue(found)) {
    const cure = isText(found) ? category : undefined
    check.refuseType({ ...number, at, ...(cure && { cure }) }, latest.of, found)
  }
  return window?.by ?? latest?.by ?? []
}

/** Gives the labels that bind. */
async function checkLabels(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
  sources: OpenSources,
): Promise<ReadonlyMap<string, LabelAhead>> {
  const found = new Map<string, LabelAhead>()
  for (const label of view.labels ?? []) {
    const path = (...more: (string | number)[]) =>
      within('FeatureView', view.id)('labels', label.name, ...more)
    if (!sources.has(label.source)) continue
    const open = await check.try(path('of'), () => openAhead(engine, label, sources))
    if (open === undefined) continue
    const { type, source, binary, columns } = open
    if (label.stat !== 'count' && !isValue(type)) {
      check.refuseType({ ...number, at: path('of') }, label.of, type)
      continue
    }
    let bound = true
    for (const [index, column] of label.by.entries()) {
      const on = label.on[column]
      const asked = on === undefined ? path('by', index) : path('on', column)
      const reads = async () => {
        await readExpression(engine, source.relation, quoted(column))
        return readExpression(engine, relation, on ?? quoted(column))
      }
      bound = (await check.try(asked, reads)) !== undefined && bound
    }
    if (bound) found.set(label.name, { label, source, binary, columns })
  }
  return found
}

/** Gives the columns of its row that the label reads. */
async function checkBlueprint(
  check: Check,
  engine: Engine,
  blueprint: BlueprintSpec,
  relation: Relation,
  ahead: Awaited<ReturnType<typeof checkLabels>>,
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
  const named = ahead.get(blueprint.label)
  if (named === undefined) {
    const columns = (await check.bind(engine, relation, blueprint.label, expected))?.columns
    if (columns?.length && columns.every(column => blueprint.key.includes(column))) {
      const detail = 'it reads only columns of the key, which every model knows of its rows'
      check.say(at('label'), 'E_LEAKAGE', detail, 'predict another column, or take it from the key')
    }
    return columns
  }
  // What it reads are later rows: nothing of the row itself is given away.
  const type = named.binary ? 'BOOLEAN' : 'DOUBLE'
  if (!expected.fits(type)) {
    const cure = `let it be true/false: \`of: ${named.label.of} > 15\` with \`stat: max\``
    check.refuseType({ ...expected, cure }, blueprint.label, type)
  }
  return undefined
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
