export { type HeldBack, missingSources } from './held.ts'
export {
  type Impact,
  type ImpactOf,
  impactOf,
  type NamedByText,
  readImpactOf,
  type Touched,
} from './impact.ts'
export type { PlannedModel } from './need.ts'
export { planFleet, type Recorded, type ToPlan } from './plan.ts'
export { type FamilyRecipes, recipeDigest, recipeOf, recipesOf } from './recipe.ts'
export {
  type Keyed,
  type PlanLevel,
  type PlanLine,
  type PlanSummary,
  planSummary,
} from './summary.ts'
export {
  explainModel,
  type LastTraining,
  type ToExplain,
  type WhyChain,
  type WhyLink,
  type WhyStep,
} from './why.ts'
