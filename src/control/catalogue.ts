import { MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { CatalogueAsk, CatalogueEntry, CataloguePage } from '../contract/index.ts'
import type { FleetSpec } from '../spec/index.ts'
import {
  countModels,
  type PublishedView,
  publishedViews,
  type SourceFreshness,
  type Sql,
  sourceFreshness,
} from '../store/index.ts'
import { compareEntries, type Entry, entriesOf } from './catalogue-entries.ts'
import type { DeskParts } from './desk-parts.ts'
import { placeText } from './places.ts'

/** A page of what the fleet shares, with its freshness and its readers. */
export async function cataloguePageOf(
  { fleet, store }: Pick<DeskParts, 'fleet' | 'store'>,
  ask: CatalogueAsk,
): Promise<Pick<CataloguePage, 'items' | 'nearest'>> {
  const spec = await fleet.spec()
  if (!spec) return { items: [], nearest: [] }
  const all = knownEntries(spec)
  const fitting = all.filter(entry => fits(entry, ask))
  const wanted = ask.name ?? ask.query
  if (fitting.length === 0) {
    const names = all.filter(e => ask.kind === undefined || e.kind === ask.kind).map(e => e.name)
    return { items: [], nearest: wanted ? [...nearestNames(wanted, names)] : [] }
  }
  const after = ask.after && readPlace(ask.after.id)
  const page = fitting
    .filter(entry => after === undefined || compareEntries(entry, after) > 0)
    .slice(0, ask.limit)
  return { items: await told(page, ask.name !== undefined, store), nearest: [] }
}

const entries = new WeakMap<FleetSpec, readonly Entry[]>()

function knownEntries(spec: FleetSpec): readonly Entry[] {
  const known = entries.get(spec) ?? entriesOf(spec)
  entries.set(spec, known)
  return known
}

function fits(entry: Entry, { query = '', name, kind, owner }: CatalogueAsk): boolean {
  if (name !== undefined && entry.name !== name) return false
  if (kind !== undefined && entry.kind !== kind) return false
  if (owner !== undefined && entry.owner.toLowerCase() !== owner.toLowerCase()) return false
  const text = `${entry.name} ${entry.owner} ${entry.description ?? ''}`.toLowerCase()
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  return words.every(word => text.includes(word))
}

/** Near as a whole, or in the part behind the group or before the version. */
export function nearestNames(wanted: string, names: readonly string[]): readonly string[] {
  const whole = nearest(wanted, names)
  if (whole.length > 0) return whole
  const parts = new Map<string, string>()
  for (const name of names) for (const part of name.split(/[.@]/)) parts.set(part, name)
  return nearest(wanted, parts.keys()).map(part => parts.get(part) ?? part)
}

function readPlace(id: string): Pick<Entry, 'kind' | 'name'> {
  const blank = id.indexOf(' ')
  return { kind: id.slice(0, blank) as Entry['kind'], name: id.slice(blank + 1) }
}

async function told(page: readonly Entry[], fields: boolean, sql: Sql): Promise<CatalogueEntry[]> {
  const sources = [...new Set(page.map(entry => entry.source))]
  const fresh = new Map((await sourceFreshness(sql, sources)).map(f => [f.source, f]))
  const views = page.filter(entry => entry.kind === 'view').map(entry => entry.name)
  const published = new Map((await publishedViews(sql, views)).map(view => [view.id, view]))
  const models = await modelsByBlueprint(sql)
  return page.map(entry => ({
    kind: entry.kind,
    name: entry.name,
    owner: entry.owner,
    description: entry.description ?? null,
    declaredAt: placeText(entry.place),
    means: entry.means,
    fields: fields ? entry.fields.map(field => ({ ...field })) : [],
    freshness: freshnessOf(fresh.get(entry.source)),
    published: publishedText(published.get(entry.name)),
    readBy: {
      views: entry.kind === 'view' ? [] : [...entry.views],
      blueprints: [...entry.blueprints],
      models: entry.blueprints.reduce((sum, name) => sum + (models.get(name) ?? 0), 0),
    },
  }))
}

/** Models that are declared now, by blueprint. */
export async function modelsByBlueprint(sql: Sql): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { blueprint, state, models } of await countModels(sql)) {
    if (state !== 'retired') counts.set(blueprint, (counts.get(blueprint) ?? 0) + models)
  }
  return counts
}

function publishedText(view: PublishedView | undefined): CatalogueEntry['published'] {
  return view ? { plan: view.plan, at: view.at.toISOString() } : null
}

function freshnessOf(source: SourceFreshness | undefined): CatalogueEntry['freshness'] {
  if (!source) return null
  const { newestEventMs, rows, setAside, acceptedAt, outcome, commit } = source
  return {
    newestEvent: newestEventMs === null ? null : new Date(newestEventMs).toISOString(),
    rows,
    setAside: setAside ?? 0,
    acceptedAt: acceptedAt?.toISOString() ?? null,
    outcome,
    commit,
  }
}

export function notDeclared(what: string, near: readonly string[]): MusterError {
  return new MusterError('E_NOT_FOUND', `the fleet has no ${what}`, {
    hint: near.length > 0 ? `nearest: ${near.join(', ')}` : 'see what there is: muster features',
  })
}
