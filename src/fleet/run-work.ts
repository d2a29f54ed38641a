import type { Digest } from '../base/digest.ts'
import type { ModelName, PlanId, RunId } from '../base/ids.ts'
import type { BlueprintSpec } from '../spec/index.ts'
import type { FamilySpec } from './family.ts'
import type { Recipe } from './model.ts'
import type { ScoreInput } from './score.ts'
import type { Signature } from './signature.ts'
import type { StepInput } from './step.ts'
import type { Lineage } from './version.ts'

/** A rule of a policy, of the blueprint, or made from its objective. */
export interface Gate {
  /** `worth-keeping`. */
  readonly gate: string
  /** `low@1`, `blueprint`, `objective`. */
  readonly from: string
  /** CEL. */
  readonly expression: string
}

/**
 * Everything that carrying out one blueprint of a plan needs, fixed when the plan is made:
 * execution has no choices left, so any number of executors come to one result. Stored with the
 * run, never changed.
 */
export interface RunWork {
  readonly frame: StepInput & { readonly kind: 'frame' }
  readonly label: Omit<StepInput & { readonly kind: 'label' }, 'frame'>
  readonly family: FamilySpec
  /** Digest of the JSON of a `Champions`, or null when nothing serves. */
  readonly champions: Digest | null
  readonly gates: readonly Gate[]
  readonly objectives: BlueprintSpec['objectives']
  readonly environments: readonly string[]
  readonly signature: Signature
  readonly purpose: string
  readonly lineage: Omit<Lineage, 'parameters' | 'code'>
  /** Digest of the recipe of every member that no override touches. */
  readonly recipe: Digest
  /** Of those that one does. */
  readonly recipeOverrides: readonly {
    readonly names: readonly ModelName[]
    readonly recipe: Digest
  }[]
  /** The recipes themselves, by digest. */
  readonly recipes: Readonly<Record<Digest, Recipe>>
}

/**
 * The last step but the report: verdicts, versions, routes; one transaction. Leaves an `Answerers`.
 */
export interface SealInput {
  readonly kind: 'seal'
  readonly run: RunId
  readonly plan: PlanId
  /** FitOutputs: the trunk first, then the leaves by part. */
  readonly fits: readonly Digest[]
  readonly judge: Digest
}

/** What the queue carries, by key. */
export type WorkInput = StepInput | SealInput | ScoreInput
