import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { modelName } from '../base/model-name.ts'
import type { FrameManifest, ScoreRoutes, Unscored } from '../fleet/index.ts'

/* Who answers for the rows of each leaf of a part: as the data plane resolves a name. */

export type RoutedModel = ScoreRoutes['models'][number]

export interface LeafAnswerer {
  /** The name that its rows ask for. */
  readonly model: string
  /** Of `by`; 0 is the root. */
  readonly depth: number
  readonly by: RoutedModel | undefined
  /** Why `by` is undefined. */
  readonly unscored: Unscored | undefined
}

/**
 * For the leaves [leafFrom, leafTo) of a frame, in their order, the nearest model with a route from
 * the leaf up to the root. One that was trained on another view than the frame's answers nothing:
 * going on to its ancestor would give a number that nobody who calls it would get.
 */
export function answerersOf(
  routes: ScoreRoutes,
  manifest: Pick<FrameManifest, 'leafKeys'>,
  { leafFrom, leafTo, view }: { leafFrom: number; leafTo: number; view: Digest },
): readonly LeafAnswerer[] {
  const byName = new Map(routes.models.map(model => [model.name, model]))
  return Array.from({ length: leafTo - leafFrom }, (_, at): LeafAnswerer => {
    const keys = keyOf(manifest, leafFrom + at)
    const model = modelName(routes.blueprint, keys)
    for (let depth = keys.length; depth >= 0; depth--) {
      const by = byName.get(modelName(routes.blueprint, keys.slice(0, depth)))
      if (by === undefined) continue
      return by.view === view
        ? { model, depth, by, unscored: undefined }
        : { model, depth, by: undefined, unscored: 'other-view' }
    }
    return { model, depth: 0, by: undefined, unscored: 'nothing-serves' }
  })
}

export function keyOf({ leafKeys }: Pick<FrameManifest, 'leafKeys'>, leaf: number): string[] {
  return leafKeys.map(column => must(column[leaf], 'every leaf has its key'))
}

/** Whether the key of a leaf begins with these values. */
export function isUnder(
  manifest: Pick<FrameManifest, 'leafKeys'>,
  leaf: number,
  under: readonly string[],
): boolean {
  return under.every((value, k) => manifest.leafKeys[k]?.[leaf] === value)
}
