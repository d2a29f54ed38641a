import type { Digest } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'
import type { ModelRecord, Recipe } from '../fleet/index.ts'
import { plainly, type Why, whyRetrain } from './reason.ts'
import type { FamilyRecipes } from './recipe.ts'

/** What of a model's record a plan reads. */
export type PlannedModel = Pick<ModelRecord, 'name' | 'depth' | 'state' | 'recipe'>

/** Whether a version must be made for a declared member, by what is recorded of it. */
export class Need {
  readonly #recipes: FamilyRecipes
  readonly #recorded: ReadonlyMap<Digest, Recipe>
  readonly #newEnvironment: Why | undefined
  readonly #found = new Map<string, Why | undefined>()
  readonly #noVersion = plainly('no-version')
  readonly #again: Why = { reason: 'no-version', because: 'declared again' }
  readonly #lost: Why = { reason: 'no-version', because: 'how it was trained is not recorded' }

  constructor(
    recipes: FamilyRecipes,
    recorded: ReadonlyMap<Digest, Recipe>,
    newEnvironment: Why | undefined,
  ) {
    this.#recipes = recipes
    this.#recorded = recorded
    this.#newEnvironment = newEnvironment
  }

  of(name: ModelName, record: PlannedModel | undefined): Why | undefined {
    if (record === undefined || record.state === 'declared') return this.#noVersion
    if (record.state === 'retired') return this.#again
    if (record.recipe === undefined) return this.#lost
    const target = this.#recipes.of(name)
    if (record.recipe === target) return this.#newEnvironment
    const key = `${target} ${record.recipe}`
    if (!this.#found.has(key)) this.#found.set(key, this.#compare(target, record.recipe))
    return this.#found.get(key)
  }

  #compare(target: Digest, last: Digest): Why | undefined {
    const now = this.#recipes.recipes.get(target)
    const then = this.#recorded.get(last)
    if (now === undefined || then === undefined) return this.#lost
    return whyRetrain(now, then) ?? { reason: 'pipeline-changed', because: 'the recipe changed' }
  }
}
