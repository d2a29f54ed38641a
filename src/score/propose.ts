import type { ScoreWork, SourceData } from '../fleet/index.ts'
import type { BlueprintSpec, FeatureViewSpec, FleetSpec } from '../spec/index.ts'

export interface ScoreQuestion extends Pick<ScoreWork, 'routes' | 'span' | 'under'> {
  readonly view: FeatureViewSpec
  readonly blueprint: BlueprintSpec
  readonly where: string | undefined
  readonly target: ScoreWork['target']
  readonly partial: boolean
}

/**
 * Fixes everything that a score needs. Its frame is named as a run that trains on the same data
 * names it, so that whichever comes second finds it.
 */
export function workOf(
  question: ScoreQuestion,
  spec: FleetSpec,
  snapshotOf: (source: string) => SourceData['snapshot'],
): ScoreWork {
  const { view, blueprint, where, routes, span, under, target, partial } = question
  const dataOf = (names: readonly string[]): readonly SourceData[] =>
    [...new Set(names)].sort().map(name => ({
      spec: spec.sources.get(name)!,
      snapshot: snapshotOf(name),
    }))
  const used = new Set(
    view.features.flatMap(({ from }) => (from.kind === 'group' ? [from.group] : [])),
  )
  const groups = [...used].sort().flatMap(name => spec.groups.get(name) ?? [])
  const sources = dataOf([view.rows, ...groups.map(group => group.source)])
  const { key } = blueprint
  return {
    frame: { kind: 'frame', view, groups, sources, key },
    where:
      where === undefined
        ? null
        : { kind: 'label', view, sources: dataOf([view.rows]), key, label: where },
    routes,
    span,
    under,
    target,
    partial,
  }
}
