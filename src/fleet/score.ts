import type { Digest } from '../base/digest.ts'
import type { StepInput } from './step.ts'

/*
 * A score is a batch inference job: every row of a view, as of its event, answered by the nearest
 * model that served when the job was asked for. It is carried out as steps, as runs are, so what a
 * killed process leaves undone is done by the next one, and what it left done is found.
 */

/** Who answered for whom when the job was asked for: a later swap of routes is none of its. */
export interface ScoreRoutes {
  readonly environment: string
  readonly generation: number
  readonly blueprint: string
  readonly models: readonly {
    readonly name: string
    readonly version: number
    readonly graph: Digest
    readonly pack: Digest
    readonly row: number
    /** Digest of the view that it was trained on. */
    readonly view: Digest
  }[]
}

/** Events in [fromMs, toMs), milliseconds since 1970 UTC; null: unbounded. */
export interface ScoreSpan {
  readonly fromMs: number | null
  readonly toMs: number | null
}

export type ScoreTarget =
  /** One Parquet file. */
  | { readonly kind: 'file' }
  /** A Parquet file for each part of the frame. */
  | { readonly kind: 'folder' }
  /** A new table of another PostgreSQL. */
  | {
      readonly kind: 'table'
      readonly connection: string
      /** `schema.table`, or `table`. */
      readonly table: string
      readonly overwrite: boolean
    }

/** Everything that carrying out a score needs; its digest names the job. */
export interface ScoreWork {
  readonly frame: StepInput & { readonly kind: 'frame' }
  /** A true/false expression over the rows of the view: which are scored. Null: all. */
  readonly where: Omit<StepInput & { readonly kind: 'label' }, 'frame'> | null
  /** Digest of the JSON of a `ScoreRoutes`. */
  readonly routes: Digest
  readonly span: ScoreSpan
  /** Only rows whose key begins with these values. */
  readonly under: readonly string[]
  readonly target: ScoreTarget
  /** Whether what could be scored is delivered although some parts could not. */
  readonly partial: boolean
}

export type ScoreInput =
  /** The rows of one part of a frame, answered. Leaves a `ScoredPart`. */
  | {
      readonly kind: 'score'
      readonly frame: Digest
      /** Digest of the view. */
      readonly view: Digest
      /** Labels that are 1 where a row is scored, or null. */
      readonly where: Digest | null
      readonly routes: Digest
      readonly span: ScoreSpan
      readonly under: readonly string[]
      readonly part: number
    }
  /** Files of parts as one file, in their order. Leaves a `ScoreFile`. */
  | { readonly kind: 'gather'; readonly files: readonly Digest[] }
  /** Files of parts into a table of another database, in one transaction. Leaves a `ScoreTable`. */
  | {
      readonly kind: 'deliver'
      readonly files: readonly Digest[]
      readonly connection: string
      readonly table: string
      readonly overwrite: boolean
    }

/** Why a row has no prediction. */
export type Unscored =
  /** Nothing served from its leaf up to the root. */
  | 'nothing-serves'
  /** What would answer was trained on another view, whose features are not in this frame. */
  | 'other-view'
  /** The bytes of what would answer are gone. */
  | 'bytes-gone'

export interface ScoreFile {
  readonly file: Digest
  readonly sizeBytes: number
  readonly rows: number
}

export interface ScoredPart extends ScoreFile {
  readonly counts: ScoreCounts
}

export interface ScoreCounts {
  readonly rows: number
  /** `byDepth[depth]`: rows answered by a model of that depth; 0 is the root. */
  readonly byDepth: readonly number[]
  readonly unscored: Readonly<Partial<Record<Unscored, number>>>
}

export interface ScoreTable {
  readonly table: string
  readonly rows: number
  /** Its comment, by which it is known to be this result. */
  readonly mark: string
}
