import type { FeatureGroupSpec, FeatureViewSpec, SourceSpec } from './fleet-spec.ts'

type OfView = Pick<
  FeatureViewSpec,
  | 'rows'
  | 'grid'
  | 'where'
  | 'eventTime'
  | 'asOf'
  | 'features'
  | 'request'
  | 'labels'
  | 'crosses'
  | 'fitPer'
>
type OfGroup = Pick<
  FeatureGroupSpec,
  'name' | 'source' | 'sql' | 'eventTime' | 'knownAt' | 'features' | 'latest'
>
type OfSource = Pick<SourceSpec, 'name' | 'eventTime' | 'key'>

/**
 * All that decides what a view reads, without owners and places: its own fields, of the groups the
 * definitions behind its features, of the sources what tells their rows apart. Its digest is the
 * view's. Plain JSON, for it is kept as what was published.
 */
export interface ViewMeaning extends OfView {
  readonly reads: {
    readonly groups: readonly OfGroup[]
    readonly sources: readonly OfSource[]
  }
}

export interface ViewSurroundings {
  readonly sources: ReadonlyMap<string, SourceSpec>
  readonly groups: ReadonlyMap<string, FeatureGroupSpec>
}

export function meaningOfView(view: OfView, around: ViewSurroundings): ViewMeaning {
  const { rows, grid, where, eventTime, asOf, features, request, labels, crosses, fitPer } = view
  return {
    rows,
    where,
    eventTime,
    asOf,
    features,
    ...(grid && { grid }),
    ...(request && { request }),
    ...(labels && { labels }),
    ...(crosses && { crosses }),
    ...(fitPer && { fitPer }),
    reads: readsOf(view, around),
  }
}

/** Names of the sources that a view reads: that of its rows, those of its groups and its labels. */
export function sourcesRead(
  view: Pick<FeatureViewSpec, 'rows' | 'features' | 'labels'>,
  groups: ReadonlyMap<string, Pick<FeatureGroupSpec, 'source'>>,
): readonly string[] {
  const grouped = view.features.flatMap(({ from }) =>
    from.kind === 'group' ? (groups.get(from.group)?.source ?? []) : [],
  )
  const labelled = (view.labels ?? []).map(label => label.source)
  return [...new Set([view.rows, ...grouped, ...labelled])].sort()
}

function readsOf(view: OfView, { groups, sources }: ViewSurroundings): ViewMeaning['reads'] {
  const used = new Map<string, Set<string>>()
  for (const { from } of view.features) {
    if (from.kind !== 'group') continue
    const names = used.get(from.group) ?? new Set()
    used.set(from.group, names.add(from.feature))
  }
  const read = [...used].sort().flatMap(([name, names]): OfGroup[] => {
    const group = groups.get(name)
    if (!group) return [] // Complained of; such a view has no digest that anyone sees.
    const { source, sql, eventTime, knownAt } = group
    const features = group.features.filter(feature => names.has(feature.name))
    const latest = group.latest.filter(feature => names.has(feature.name))
    return [{ name, source, sql, eventTime, knownAt, features, latest }]
  })
  return {
    groups: read,
    sources: sourcesRead(view, groups).map(name => ({
      name,
      eventTime: sources.get(name)?.eventTime,
      key: sources.get(name)?.key ?? [],
    })),
  }
}
