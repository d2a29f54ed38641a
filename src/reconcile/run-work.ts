import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import {
  type Blobs,
  type Champions,
  type FamilySpec,
  putJson,
  type Route,
  type RunWork,
  type SourceData,
} from '../fleet/index.ts'
import { gatesOf } from '../gate/index.ts'
import { graphHead, signatureOf } from '../pipelines/index.ts'
import type { FamilyRecipes } from '../plan/index.ts'
import type { BlueprintSpec, FeatureGroupSpec } from '../spec/index.ts'
import { type Declared, snapshotIds, sourcesOfView } from './declared.ts'

/** What the planner found for one blueprint, beside the declaration. */
export interface PlannedFamily {
  /** Digest of the JSON of its `MemberList`. */
  readonly members: Digest
  /**
   * What serves now, in the environment that is judged against: the first that the blueprint names.
   */
  readonly routes: readonly Route[]
  /** View digest of what serves now; undefined when nothing does. */
  readonly servingView: Digest | undefined
  readonly recipes: FamilyRecipes
}

/**
 * Fixes everything that carrying out a blueprint needs: after this, execution has no choices left.
 */
export async function runWorkOf(
  declared: Declared,
  blueprint: BlueprintSpec,
  planned: PlannedFamily,
  blobs: Blobs,
): Promise<RunWork> {
  const { spec } = declared
  const view = must(spec.views.get(blueprint.view), 'the view of a blueprint was checked')
  const groups = groupsOf(declared, blueprint)
  const ahead = view.labels?.find(label => label.name === blueprint.label)
  // A frame does not read what only labels do, so new data for those leaves it as it is.
  const framed = dataOf(declared, [view.rows, ...groups.map(group => group.source)])
  const labelled = dataOf(declared, [view.rows, ...(ahead ? [ahead.source] : [])])
  const family: FamilySpec = {
    blueprint: blueprint.name,
    view: view.digest,
    key: blueprint.key,
    features: view.features,
    ...(view.crosses && { crosses: view.crosses }),
    ...(view.fitPer && { fitPer: view.fitPer }),
    pipeline: blueprint.pipeline,
    overrides: blueprint.overrides.map(({ match, parameters }) => ({ match, parameters })),
    spans: blueprint.spans,
    members: planned.members,
  }
  return {
    frame: {
      kind: 'frame',
      view,
      groups,
      sources: framed,
      key: blueprint.key,
    },
    label: {
      kind: 'label',
      view,
      sources: labelled,
      key: blueprint.key,
      label: blueprint.label,
    },
    family,
    champions: await championsOf(planned, blobs),
    gates: gatesOf(blueprint, spec.policies),
    objectives: blueprint.objectives,
    environments: blueprint.environments,
    signature: signatureOf(
      view.features,
      graphHead(blueprint.pipeline, view.features),
      blueprint.labelUnit,
    ),
    purpose: blueprint.purpose,
    lineage: {
      blueprint: blueprint.digest,
      pipeline: blueprint.pipeline.id,
      view: view.id,
      viewDigest: view.digest,
      snapshots: snapshotIds(
        dataOf(
          declared,
          sourcesOfView(spec, view).map(source => source.name),
        ).map(source => [source.spec.name, source.snapshot] as const),
      ),
    },
    recipe: planned.recipes.base,
    recipeOverrides: planned.recipes.overridden,
    recipes: Object.fromEntries(planned.recipes.recipes),
  }
}

/** In order of name, each once. */
function dataOf({ spec, snapshots }: Declared, names: readonly string[]): readonly SourceData[] {
  return [...new Set(names)].sort().map(name => ({
    spec: must(spec.sources.get(name), 'the source was checked'),
    snapshot: must(snapshots.get(name), 'every source has its snapshot'),
  }))
}

function groupsOf(declared: Declared, blueprint: BlueprintSpec): readonly FeatureGroupSpec[] {
  const view = must(declared.spec.views.get(blueprint.view), 'the view of a blueprint was checked')
  const names = new Set(
    view.features.flatMap(({ from }) => (from.kind === 'group' ? [from.group] : [])),
  )
  return [...names].sort().flatMap(name => declared.spec.groups.get(name) ?? [])
}

async function championsOf(planned: PlannedFamily, blobs: Blobs): Promise<Digest | null> {
  if (planned.routes.length === 0 || !planned.servingView) return null
  const champions: Champions = {
    view: planned.servingView,
    members: planned.routes.map(({ model, version, versionDigest, graph, pack, row }) => ({
      name: model,
      version,
      versionDigest,
      graph,
      pack,
      row,
    })),
  }
  return putJson(blobs, champions)
}
