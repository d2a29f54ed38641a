import { must } from '../base/assert.ts'
import type { Column } from '../engine/index.ts'
import type { OnDemand, RowExpressions, RowResult } from './on-demand.ts'
import { type RowValue, unusable } from './row-values.ts'
import {
  type Origin,
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

/** One feature of a group for every row. */
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

/** The vectors of one view. */
export class Vectors {
  readonly features: readonly VectorFeature[]
  /** What rows may be described by. */
  readonly columns: readonly Column[]
  readonly #origins: VectorPlan['origins']
  readonly #lookups: VectorPlan['lookups']
  readonly #places: ReadonlyMap<string, number>
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

  /**
   * The features of these places for rows that `columns` describe, each by a value a row; the
   * columns that they follow from are among them. All that is looked up is one batch. Throws what
   * `RowExpressions.run` and `OnlineLookup.lookup` throw.
   */
  async read(ask: {
    readonly features: readonly number[]
    readonly columns: ReadonlyMap<string, readonly RowValue[]>
    readonly rows: number
    readonly nowMs: number
  }): Promise<readonly Vector[]> {
    const origins = ask.features.map(at => must(this.#origins[at], 'it follows from columns'))
    const needsEngine = origins.some(
      origin =>
        origin.kind === 'computed' ||
        this.#lookups[origin.lookup]!.entities.some(entity => 'expression' in entity),
    )
    const computed =
      needsEngine && this.#expressions
        ? await this.#expressions.run(ask.columns, ask.rows)
        : undefined
    const looked = await this.#lookUp(origins, computed, ask)
    return origins.map((origin, i) =>
      origin.kind === 'computed'
        ? { values: must(computed?.[origin.expression], 'it was computed') }
        : new LookedVector(
            must(looked.get(i), 'it was looked up'),
            this.features[ask.features[i]!]!.category,
          ),
    )
  }

  /** By place in `origins`. */
  async #lookUp(
    origins: readonly Origin[],
    computed: RowResult | undefined,
    ask: Parameters<Vectors['read']>[0],
  ): Promise<ReadonlyMap<number, LookupAnswer>> {
    const batch = new Map<number, { ask: LookupAsk & { features: string[] }; at: number[] }>()
    for (const [i, origin] of origins.entries()) {
      if (origin.kind !== 'looked') continue
      let one = batch.get(origin.lookup)
      if (one === undefined) {
        const { group, by, entities: of } = must(this.#lookups[origin.lookup], 'it was planned')
        const entities = of.map(entity =>
          'column' in entity
            ? textsOf(entity.column, must(ask.columns.get(entity.column.name), 'it is given'))
            : (must(computed?.[entity.expression], 'it was computed') as (string | null)[]),
        )
        one = { ask: { group, by, features: [], entities }, at: [] }
        batch.set(origin.lookup, one)
      }
      one.ask.features.push(origin.feature)
      one.at.push(i)
    }
    const found = new Map<number, LookupAnswer>()
    if (batch.size === 0) return found
    const asks = [...batch.values()]
    const answers = await must(this.#online, 'what is looked up has where').lookup(
      asks.map(one => one.ask),
      ask.nowMs,
    )
    for (const [a, { at }] of asks.entries()) {
      for (const [f, i] of at.entries()) found.set(i, must(answers[a]?.[f], 'an answer a feature'))
    }
    return found
  }
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
