import type { Digest } from '../base/digest.ts'
import type {
  FeatureViewSpec,
  OverrideSpec,
  PipelineChoice,
  Span,
  ViewFeature,
} from '../spec/index.ts'

/** What a level of the tree is to the tree. */
export type Role = 'root' | 'segment' | 'leaf'

export function roleOf(depth: number, keyLength: number): Role {
  if (depth === 0) return 'root'
  return depth === keyLength ? 'leaf' : 'segment'
}

/**
 * The key columns that a level is told apart by: `origin`, `origin.destination`; '' for the root.
 */
export function levelKey(key: readonly string[], depth: number): string {
  return key.slice(0, depth).join('.')
}

/** What the fit of a family reads, complete in itself, so that its digest names the work. */
export interface FamilySpec {
  readonly blueprint: string
  readonly key: readonly string[]
  /** Digest of the view: a champion of another one cannot be compared on this frame. */
  readonly view: Digest
  readonly features: readonly ViewFeature[]
  readonly crosses?: FeatureViewSpec['crosses']
  readonly fitPer?: FeatureViewSpec['fitPer']
  readonly pipeline: PipelineChoice
  readonly overrides: readonly Pick<OverrideSpec, 'match' | 'parameters'>[]
  readonly spans: { readonly train: Span; readonly judge: Span; readonly report: Span | undefined }
  /** Digest of the JSON of a `MemberList`. */
  readonly members: Digest
}

/**
 * The members that a blueprint declares over a snapshot, level by level, in order of their names'
 * key values.
 */
export interface MemberList {
  /** `levels[depth]`: depth 0 holds the root alone. */
  readonly levels: readonly {
    /** Key values, `depth` of them each. */
    readonly keys: readonly (readonly string[])[]
    /** Rows of the snapshot that count for each. */
    readonly rows: readonly number[]
  }[]
}
