export type { PlannedModel } from './need.ts'
export { planFleet, type Recorded, type ToPlan } from './plan.ts'
export { type FamilyRecipes, recipeDigest, recipeOf, recipesOf, sourcesOf } from './recipe.ts'
