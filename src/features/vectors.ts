import { must } from '../base/assert.ts'
import type { Column } from '../engine/index.ts'
import type { OnDemand, RowExpressions, RowResult } from './on-demand.ts'
import { type RowValue, unusable } from './row-values.ts'
import {
  type PlannedLookup,
  planVectors,
  relationOf,
  type VectorFeature,
  type VectorPlan,
  type ViewAsk,
} from './vector-plan.ts'

/*
 * The features of a view for rows that are there now: those of the row computed from the request,
 * those of groups looked up by the entities that the row names. The counterpart of the frame, which
 * has them for rows that were.
 */

export type VectorStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE'

/** Features of one group that are kept under one entity. */
export interface LookupAsk {
  readonly group: string
  readonly by: readonly string[]
  readonly features: readonly string[]
  /** By column of `by`, by row: as text. A row with a null has no such entity. */
  readonly entities: readonly (readonly (string | null)[])[]
}

/** One feature of a group for every row. Features may share a list: it is not to be written to. */
export interface LookupAnswer {
  /** Null where it is not PRESENT. */
  readonly values: readonly (number | string | null)[]
  readonly statuses: readonly VectorStatus[]
  /** NaN where it is not PRESENT. A list: typed arrays of one number are dear to make. */
  readonly eventMs: readonly number[]
}

/** The online store as it is needed here; `online/` has it. One batch a call. */
export interface OnlineLookup {
  /** By ask, by feature. Throws E_FEATURES_AWAY. */
  lookup(asks: readonly LookupAsk[], nowMs: number): Promise<readonly (readonly LookupAnswer[])[]>
}

/** One feature for every row. */
export interface Vector {
  /** NaN, or null of a category, where it is missing. */
  readonly values: Float32Array | readonly (string | null)[]
  /** As the store has it; undefined for what was computed. */
  readonly looked?: LookupAnswer
}

export interface VectorPlace {
  readonly onDemand: OnDemand
  /** Undefined where nothing is kept online. */
  readonly online: OnlineLookup | undefined
}

/** Throws what `readExpression` throws for a declaration that was never checked. */
export async function openVectors(ask: ViewAsk, place: VectorPlace): Promise<Vectors> {
  const plan = await planVectors(ask, place.onDemand, place.online !== undefined)
  const expressions =
    plan.expressions.length === 0
      ? undefined
      : await place.onDemand.prepare({
          relation: relationOf(ask.view),
          columns: plan.columns,
          expressions: plan.expressions,
        })
  return new Vectors(plan, expressions, place.online)
}

/** Features of a view, and what it takes to have them: found once for those who ask the same. */
export interface Selection {
  readonly features: readonly VectorFeature[]
  readonly needsEngine: boolean
  readonly computed: readonly { readonly expression: number; readonly at: number }[]
  /** `at`: by feature of the look-up, its place among those that are selected. */
  readonly looked: readonly {
    readonly lookup: PlannedLookup
    readonly features: readonly string[]
    readonly at: readonly number[]
  }[]
}

/** Callers differ in what they leave out, but not by the thousand. */
const selectionsMax = 64

/** The vectors of one view. */
export class Vectors {
  readonly features: readonly VectorFeature[]
  /** What rows may be described by. */
  readonly columns: readonly Column[]
  readonly #origins: VectorPlan['origins']
  readonly #lookups: VectorPlan['lookups']
  readonly #places: ReadonlyMap<string, number>
  readonly #selections = new Map<string, Selection>()
  readonly #expressions: RowExpressions | undefined
  readonly #online: OnlineLookup | undefined

  constructor(
    plan: VectorPlan,
    expressions: RowExpressions | undefined,
    online: OnlineLookup | undefined,
  ) {
    this.features = plan.features
    this.columns = plan.columns
    this.#origins = plan.origins
    this.#lookups = plan.lookups
    this.#places = new Map(plan.features.map(({ name }, at) => [name, at]))
    this.#expressions = expressions
    this.#online = online
  }

  /** The place of a feature; undefined when the view has none of that name. */
  place(feature: string): number | undefined {
    return this.#places.get(feature)
  }

  /** The features of these places, which follow from columns. */
  select(places: readonly number[]): Selection {
    const key = places.join()
    const before = this.#selections.get(key)
    if (before !== undefined) return before
    if (this.#selections.size >= selectionsMax) this.#selections.clear()
    const selection = this.#select(places)
    this.#selections.set(key, selection)
    return selection
  }

  #select(places: readonly number[]): Selection {
    const origins = places.map(at => must(this.#origins[at], 'it follows from columns'))
    const computed = origins.flatMap((origin, at) =>
      origin.kind === 'computed' ? [{ expression: origin.expression, at }] : [],
    )
    const wanted = origins.flatMap((origin, at) =>
      origin.kind === 'looked' ? [{ ...origin, at }] : [],
    )
    const looked = Array.from(
      Map.groupBy(wanted, ({ lookup }) => lookup),
      ([lookup, of]) => ({
        lookup: must(this.#lookups[lookup], 'it was planned'),
        features: of.map(({ feature }) => feature),
        at: of.map(({ at }) => at),
      }),
    )
    const needsEngine =
      computed.length > 0 ||
      looked.some(({ lookup }) => lookup.entities.some(entity => 'expression' in entity))
    return { features: places.map(at => this.features[at]!), needsEngine, computed, looked }
  }

  /**
   * What is selected, for rows that `columns` describe, each by a value a row; the columns that it
   * follows from are among them. All that is looked up is one batch. Throws what
   * `RowExpressions.run` and `OnlineLookup.lookup` throw.
   */
  async read(
    selection: Selection,
    rows: {
      readonly columns: ReadonlyMap<string, readonly RowValue[]>
      readonly count: number
      readonly nowMs: number
    },
  ): Promise<readonly Vector[]> {
    const { features, needsEngine } = selection
    const computed =
      needsEngine && this.#expressions
        ? await this.#expressions.run(rows.columns, rows.count)
        : undefined
    const vectors = new Array<Vector>(features.length)
    for (const { expression, at } of selection.computed) {
      vectors[at] = { values: must(computed?.[expression], 'it was computed') }
    }
    if (selection.looked.length === 0) return vectors
    const asks = selection.looked.map(one => askOf(one, rows.columns, computed))
    const online = must(this.#online, 'what is looked up has where')
    const answers = await online.lookup(asks, rows.nowMs)
    for (const [a, { at: places }] of selection.looked.entries()) {
      for (const [f, at] of places.entries()) {
        const answer = must(answers[a]?.[f], 'an answer a feature')
        vectors[at] = new LookedVector(answer, features[at]!.category)
      }
    }
    return vectors
  }
}

function askOf(
  { lookup, features }: Selection['looked'][number],
  columns: ReadonlyMap<string, readonly RowValue[]>,
  computed: RowResult | undefined,
): LookupAsk {
  const entities = lookup.entities.map(entity =>
    'column' in entity
      ? textsOf(entity.column, must(columns.get(entity.column.name), 'it is given'))
      : (must(computed?.[entity.expression], 'it was computed') as (string | null)[]),
  )
  return { group: lookup.group, by: lookup.by, features, entities }
}

function textsOf(column: Column, values: readonly RowValue[]): readonly (string | null)[] {
  return values.map((value, row) => {
    if (value === null || typeof value === 'bigint') return value === null ? null : String(value)
    if (column.type === 'VARCHAR' && typeof value === 'string') return value
    if (column.type !== 'VARCHAR' && Number.isSafeInteger(value)) return String(value)
    throw unusable(column, value, row)
  })
}

/** Its values are made when they are asked for: a wire takes them as the store has them. */
class LookedVector implements Vector {
  readonly looked: LookupAnswer
  readonly #category: boolean

  constructor(looked: LookupAnswer, category: boolean) {
    this.looked = looked
    this.#category = category
  }

  get values(): Vector['values'] {
    const { values } = this.looked
    if (this.#category) return values.map(value => (value === null ? null : String(value)))
    return Float32Array.from(values, value => (value === null ? Number.NaN : Number(value)))
  }
}
