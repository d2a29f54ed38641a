import { must } from '../base/assert.ts'
import { type Engine, numberOrNull, type Relation, readExpression } from '../engine/index.ts'
import type { FeatureGroupSpec, ViewFeature } from '../spec/index.ts'
import type { AskingRows } from './asking-rows.ts'
import { defineTexts } from './category.ts'
import { ColumnMemory } from './column-memory.ts'
import { fillGroup, type Wanted } from './group-features.ts'
import type { Target } from './spine.ts'
import type { OpenSources } from './view-rows.ts'

/** The values of one feature of a view. */
export interface FeatureColumn {
  readonly name: string
  readonly values: Float32Array | Float64Array
  /** Of a category: what the values are places in. */
  readonly texts?: readonly string[] | undefined
}

type Columns = ReadonlyMap<string, FeatureColumn>

/**
 * Features of the row itself, by row number: `targets` fill them, read with `joins` behind what has
 * the rows.
 */
export async function rowFeatures(
  engine: Engine,
  relation: Relation,
  features: readonly ViewFeature[],
  read: { readonly from: string; readonly where: string },
  rows: number,
): Promise<{ columns: Columns; targets: readonly Target[]; joins: readonly string[] }> {
  const columns = new Map<string, FeatureColumn>()
  const targets: Target[] = []
  const joins: string[] = []
  for (const { name, from, type } of features) {
    if (from.kind !== 'row') continue
    await readExpression(engine, relation, from.sql)
    const values = new Float32Array(rows)
    if (type !== 'category') {
      columns.set(name, { name, values })
      targets.push({ sql: numberOrNull(from.sql, 'float'), into: values })
      continue
    }
    const { texts, join, code } = await defineTexts(engine, name, read, from.sql)
    columns.set(name, { name, values, texts })
    targets.push({ sql: `${code}::float`, into: values })
    joins.push(join)
  }
  return { columns, targets, joins }
}

/**
 * Features of groups, by place of who asks, in float32 as frames hold them or in double as they are
 * computed.
 */
export async function groupFeatures(
  engine: Engine,
  about: {
    readonly view: { readonly features: readonly ViewFeature[] }
    readonly groups: readonly FeatureGroupSpec[]
    readonly sources: OpenSources
    readonly rowsAtOnce?: number | undefined
  },
  asking: AskingRows,
  numbers: typeof Float32Array | typeof Float64Array,
  report: { stage(finished: number): void },
): Promise<{ columns: Columns; rowsWithoutEntity: Readonly<Record<string, number>> }> {
  const wantedBy = new Map<string, (Wanted & { readonly name: string })[]>()
  for (const { name, from, type } of about.view.features) {
    if (from.kind !== 'group') continue
    const group = groupOf(about.groups, from.group)
    const feature = must(
      [...group.features, ...group.latest].find(f => f.name === from.feature),
      `group ${from.group} has feature ${from.feature}`,
    )
    const wanted = { name, feature, on: from.on, into: new numbers(asking.asOfUs.length) }
    const list = wantedBy.get(group.name) ?? []
    wantedBy.set(group.name, [...list, { ...wanted, text: type === 'category' }])
  }
  const columns = new Map<string, FeatureColumn>()
  const rowsWithoutEntity: Record<string, number> = {}
  const { rowsAtOnce } = about
  const memory = new ColumnMemory()
  let finished = 1
  for (const [name, wanted] of wantedBy) {
    const group = groupOf(about.groups, name)
    const source = must(about.sources.get(group.source), `source ${group.source} is open`)
    const filled = await fillGroup(engine, group, source, asking, wanted, { rowsAtOnce, memory })
    if (filled.rowsWithoutEntity > 0) rowsWithoutEntity[name] = filled.rowsWithoutEntity
    for (const { name: column, feature, into, text } of wanted) {
      const texts = text ? filled.texts.get(feature.of) : undefined
      columns.set(column, { name: column, values: into, texts })
    }
    finished += 1
    report.stage(finished)
  }
  return { columns, rowsWithoutEntity }
}

function groupOf(groups: readonly FeatureGroupSpec[], name: string): FeatureGroupSpec {
  return must(
    groups.find(group => group.name === name),
    `group ${name} is given`,
  )
}
