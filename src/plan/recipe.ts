import { must } from '../base/assert.ts'
import { type Digest, digestOfValue } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'
import { modelName, parentOf } from '../base/model-name.ts'
import type { Gate, MemberList, Recipe, Snapshot } from '../fleet/index.ts'
import { gatesOf } from '../gate/index.ts'
import { type BlueprintSpec, type FleetSpec, parametersOf, sourcesRead } from '../spec/index.ts'

/*
 * The recipe of a member is what its training reads. Most members of a family share one, so recipes
 * are made once for each set of overrides, and members only look theirs up.
 */

export interface FamilyRecipes {
  /** Of every member that no override touches. */
  readonly base: Digest
  /** Of those that one touches, themselves or through an ancestor that they lean on. */
  readonly overridden: readonly { readonly recipe: Digest; readonly names: readonly ModelName[] }[]
  readonly recipes: ReadonlyMap<Digest, Recipe>
  of(name: ModelName): Digest
}

/**
 * Of what the gates ask, whoever asks it: a policy that only gets a new version changes nothing.
 */
export function gatesDigest(
  gates: readonly Gate[],
  objectives: BlueprintSpec['objectives'],
): Digest {
  const asked = gates.map(g => `${g.gate}: ${g.expression}`).sort()
  const reads = gates.some(g => g.expression.includes('objectives'))
  return digestOfValue(reads ? { asked, objectives } : { asked })
}

function spansText({ train, judge, report }: BlueprintSpec['spans']): string {
  const reported = report === undefined ? '' : `, report ${report.text}`
  return `train ${train.text}, judge ${judge.text}${reported}`
}

export function recipeDigest({ viewId: _, ...read }: Recipe): Digest {
  return digestOfValue(read)
}

/** The recipe of the members of a blueprint that no override touches. */
export function recipeOf(
  blueprint: BlueprintSpec,
  spec: Pick<FleetSpec, 'views' | 'groups' | 'policies'>,
  snapshots: ReadonlyMap<string, Pick<Snapshot, 'id'>>,
): Recipe {
  const view = must(spec.views.get(blueprint.view), `the view ${blueprint.view} exists`)
  const read = sourcesRead(view, spec.groups).map((source): [string, Digest] => [
    source,
    must(snapshots.get(source), `a snapshot of ${source} was taken`).id,
  ])
  return {
    view: view.digest,
    viewId: view.id,
    label: blueprint.label,
    spans: spansText(blueprint.spans),
    pipeline: blueprint.pipeline.id,
    parameters: digestOfValue(blueprint.pipeline.parameters),
    gates: gatesDigest(gatesOf(blueprint, spec.policies), blueprint.objectives),
    snapshots: Object.fromEntries(read),
  }
}

/**
 * The recipes of a whole family. A member leans on its parent, so where an ancestor is overridden
 * the members below it have a recipe of their own too.
 */
export function recipesOf(
  blueprint: BlueprintSpec,
  spec: Pick<FleetSpec, 'views' | 'groups' | 'policies'>,
  snapshots: ReadonlyMap<string, Pick<Snapshot, 'id'>>,
  members: MemberList,
): FamilyRecipes {
  const plain = recipeOf(blueprint, spec, snapshots)
  const base = recipeDigest(plain)
  const recipes = new Map<Digest, Recipe>([[base, plain]])
  const special =
    blueprint.overrides.length === 0
      ? new Map<ModelName, Digest>()
      : specialRecipes(blueprint, plain, members, recipes)
  return {
    base,
    overridden: groupNames(special),
    recipes,
    of: name => special.get(name) ?? base,
  }
}

/** The recipes that differ from the plain one, by member; adds them to `recipes`. */
function specialRecipes(
  blueprint: BlueprintSpec,
  plain: Recipe,
  members: MemberList,
  recipes: Map<Digest, Recipe>,
): ReadonlyMap<ModelName, Digest> {
  const special = new Map<ModelName, Digest>()
  const usual = JSON.stringify(blueprint.pipeline.parameters)
  const made = new Map<string, Digest>()
  for (const { keys } of members.levels) {
    for (const key of keys) {
      const name = modelName(blueprint.name, key)
      const above = parentOf(name)
      const leans = above === undefined ? undefined : special.get(above)
      const parameters = parametersOf(blueprint, key)
      const text = JSON.stringify(parameters)
      if (leans === undefined && text === usual) continue
      // Few distinct ones, and a million members: the digest is taken once for each.
      const words = `${leans ?? ''} ${text}`
      let digest = made.get(words)
      if (digest === undefined) {
        const read = leans === undefined ? parameters : { parameters, leans }
        const own = { ...plain, parameters: digestOfValue(read) }
        digest = recipeDigest(own)
        recipes.set(digest, own)
        made.set(words, digest)
      }
      special.set(name, digest)
    }
  }
  return special
}

function groupNames(special: ReadonlyMap<ModelName, Digest>): FamilyRecipes['overridden'] {
  const groups = new Map<Digest, ModelName[]>()
  for (const [name, recipe] of special) {
    const names = groups.get(recipe)
    if (names === undefined) groups.set(recipe, [name])
    else names.push(name)
  }
  return [...groups].map(([recipe, names]) => ({ recipe, names }))
}
