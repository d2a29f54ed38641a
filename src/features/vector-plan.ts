import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import { type Column, quoted } from '../engine/index.ts'
import type { FeatureGroupSpec, FeatureViewSpec, ViewFeature } from '../spec/index.ts'
import type { OnDemand, RowExpression } from './on-demand.ts'
import { isWhole, rowValueKind } from './row-values.ts'
import { gridTime } from './view-rows.ts'

/*
 * Which features of a view can be had for a row that is there now, and from which of its columns:
 * found once for a view, by what its expressions read.
 */

export interface ViewAsk {
  readonly view: Pick<FeatureViewSpec, 'id' | 'rows' | 'grid' | 'request' | 'features'>
  readonly groups: readonly FeatureGroupSpec[]
  /** Of the source of the view's rows; without them entities are compared as text. */
  readonly rowColumns: readonly Column[]
}

/** Features of one group under one entity: one ask of the store. */
export interface PlannedLookup {
  readonly group: string
  readonly by: readonly string[]
  /** By column of `by`: a column of the row as it is, or the place among the expressions. */
  readonly entities: readonly ({ readonly column: Column } | { readonly expression: number })[]
}

export type Origin =
  | { readonly kind: 'computed'; readonly expression: number }
  | {
      readonly kind: 'looked'
      /** Its place among the look-ups. */
      readonly lookup: number
      readonly feature: string
    }

/** A feature of a view, and what it takes to have it. */
export interface VectorFeature {
  readonly name: string
  readonly category: boolean
  /** Columns of the row that it follows from; undefined: it has to be brought. */
  readonly follows: readonly string[] | undefined
}

/** The columns of a view's rows, of those that their source has. */
export function rowColumnsOf(
  view: Pick<FeatureViewSpec, 'grid'>,
  source: readonly Column[],
): readonly Column[] {
  if (view.grid === undefined) return source
  const { by } = view.grid
  return [...source.filter(({ name }) => by.includes(name)), { name: gridTime, type: 'TIMESTAMP' }]
}

/** The name by which expressions may qualify their columns. */
export function relationOf(view: ViewAsk['view']): string {
  return view.grid === undefined ? view.rows : `muster grid ${view.id}`
}

export interface VectorPlan {
  readonly features: readonly VectorFeature[]
  readonly columns: readonly Column[]
  readonly origins: readonly (Origin | undefined)[]
  readonly lookups: readonly PlannedLookup[]
  readonly expressions: readonly RowExpression[]
}

/**
 * What each feature of a view takes. `kept`: whether groups can be looked up at all. Throws what
 * `readExpression` throws for a declaration that was never checked.
 */
export async function planVectors(
  ask: ViewAsk,
  onDemand: OnDemand,
  kept: boolean,
): Promise<VectorPlan> {
  const { view } = ask
  const request: Column[] = []
  for (const [name, type] of Object.entries(view.request ?? {})) {
    request.push({ name, type: await onDemand.typeOf(type) })
  }
  const known = [...request, ...unnamed(ask.rowColumns, request)]
  const plan = new Plan(view, { request, known }, onDemand)
  for (const feature of view.features) {
    if (feature.from.kind === 'row') await plan.compute(feature, feature.from.sql)
    else if (kept) await plan.lookUp(feature, feature.from, ask.groups)
    else plan.leave(feature)
  }
  return plan
}

function unnamed(columns: readonly Column[], taken: readonly Column[]): readonly Column[] {
  const names = new Set(taken.map(({ name }) => name.toLowerCase()))
  return columns.filter(
    ({ name, type }) => !names.has(name.toLowerCase()) && rowValueKind(type) !== undefined,
  )
}

/** Goes over the features of a view once and notes what each takes. */
class Plan implements VectorPlan {
  readonly features: VectorFeature[] = []
  readonly origins: (Origin | undefined)[] = []
  readonly lookups: PlannedLookup[] = []
  readonly expressions: RowExpression[] = []
  readonly columns: Column[]
  readonly #relation: string
  readonly #row: { readonly request: readonly Column[]; readonly known: readonly Column[] }
  readonly #onDemand: OnDemand

  constructor(
    view: ViewAsk['view'],
    row: { readonly request: readonly Column[]; readonly known: readonly Column[] },
    onDemand: OnDemand,
  ) {
    this.#relation = relationOf(view)
    this.#row = row
    this.#onDemand = onDemand
    this.columns = [...row.request]
  }

  leave({ name, type }: ViewFeature): void {
    this.features.push({ name, category: type === 'category', follows: undefined })
    this.origins.push(undefined)
  }

  /** A feature of the row follows from the request if it reads nothing else. */
  async compute(feature: ViewFeature, sql: string): Promise<void> {
    const follows = await this.#reads(this.#row.request, sql)
    if (follows === undefined) return this.leave(feature)
    const category = feature.type === 'category'
    const gives = category ? 'text' : 'number'
    const expression = this.expressions.push({ name: feature.name, sql, gives }) - 1
    this.features.push({ name: feature.name, category, follows })
    this.origins.push({ kind: 'computed', expression })
  }

  async lookUp(
    view: ViewFeature,
    from: Extract<ViewFeature['from'], { kind: 'group' }>,
    groups: readonly FeatureGroupSpec[],
  ): Promise<void> {
    const group = groups.find(({ name }) => name === from.group)
    const feature = [...(group?.features ?? []), ...(group?.latest ?? [])].find(
      ({ name }) => name === from.feature,
    )
    if (!group?.online || feature === undefined) return this.leave(view)
    const follows = new Set<string>()
    const entities: PlannedLookup['entities'][number][] = []
    for (const column of feature.by) {
      const read = await this.#entity(from.on?.[column] ?? quoted(column))
      if (read === undefined) return this.leave(view)
      entities.push(read.entity)
      for (const name of read.follows) follows.add(name)
    }
    const { name, type } = view
    this.features.push({ name, category: type === 'category', follows: [...follows] })
    const lookup = this.#lookup({ group: from.group, by: feature.by, entities })
    this.origins.push({ kind: 'looked', lookup, feature: from.feature })
  }

  #lookup(lookup: PlannedLookup): number {
    const key = JSON.stringify(lookup)
    const before = this.lookups.findIndex(other => JSON.stringify(other) === key)
    return before >= 0 ? before : this.lookups.push(lookup) - 1
  }

  /** A column as it is where its text is its value's; else by the engine, as training has it. */
  async #entity(sql: string) {
    const follows = await this.#reads(this.#row.known, sql)
    if (follows === undefined) return undefined
    const column = this.#row.known.find(({ name }) => name === follows[0])
    for (const name of follows) this.#take(name)
    const plain = column && (sql === quoted(column.name) || sql === column.name)
    if (column && plain && (column.type === 'VARCHAR' || isWhole(column.type))) {
      return { follows, entity: { column } }
    }
    const before = this.expressions.findIndex(e => e.sql === sql && e.gives === 'text')
    const expression =
      before >= 0 ? before : this.expressions.push({ name: sql, sql, gives: 'text' }) - 1
    return { follows, entity: { expression } }
  }

  #take(name: string): void {
    if (this.columns.some(column => column.name === name)) return
    this.columns.push(
      must(
        this.#row.known.find(column => column.name === name),
        'it is known',
      ),
    )
  }

  async #reads(columns: readonly Column[], sql: string): Promise<readonly string[] | undefined> {
    if (columns.length === 0) return undefined
    const ask = { relation: this.#relation, columns }
    try {
      const read = await this.#onDemand.reads(ask, sql)
      return read.length > 0 ? read : undefined
    } catch (error) {
      if (error instanceof MusterError && error.code === 'E_DATA_SCHEMA') return undefined
      throw error
    }
  }
}
