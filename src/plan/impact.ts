import type { FeatureGroupSpec, FeatureViewSpec, FleetSpec, SourceSpec } from '../spec/index.ts'

/*
 * Who reads what, through all hands: from a source, a column of it, a group, a feature or a view to
 * the blueprints whose models a change would touch. Pure, over the declaration alone; where the
 * declaration does not say which column comes of which, all that may read it is named.
 */

/** What a change is of. */
export type ImpactOf =
  | { readonly kind: 'source'; readonly source: string }
  | { readonly kind: 'column'; readonly source: string; readonly column: string }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'feature'; readonly group: string; readonly feature: string }
  | { readonly kind: 'view'; readonly view: string }

/** What the texts of SQL name: columns in lower case, by text. See `columnsNamed`. */
export type NamedByText = ReadonlyMap<
  string,
  { readonly names: ReadonlySet<string>; readonly star: boolean }
>

export interface Impact {
  /** Groups with their features that are touched, in order. */
  readonly groups: readonly { readonly name: string; readonly features: readonly string[] }[]
  readonly views: readonly Touched[]
  /** `view@1.label`. */
  readonly labels: readonly Touched[]
  readonly blueprints: readonly (Touched & { readonly view: string })[]
}

export interface Touched {
  readonly name: string
  /** By what it is touched: `feature recent.mean_7d`, `where`, `label`, in order. */
  readonly by: readonly string[]
}

/** Everything that the words may mean, for a source and a group may share a name. */
export function readImpactOf(spec: FleetSpec, text: string): readonly ImpactOf[] {
  const found: ImpactOf[] = []
  if (spec.sources.has(text)) found.push({ kind: 'source', source: text })
  if (spec.groups.has(text)) found.push({ kind: 'group', group: text })
  for (const view of spec.views.values()) {
    if (view.id === text || view.name === text) found.push({ kind: 'view', view: view.id })
  }
  const dot = text.indexOf('.')
  const [head, rest] = [text.slice(0, dot), text.slice(dot + 1)]
  if (dot < 0 || rest === '') return found
  const group = spec.groups.get(head)
  if (group && featuresOf(group).some(feature => feature.name === rest)) {
    found.push({ kind: 'feature', group: head, feature: rest })
  }
  // Any other word is taken for a column: which a source has, only its data says.
  else if (spec.sources.has(head)) found.push({ kind: 'column', source: head, column: rest })
  return found
}

export function impactOf(
  spec: FleetSpec,
  changes: readonly ImpactOf[],
  named: NamedByText,
): Impact {
  const groups = new Map<string, Set<string>>()
  for (const group of spec.groups.values()) {
    const touched = featuresOf(group).filter(feature =>
      changes.some(change => touchesFeature(change, group, feature, spec, named)),
    )
    if (touched.length > 0) groups.set(group.name, new Set(touched.map(feature => feature.name)))
  }
  const views: Touched[] = []
  const labels: Touched[] = []
  const blueprints: (Touched & { view: string })[] = []
  for (const view of spec.views.values()) {
    const ofLabels = changes.flatMap(change => labelsTouched(change, view, spec, named))
    const by = unique([
      ...changes.flatMap(change => viewTouched(change, view, { spec, groups, named })),
      ...ofLabels.map(label => `label ${label}`),
    ])
    for (const label of new Set(ofLabels)) {
      labels.push({ name: `${view.id}.${label}`, by: [`rows of ${labelSource(view, label)}`] })
    }
    if (by.length > 0) views.push({ name: view.id, by })
  }
  const viewNames = new Set(views.map(view => view.name))
  for (const blueprint of spec.blueprints.values()) {
    const view = spec.views.get(blueprint.view)
    const own = changes.flatMap(change => {
      if (change.kind !== 'column' || change.source !== view?.rows) return []
      const reads = (text: string | undefined) => names(text, change, named)
      return [
        ...(blueprint.key.some(column => same(column, change.column)) ? ['key'] : []),
        ...(reads(blueprint.members.where) ? ['members.where'] : []),
        ...(reads(blueprint.label) ? ['label'] : []),
      ]
    })
    const by = unique([...(viewNames.has(blueprint.view) ? [blueprint.view] : []), ...own])
    if (by.length > 0) blueprints.push({ name: blueprint.name, view: blueprint.view, by })
  }
  const groupRows = [...groups].map(([name, features]) => ({ name, features: [...features] }))
  return { groups: groupRows, views, labels, blueprints }
}

type Feature = FeatureGroupSpec['features'][number] | FeatureGroupSpec['latest'][number]
type ColumnOf = Extract<ImpactOf, { kind: 'column' }>

function featuresOf(group: FeatureGroupSpec): readonly Feature[] {
  return [...group.features, ...group.latest]
}

function touchesFeature(
  change: ImpactOf,
  group: FeatureGroupSpec,
  feature: Feature,
  spec: FleetSpec,
  named: NamedByText,
): boolean {
  switch (change.kind) {
    case 'source':
      return group.source === change.source
    case 'group':
      return group.name === change.group
    case 'feature':
      return group.name === change.group && feature.name === change.feature
    case 'view':
      return false
    case 'column': {
      if (group.source !== change.source) return false
      const source = spec.sources.get(group.source)
      const texts = [group.eventTime, group.knownAt, feature.of]
      // A SELECT that names the column may hand it on under any name.
      if (group.sql !== undefined && names(group.sql, change, named)) return true
      if (group.sql !== undefined && !named.get(group.sql)?.star) return false
      return (
        isKey(source, change.column) ||
        feature.by.some(column => same(column, change.column)) ||
        texts.some(text => names(text, change, named))
      )
    }
    default:
      return change satisfies never
  }
}

interface Known {
  readonly spec: FleetSpec
  /** Features that are touched, by group. */
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>
  readonly named: NamedByText
}

function viewTouched(change: ImpactOf, view: FeatureViewSpec, known: Known): readonly string[] {
  const { groups } = known
  if (change.kind === 'view') return change.view === view.id ? ['itself'] : []
  const grouped = view.features.flatMap(({ name, from }) =>
    from.kind === 'group' && groups.get(from.group)?.has(from.feature) ? [`feature ${name}`] : [],
  )
  if (change.kind === 'source') {
    return [...(view.rows === change.source ? ['rows'] : []), ...grouped]
  }
  return change.kind === 'column' && view.rows === change.source
    ? [...rowsTouched(change, view, known), ...grouped]
    : grouped
}

/** What a view makes of a column of its own rows. A grid keeps the entity columns only. */
function rowsTouched(
  change: ColumnOf,
  view: FeatureViewSpec,
  { spec, named }: Known,
): readonly string[] {
  const reads = (text: string | undefined) => names(text, change, named)
  const { grid, where, eventTime, asOf, features } = view
  const source = spec.sources.get(view.rows)
  const inGrid = grid?.by.some(column => same(column, change.column)) || reads(source?.eventTime)
  if (grid && !inGrid) return []
  const fields = Object.entries({ where, eventTime, asOf }).flatMap(([field, text]) =>
    reads(text) ? [field] : [],
  )
  const rows = features.flatMap(({ name, from }) => {
    const touched =
      from.kind === 'row'
        ? reads(from.sql)
        : entityReads(entityOf(spec, from), from.on, change, named)
    return touched ? [`feature ${name}`] : []
  })
  const ofRows = isKey(source, change.column) ? ['rows'] : []
  return [...ofRows, ...(grid ? ['grid'] : []), ...fields, ...rows]
}

function entityOf(
  spec: FleetSpec,
  { group, feature }: { readonly group: string; readonly feature: string },
): readonly string[] {
  const of = spec.groups.get(group)
  return (of && featuresOf(of).find(f => f.name === feature)?.by) ?? []
}

/** Whether an entity is looked up by the column: by an expression over it, or by its equal name. */
function entityReads(
  by: readonly string[],
  on: Readonly<Record<string, string>> | undefined,
  change: ColumnOf,
  named: NamedByText,
): boolean {
  return by.some(entity => {
    const text = on?.[entity]
    return text === undefined ? same(entity, change.column) : names(text, change, named)
  })
}

/** Names of the labels of a view that read what changes. */
function labelsTouched(
  change: ImpactOf,
  view: FeatureViewSpec,
  spec: FleetSpec,
  named: NamedByText,
): readonly string[] {
  return (view.labels ?? []).flatMap(label => {
    if (change.kind === 'source') return label.source === change.source ? [label.name] : []
    if (change.kind !== 'column') return []
    const source = spec.sources.get(label.source)
    const ofRows =
      label.source === change.source &&
      (isKey(source, change.column) ||
        label.by.some(column => same(column, change.column)) ||
        names(label.of, change, named) ||
        names(source?.eventTime, change, named))
    const ofEvent = view.rows === change.source && entityReads(label.by, label.on, change, named)
    return ofRows || ofEvent ? [label.name] : []
  })
}

function labelSource(view: FeatureViewSpec, name: string): string {
  return view.labels?.find(label => label.name === name)?.source ?? ''
}

/** Whether a text names the column: `delay`, `flights.delay`, or a field of it: `delay.minutes`. */
function names(text: string | undefined, { source, column }: ColumnOf, named: NamedByText) {
  if (text === undefined) return false
  const wanted = column.toLowerCase()
  for (const name of named.get(text)?.names ?? []) {
    const [first = '', second] = name.split('.')
    if (first === wanted || (first === source.toLowerCase() && second === wanted)) return true
    if (name === wanted) return true // A column whose name has a dot.
  }
  return false
}

/** By its key, which row of a source holds is decided for everything that reads it. */
function isKey(source: SourceSpec | undefined, column: string): boolean {
  return source?.key.some(key => same(key, column)) ?? false
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function unique(words: readonly string[]): readonly string[] {
  return [...new Set(words)]
}
