/** What a column holds: enough to compare two snapshots without reading either. */
export interface ColumnProfile {
  readonly name: string
  readonly type: string
  readonly rows: number
  readonly nulls: number
  /** Estimated above 10,000. */
  readonly distinct: number
  /** As text: numbers, times and texts alike; null where there is no value. */
  readonly min: string | null
  readonly max: string | null
  /** Of numbers and times (microseconds since 1970): at 0, 0.05, 0.1, ... 1; else empty. */
  readonly quantiles: readonly number[]
  readonly mean: number | null
  readonly deviation: number | null
  /** Up to 20, most frequent first. */
  readonly top: readonly { readonly value: string; readonly count: number }[]
}

export interface SnapshotProfile {
  readonly rows: number
  /** Distinct values of the source's key; null when it has none. */
  readonly entities: number | null
  readonly fromMs: number | null
  readonly toMs: number | null
  readonly columns: readonly ColumnProfile[]
}
