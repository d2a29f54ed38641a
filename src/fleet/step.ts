import type { Digest } from '../base/digest.ts'
import type { FeatureGroupSpec, FeatureViewSpec, SourceSpec } from '../spec/index.ts'
import type { FamilySpec } from './family.ts'
import type { Snapshot } from './snapshot.ts'

/*
 * A run is carried out as steps. A step's input is complete in itself and holds the digests of what
 * earlier steps left; the step's key is the digest of its input and of the code. So a crash is a
 * cache miss, a rerun finds what exists, and two runs that need the same frame build it once.
 */

export interface SourceData {
  readonly spec: SourceSpec
  readonly snapshot: Snapshot
}

export type StepInput =
  /** Snapshots to raw features. Leaves a `FrameManifest`. */
  | {
      readonly kind: 'frame'
      readonly view: FeatureViewSpec
      readonly groups: readonly FeatureGroupSpec[]
      readonly sources: readonly SourceData[]
      readonly key: readonly string[]
    }
  /** The label of every row of a frame. Leaves a `LabelManifest`. */
  | {
      readonly kind: 'label'
      readonly frame: Digest
      readonly view: FeatureViewSpec
      /** Of the view's rows and, for a label of what happens later, of that. */
      readonly sources: readonly SourceData[]
      readonly key: readonly string[]
      /** Name of a label of the view, or an expression over the row. */
      readonly label: string
    }
  /** Fits every level but the leaves. Leaves a `FitOutput`. */
  | {
      readonly kind: 'trunk'
      readonly family: FamilySpec
      readonly frame: Digest
      readonly labels: Digest
    }
  /** Fits the leaves of one part of the frame, leaning on the trunk. Leaves a `FitOutput`. */
  | {
      readonly kind: 'leaves'
      readonly family: FamilySpec
      readonly frame: Digest
      readonly labels: Digest
      readonly trunk: Digest
      readonly part: number
    }
  /**
   * Scores candidates, ancestors, champions and baselines on the judging span. Leaves a
   * `JudgeOutput`.
   */
  | {
      readonly kind: 'judge'
      readonly family: FamilySpec
      readonly frame: Digest
      readonly labels: Digest
      /** FitOutputs: the trunk first, then the leaves by part. */
      readonly fits: readonly Digest[]
      /** Digest of the JSON of a `Champions`, or null when nothing serves. */
      readonly champions: Digest | null
    }
  /** What would really answer, on the reporting span. Leaves a `ReportOutput`. */
  | {
      readonly kind: 'report'
      readonly family: FamilySpec
      readonly frame: Digest
      readonly labels: Digest
      readonly fits: readonly Digest[]
      /** Digest of the JSON of an `Answerers`. */
      readonly answerers: Digest
    }

export type StepKind = StepInput['kind']

/** Where the parameters of a served model are. */
export interface Champions {
  readonly view: Digest
  readonly members: readonly {
    readonly name: string
    readonly version: number
    readonly versionDigest: Digest
    readonly graph: Digest
    readonly pack: Digest
    readonly row: number
  }[]
}

/**
 * Who answers for whom after the gate: members that do not answer for themselves, and the packs of
 * those that do.
 */
export interface Answerers {
  readonly serving: readonly {
    readonly name: string
    readonly graph: Digest
    readonly pack: Digest
    readonly row: number
  }[]
}

/** Progress of a step, for people. */
export interface StepProgress {
  readonly done: number
  readonly total: number
  /** Of `done` and `total`: rows, members. */
  readonly unit: string
}
