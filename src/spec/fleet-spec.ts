import type { Digest } from '../base/digest.ts'
import type { GraphSpec } from './graph-spec.ts'
import type { Transform } from './transform.ts'
import type { RiskClass } from './words.ts'

/*
 * What the declarations mean, once parsed, defaulted and checked against each other. Everything
 * behind `spec/` reads these and never YAML. All times are UTC; spans are half-open.
 */

/** Where a thing was declared, for messages: `muster.yaml:41`. */
export interface Place {
  readonly file: string
  readonly line: number
}

/** A table or query of another PostgreSQL, read on demand and left where it is. */
export interface PostgresLocation {
  readonly connection: string
  /** Exactly one of `table` and `query`. */
  readonly table: string | undefined
  readonly query: string | undefined
  /** Only rows beyond the largest value seen are read. Undefined: all of them, each time. */
  readonly cursor: string | undefined
}

export type PartitionSpan = 'hour' | 'day' | 'month' | 'year'

export type SourceLocation =
  | { readonly npm: string }
  | { readonly files: readonly string[] }
  | { readonly postgres: PostgresLocation }
  | { readonly s3: { readonly connection: string; readonly files: readonly string[] } }
  | { readonly push: { readonly partition: PartitionSpan } }

export type OnFail = 'reject' | 'quarantine' | 'warn'

/** What must hold: of each row (the first five), or of the whole snapshot. */
export type ExpectationCheck =
  | { readonly kind: 'required'; readonly column: string }
  | {
      readonly kind: 'range'
      readonly column: string
      readonly min: number | string | undefined
      readonly max: number | string | undefined
    }
  | {
      readonly kind: 'oneOf'
      readonly column: string
      readonly values: readonly (string | number | boolean)[]
    }
  | { readonly kind: 'unique'; readonly columns: readonly string[] }
  | { readonly kind: 'holds'; readonly sql: string }
  | { readonly kind: 'nullsAtMost'; readonly column: string; readonly share: number }
  | { readonly kind: 'rows'; readonly min: number | undefined; readonly max: number | undefined }
  | { readonly kind: 'freshWithin'; readonly ms: number }
  | { readonly kind: 'driftAtMost'; readonly column: string; readonly index: number }

export interface ExpectationSpec {
  readonly check: ExpectationCheck
  readonly onFail: OnFail
  /** Its number in `expect` of the source, for messages. */
  readonly index: number
}

export interface SourceSpec {
  readonly name: string
  readonly location: SourceLocation
  readonly format: 'parquet' | 'csv' | 'by-ending'
  readonly eventTime: string | undefined
  /**
   * Entity columns that with the event time name a row: of rows of one name the one that became
   * known last holds. Empty: every row stands for itself.
   */
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, string>>
  readonly expect: readonly ExpectationSpec[]
  readonly owner: string
  /** For people. */
  readonly description?: string
  readonly place: Place
}

export type WindowStat = 'count' | 'sum' | 'mean' | 'min' | 'max' | 'std' | 'last'
export type WindowLength =
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'rows'; readonly rows: number }

/** One feature of a group: one statistic over one window of one entity. */
export interface WindowFeature {
  /** Within the group: `origin_mean_1h`. */
  readonly name: string
  readonly by: readonly string[]
  /** SQL of the value; `1` when only counted. */
  readonly of: string
  readonly stat: WindowStat
  readonly over: WindowLength
}

/**
 * The value of an expression over the newest row of an entity: of the rows known at the as-of time,
 * that with the latest (event time, known-at, row number). Missing when there is none, or when it
 * happened more than `ttlMs` before the as-of time.
 */
export interface LatestFeature {
  /** Within the group: `temperature`. */
  readonly name: string
  readonly by: readonly string[]
  readonly of: string
  readonly ttlMs: number | undefined
}

export interface FeatureGroupSpec {
  readonly name: string
  readonly source: string
  /** A SELECT that stands in the place of the source, or undefined. */
  readonly sql: string | undefined
  readonly eventTime: string
  readonly knownAt: string
  /** Windows. */
  readonly features: readonly WindowFeature[]
  readonly latest: readonly LatestFeature[]
  /** Whether the online store keeps its features. */
  readonly online: boolean
  readonly owner: string
  /** For people. */
  readonly description?: string
  readonly place: Place
}

export interface ViewFeature {
  /** As callers spell it: `hour`, `departures.origin_mean_1h`. */
  readonly name: string
  readonly from:
    | { readonly kind: 'row'; readonly sql: string }
    | {
        readonly kind: 'group'
        readonly group: string
        /** Of its windows or of its latest values. */
        readonly feature: string
        /** Entity columns of the group as expressions over the row; the others by their name. */
        readonly on?: Readonly<Record<string, string>>
      }
  /** Text, coded by the categories of the training rows. Absent: a number. */
  readonly type?: 'category'
  readonly transform: readonly Transform[]
}

/** What happens after an event: a statistic over an entity's rows in (event, event + horizon]. */
export interface LabelSpec {
  readonly name: string
  readonly source: string
  readonly by: readonly string[]
  readonly on: Readonly<Record<string, string>>
  /** `1` when only counted. */
  readonly of: string
  readonly stat: WindowStat
  readonly horizonMs: number
}

export interface FeatureViewSpec {
  readonly name: string
  readonly version: number
  /** `name@version`. */
  readonly id: string
  /** The source of the rows. */
  readonly rows: string
  /** Rows are made: every entity of the source at every step, from its first event to the last. */
  readonly grid?: { readonly by: readonly string[]; readonly everyMs: number }
  readonly where: string | undefined
  readonly eventTime: string
  readonly asOf: string
  readonly features: readonly ViewFeature[]
  /** Columns that callers may send, with their DuckDB types; features of these alone follow. */
  readonly request?: Readonly<Record<string, string>>
  readonly labels?: readonly LabelSpec[]
  /** Pairs of features whose transformed columns are multiplied. */
  readonly crosses?: readonly (readonly [string, string])[]
  /** Whose training rows the transforms are fitted on. Absent: the family's. */
  readonly fitPer?: 'member'
  readonly owner: string
  /** For people. */
  readonly description?: string
  /** Of what the view means (not of its owner or place): two equal digests read the same. */
  readonly digest: Digest
  readonly place: Place
}

export type ParameterValue = number | string | boolean | readonly number[]
export interface PipelineChoice {
  /** `ridge@1`. */
  readonly id: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
}

/** A span of event time, UTC: `fromMs` included, `toMs` excluded. */
export interface Span {
  readonly text: string
  readonly fromMs: number
  readonly toMs: number
}

export interface OverrideSpec {
  readonly match: string
  readonly parameters: Readonly<Record<string, ParameterValue>>
  readonly place: Place
}

export type QualityMetric = 'rmse' | 'mae' | 'r2' | 'logLoss' | 'auc' | 'brier' | 'calibrationError'

export interface BlueprintSpec {
  readonly name: string
  readonly purpose: string
  readonly owner: string
  readonly riskClass: RiskClass
  readonly key: readonly string[]
  readonly members: { readonly where: string | undefined; readonly atLeast: number }
  /** `name@version` of the view. */
  readonly view: string
  readonly label: string
  readonly labelUnit: string | undefined
  /** With the defaults of the pipeline filled in. */
  readonly pipeline: PipelineChoice
  /** Where these are declared; `atLeast` has a default. */
  readonly fieldPlaces: Readonly<Record<'pipeline' | 'view' | 'label', Place>> & {
    readonly atLeast?: Place
  }
  /** Where parameters are declared; those that are not have their default. */
  readonly parameterPlaces: Readonly<Record<string, Place>>
  readonly spans: { readonly train: Span; readonly judge: Span; readonly report: Span | undefined }
  readonly gates: Readonly<Record<string, string>>
  readonly objectives: {
    readonly latencyP99Ms: number | undefined
    readonly quality:
      | { readonly metric: QualityMetric; readonly atMost: number }
      | { readonly metric: QualityMetric; readonly atLeast: number }
      | undefined
  }
  readonly budget: { readonly trainSeconds: number | undefined }
  readonly serving: {
    /** Who answers when a model fails, in this order. Bad input is refused and never falls back. */
    readonly fallback: readonly ('previous' | 'ancestor' | 'cached' | 'rule')[]
    /** Oldest answer that is given again; undefined unless `cached` is in `fallback`. */
    readonly cachedForMs: number | undefined
    /** The answer itself, or CEL over `inputs` that gives it. */
    readonly rule: number | string | undefined
    /** Whether a prediction is on disk before it is answered. */
    readonly durable: boolean
    readonly tier: 'pinned' | 'preloaded' | 'on-demand'
    /** Without a call for so long, a family gives its memory back. Undefined: never. */
    readonly idleAfterMs: number | undefined
    /** Rows of one model that wait or run at once. Undefined: the bound of the process. */
    readonly rowsInFlightMax: number | undefined
  }
  /** Narrowest last, so that a later match wins. Ties were refused. */
  readonly overrides: readonly OverrideSpec[]
  readonly environments: readonly string[]
  /** Of everything that changes what is trained or judged; not of owner, purpose or place. */
  readonly digest: Digest
  readonly place: Place
}

export interface PolicySpec {
  readonly name: string
  readonly version: number
  readonly id: string
  readonly riskClass: RiskClass
  readonly environment: string | undefined
  /** In declared order. */
  readonly gates: Readonly<Record<string, string>>
  /** `undefined` when Muster ships it. */
  readonly place: Place | undefined
}

export interface EnvironmentSpec {
  readonly name: string
}

export interface FleetSpec {
  readonly name: string
  readonly environments: readonly EnvironmentSpec[]
  readonly sources: ReadonlyMap<string, SourceSpec>
  readonly groups: ReadonlyMap<string, FeatureGroupSpec>
  /** By `name@version`. */
  readonly views: ReadonlyMap<string, FeatureViewSpec>
  readonly blueprints: ReadonlyMap<string, BlueprintSpec>
  readonly graphs: ReadonlyMap<string, GraphSpec>
  /** Declared ones and, for risk classes without one, those that Muster ships. */
  readonly policies: readonly PolicySpec[]
  readonly digest: Digest
}

/** One file of declarations, as text. Paths are relative to the folder of the fleet, with `/`. */
export interface SpecFile {
  readonly path: string
  readonly text: string
}
