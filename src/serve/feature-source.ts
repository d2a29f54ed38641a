/*
 * Where the inputs come from that a caller leaves out. The data plane knows neither DuckDB nor a
 * store: `main/` gives each family one of these, made of what its view declares.
 */

export type RowValue = number | bigint | string | boolean | null

/** A column of the row that an event is described by: not an input of the graph. */
export interface RowColumn {
  readonly name: string
  /** As metadata tells it; any datatype of the same kind is taken. */
  readonly datatype: 'FP64' | 'INT64' | 'BOOL' | 'BYTES'
  /** As declared: `TIMESTAMP`. */
  readonly type: string
}

/** As Feast tells them. */
export type FeatureStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE'

/** One input for every row of a request. */
export interface FilledInput {
  /** Texts are categories. NaN, or null, where it is not PRESENT. */
  readonly values: Float32Array | readonly (string | null)[]
  /** By row; undefined for what was computed from the request. */
  readonly statuses?: readonly FeatureStatus[]
  /** When the looked up value happened, by row; NaN where it is not PRESENT. */
  readonly eventMs?: readonly number[]
}

export interface FeatureSource {
  /** Columns that callers may send: those of the request, and those that name an entity. */
  readonly columns: readonly RowColumn[]
  /**
   * By input of the signature: the columns that it follows from. Undefined: it has to be sent.
   */
  readonly follows: readonly (readonly string[] | undefined)[]
  /** Columns that the name of a model fixes: `route-delay.ATL` gives the origin. */
  named(model: string): ReadonlyMap<string, RowValue>
  /**
   * The inputs of these indexes, from columns that hold `rows` values each: all that are looked up
   * in one batch. Throws E_FEATURE_VALUE for a value that is not of its column's type, E_BUSY,
   * E_FEATURES_AWAY when the store does not answer, and what the SQL of a feature throws.
   */
  fill(ask: {
    readonly columns: ReadonlyMap<string, readonly RowValue[]>
    readonly rows: number
    readonly inputs: readonly number[]
  }): Promise<readonly FilledInput[]>
}
