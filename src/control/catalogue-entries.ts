import { countOf } from '../base/format.ts'
import {
  definitionText,
  type FeatureGroupSpec,
  type FeatureViewSpec,
  type FleetSpec,
  featureText,
  labelText,
  type Place,
  type SourceSpec,
  sourcesRead,
} from '../spec/index.ts'

/* What a fleet shares, as a list. Pure, over the declaration. */

export interface Entry {
  readonly kind: 'source' | 'group' | 'view' | 'feature'
  readonly name: string
  readonly owner: string
  readonly description: string | undefined
  readonly place: Place
  readonly means: string
  readonly fields: readonly { readonly name: string; readonly value: string }[]
  /** Whose rows it is of: a table that seldom changes makes no view of daily rows stale. */
  readonly source: string
  /** Views that read it; of a view itself. */
  readonly views: readonly string[]
  readonly blueprints: readonly string[]
}

const kindOrder: Readonly<Record<Entry['kind'], number>> = {
  source: 0,
  group: 1,
  view: 2,
  feature: 3,
}

export function compareEntries(
  a: Pick<Entry, 'kind' | 'name'>,
  b: Pick<Entry, 'kind' | 'name'>,
): number {
  const byKind = kindOrder[a.kind] - kindOrder[b.kind]
  return byKind || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

/** In order of kind and name. */
export function entriesOf(spec: FleetSpec): readonly Entry[] {
  const readers = new Readers(spec)
  const sources = [...spec.sources.values()].map(source => ofSource(source, readers))
  const groups = [...spec.groups.values()].flatMap(group => ofGroup(group, readers))
  const views = [...spec.views.values()].flatMap(view => ofView(view, readers))
  return [...sources, ...groups, ...views].sort(compareEntries)
}

/** Views by what they read, and blueprints by their views. */
class Readers {
  readonly #views = new Map<string, Set<string>>()
  readonly #blueprints = new Map<string, string[]>()

  constructor(spec: FleetSpec) {
    for (const view of spec.views.values()) {
      for (const source of sourcesRead(view, spec.groups)) this.#add(`source ${source}`, view.id)
      for (const { from } of view.features) {
        if (from.kind !== 'group') continue
        this.#add(`group ${from.group}`, view.id)
        this.#add(`feature ${from.group}.${from.feature}`, view.id)
      }
    }
    for (const { name, view } of spec.blueprints.values()) {
      this.#blueprints.set(view, [...(this.#blueprints.get(view) ?? []), name])
    }
  }

  #add(what: string, view: string): void {
    this.#views.set(what, (this.#views.get(what) ?? new Set()).add(view))
  }

  of(what: string): Pick<Entry, 'views' | 'blueprints'> {
    return this.ofViews([...(this.#views.get(what) ?? [])].sort())
  }

  ofViews(views: readonly string[]): Pick<Entry, 'views' | 'blueprints'> {
    return { views, blueprints: views.flatMap(view => this.#blueprints.get(view) ?? []).sort() }
  }
}

type Fields = Readonly<Record<string, string | undefined>>

function fieldsOf(fields: Fields): Entry['fields'] {
  return Object.entries(fields).flatMap(([name, value]) => (value ? [{ name, value }] : []))
}

function ofSource(source: SourceSpec, readers: Readers): Entry {
  const { name, owner, description, place } = source
  const means = locationText(source)
  return {
    kind: 'source',
    name,
    owner,
    description,
    place,
    means,
    fields: fieldsOf({
      rows: means,
      eventTime: source.eventTime,
      key: source.key.join(', '),
      expectations: source.expect.length > 0 ? String(source.expect.length) : undefined,
    }),
    source: name,
    ...readers.of(`source ${name}`),
  }
}

/** `files sales/*.csv`; `pushed`; `table readings of postgres warehouse`. */
function locationText({ location }: SourceSpec): string {
  if ('npm' in location) return `npm ${location.npm}`
  if ('files' in location) return `files ${location.files.join(', ')}`
  if ('push' in location) return `pushed, a file for each ${location.push.partition}`
  if ('s3' in location) {
    return `files ${location.s3.files.join(', ')} of connection ${location.s3.connection}`
  }
  const { connection, table, cursor } = location.postgres
  const what = table === undefined ? 'a query' : `table ${table}`
  return `${what} of connection ${connection}${cursor === undefined ? '' : `, by ${cursor}`}`
}

function ofGroup(group: FeatureGroupSpec, readers: Readers): readonly Entry[] {
  const { name, owner, description, place, source } = group
  const features = [...group.features, ...group.latest].map(feature => ({
    name: `${name}.${feature.name}`,
    means: definitionText(feature),
  }))
  const shared = { owner, description, place, source }
  const whole: Entry = {
    kind: 'group',
    name,
    ...shared,
    means: `${countOf(features.length, 'feature')} over ${source}`,
    fields: [
      ...fieldsOf({
        source,
        sql: group.sql,
        eventTime: group.eventTime,
        knownAt: group.knownAt,
        online: group.online ? 'yes' : 'no',
      }),
      ...features.map(feature => ({ name: feature.name, value: feature.means })),
    ],
    ...readers.of(`group ${name}`),
  }
  const single = features.map((feature): Entry => {
    const fields = fieldsOf({ group: name, means: feature.means, knownAt: group.knownAt, source })
    return {
      kind: 'feature',
      ...shared,
      ...feature,
      fields,
      ...readers.of(`feature ${feature.name}`),
    }
  })
  return [whole, ...single]
}

/** The view, and the features that are its own: those of groups are listed with their groups. */
function ofView(view: FeatureViewSpec, readers: Readers): readonly Entry[] {
  const { id, owner, description, place } = view
  const shared = { owner, description, place, source: view.rows, ...readers.ofViews([id]) }
  const own = view.features.filter(({ from }) => from.kind === 'row')
  const whole: Entry = {
    kind: 'view',
    name: id,
    ...shared,
    means: `${countOf(view.features.length, 'feature')} of ${view.rows}, as of ${view.asOf}`,
    fields: [
      ...fieldsOf({
        rows: view.rows,
        where: view.where,
        eventTime: view.eventTime,
        asOf: view.asOf,
      }),
      ...view.features.map(feature => ({ name: feature.name, value: featureText(feature) })),
      ...(view.labels ?? []).map(label => ({
        name: `label ${label.name}`,
        value: labelText(label),
      })),
    ],
  }
  const single = own.map((feature): Entry => {
    const means = featureText(feature)
    const fields = fieldsOf({ view: id, means, rows: view.rows })
    const name = `${id}.${feature.name}`
    return { kind: 'feature', name, ...shared, means, fields }
  })
  return [whole, ...single]
}
