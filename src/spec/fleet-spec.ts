import type { Digest } from '../base/digest.ts'
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

export interface SourceSpec {
  readonly name: string
  readonly location: { readonly npm: string } | { readonly files: readonly string[] }
  readonly format: 'parquet' | 'csv' | 'by-ending'
  readonly eventTime: string | undefined
  readonly columns: Readonly<Record<string, string>>
  readonly owner: string
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

export interface FeatureGroupSpec {
  readonly name: string
  readonly source: string
  /** A SELECT that stands in the place of the source, or undefined. */
  readonly sql: string | undefined
  readonly eventTime: string
  readonly knownAt: string
  readonly features: readonly WindowFeature[]
  readonly owner: string
  readonly place: Place
}

export interface ViewFeature {
  /** As callers spell it: `hour`, `departures.origin_mean_1h`. */
  readonly name: string
  readonly from:
    | { readonly kind: 'row'; readonly sql: string }
    | { readonly kind: 'group'; readonly group: string; readonly feature: string }
  readonly transform: readonly Transform[]
}

export interface FeatureViewSpec {
  readonly name: string
  readonly version: number
  /** `name@version`. */
  readonly id: string
  /** The source of the rows. */
  readonly rows: string
  readonly where: string | undefined
  readonly eventTime: string
  readonly asOf: string
  readonly features: readonly ViewFeature[]
  readonly owner: string
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
  /** Declared ones and, for risk classes without one, those that Muster ships. */
  readonly policies: readonly PolicySpec[]
  readonly digest: Digest
}

/** One file of declarations, as text. Paths are relative to the folder of the fleet, with `/`. */
export interface SpecFile {
  readonly path: string
  readonly text: string
}
