import { canonicalJson } from '../base/digest.ts'
import type {
  LabelSpec,
  LatestFeature,
  ViewFeature,
  WindowFeature,
  WindowLength,
} from './fleet-spec.ts'
import type { DeclaredAt } from './locate.ts'
import { printable } from './problem.ts'
import { transformText } from './transform.ts'
import type { ViewMeaning } from './view-meaning.ts'

/*
 * How two versions of a view differ, in the nouns of the declaration. Whatever changes the digest
 * of a view is told, so nothing differs exactly when no line is told.
 */

export interface ViewDifference {
  readonly change: 'added' | 'removed' | 'changed'
  /** `feature`, `label`, `view`, `group` or `source`: whose declaration has changed. */
  readonly of: 'feature' | 'label' | 'view' | 'group' | 'source'
  /** `hour`, `asOf`, `recent.product_mean_7d`, `recent.knownAt`, `sales.key`. */
  readonly name: string
  /** As it was and as it is: `hour(date)`, `mean of units by product over 7d`. */
  readonly before: string | undefined
  readonly now: string | undefined
  /** The field in the newer declaration; of a view without its name. */
  readonly at: Omit<DeclaredAt, 'name'> & { readonly name: string | undefined }
}

type Of = ViewDifference['of']
type Named<T> = ReadonlyMap<string, T>

export function viewDifferences(before: ViewMeaning, now: ViewMeaning): readonly ViewDifference[] {
  const features = compared(byName(before.features), byName(now.features), {
    of: 'feature',
    text: featureText,
    at: name => viewAt('features', name),
  })
  const labels = compared(byName(before.labels ?? []), byName(now.labels ?? []), {
    of: 'label',
    text: labelText,
    at: name => viewAt('labels', name),
  })
  return [
    ...compared(fieldsOf(before), fieldsOf(now), {
      of: 'view',
      text: text => text,
      at: name => viewAt(name),
    }),
    ...features,
    ...(features.every(f => f.change === 'changed') ? orderDifference(before, now) : []),
    ...labels,
    ...groupDifferences(before, now),
    ...sourceDifferences(before, now),
  ]
}

function viewAt(...path: readonly string[]): ViewDifference['at'] {
  return { kind: 'FeatureView', name: undefined, path }
}

interface Comparison<T> {
  readonly of: Of
  readonly text: (thing: T) => string
  readonly at: (name: string) => ViewDifference['at']
}

function compared<T>(before: Named<T>, now: Named<T>, by: Comparison<T>): ViewDifference[] {
  const found: ViewDifference[] = []
  for (const name of new Set([...before.keys(), ...now.keys()])) {
    const [old, young] = [before.get(name), now.get(name)]
    if (canonicalJson(old ?? null) === canonicalJson(young ?? null)) continue
    found.push({
      change: old === undefined ? 'added' : young === undefined ? 'removed' : 'changed',
      of: by.of,
      name,
      before: old === undefined ? undefined : by.text(old),
      now: young === undefined ? undefined : by.text(young),
      at: by.at(name),
    })
  }
  return found
}

function byName<T extends { readonly name: string }>(things: readonly T[]): Named<T> {
  return new Map(things.map(thing => [thing.name, thing]))
}

function fieldsOf(view: ViewMeaning): Named<string> {
  const { rows, grid, where, eventTime, asOf, request, crosses, fitPer } = view
  const told = {
    rows,
    grid: grid && `${grid.by.join(', ')} every ${durationText(grid.everyMs)}`,
    where,
    eventTime,
    asOf,
    request: request && listText(Object.entries(request).map(([name, type]) => `${name} ${type}`)),
    crosses: crosses && listText(crosses.map(pair => pair.join(' x '))),
    fitPer,
  }
  return new Map(Object.entries(told).flatMap(([name, text]) => (text ? [[name, text]] : [])))
}

/** The row of numbers that a model reads has the order in which features are declared. */
function orderDifference(before: ViewMeaning, now: ViewMeaning): ViewDifference[] {
  const names = (view: ViewMeaning): string => listText(view.features.map(f => f.name))
  if (names(before) === names(now)) return []
  const [was, is] = [names(before), names(now)]
  const at = viewAt('features')
  return [{ change: 'changed', of: 'view', name: 'order of features', before: was, now: is, at }]
}

/** Of groups that both read, and of their features that both read. */
function groupDifferences(before: ViewMeaning, now: ViewMeaning): ViewDifference[] {
  const old = byName(before.reads.groups)
  return now.reads.groups.flatMap(group => {
    const was = old.get(group.name)
    if (!was) return []
    const at = (...path: readonly string[]) =>
      ({ kind: 'FeatureGroup', name: group.name, path }) as const
    const fields = ['source', 'sql', 'eventTime', 'knownAt'] as const
    const text = (of: typeof group): Named<string> =>
      new Map(fields.flatMap(field => (of[field] ? [[field, of[field]]] : [])))
    const changed = compared(text(was), text(group), { of: 'group', text: t => t, at })
    const definitions = (of: typeof group): Named<WindowFeature | LatestFeature> =>
      byName([...of.features, ...of.latest])
    const features = compared(definitions(was), definitions(group), {
      of: 'group',
      text: definitionText,
      at: name => at('features', name),
    }).filter(difference => difference.change === 'changed')
    return [...changed, ...features].map(d => ({ ...d, name: `${group.name}.${d.name}` }))
  })
}

function sourceDifferences(before: ViewMeaning, now: ViewMeaning): ViewDifference[] {
  const old = byName(before.reads.sources)
  return now.reads.sources.flatMap(source => {
    const was = old.get(source.name)
    if (!was) return []
    const text = ({ eventTime, key }: typeof source): Named<string> =>
      new Map([
        ...(eventTime ? [['eventTime', eventTime] as const] : []),
        ...(key.length > 0 ? [['key', listText(key)] as const] : []),
      ])
    return compared(text(was), text(source), {
      of: 'source',
      text: t => t,
      at: name => ({ kind: 'Source', name: source.name, path: [name] }),
    }).map(d => ({ ...d, name: `${source.name}.${d.name}` }))
  })
}

/** `hour(date)`, `recent.product_mean_7d on shop = store`, each with its transforms behind it. */
export function featureText({ from, type, transform }: ViewFeature): string {
  const what = from.kind === 'row' ? from.sql : `${from.group}.${from.feature}${onText(from.on)}`
  const steps = transform.map(transformText)
  return [what, ...(type ? [type] : []), ...(steps.length > 0 ? [listText(steps)] : [])].join(', ')
}

/** `mean of units by product over 7d`; `newest temperature by station, ttl 2h`. */
export function definitionText(feature: WindowFeature | LatestFeature): string {
  const by = `by ${feature.by.join(', ')}`
  if ('stat' in feature) {
    return `${statText(feature)} ${by} over ${lengthText(feature.over)}`
  }
  const ttl = feature.ttlMs === undefined ? '' : `, ttl ${durationText(feature.ttlMs)}`
  return `newest ${feature.of} ${by}${ttl}`
}

export function labelText(label: LabelSpec): string {
  const { source, by, on, horizonMs } = label
  const rows = `${statText(label)} of ${source} by ${by.join(', ')}${onText(on)}`
  return `${rows}, within ${durationText(horizonMs)} after`
}

function statText({ stat, of }: { readonly stat: string; readonly of: string }): string {
  return stat === 'count' && of === '1' ? 'count' : `${stat} of ${of}`
}

function onText(on: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(on ?? {}).map(([column, sql]) => `${column} = ${sql}`)
  return pairs.length === 0 ? '' : ` on ${pairs.join(' and ')}`
}

function lengthText(length: WindowLength): string {
  return length.kind === 'time' ? durationText(length.ms) : `${length.rows} rows`
}

/** `30m`, `24h`, `7d`: as it is declared, in the largest unit that is whole. */
function durationText(ms: number): string {
  if (ms % 86_400_000 === 0) return `${ms / 86_400_000}d`
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${ms / 60_000}m`
}

function listText(words: readonly string[]): string {
  return `[${words.join(', ')}]`
}

/** Of an expression that differs somewhere, so much is shown: a page of SQL says no more. */
const shownMax = 120

/** One line for people: feature `hour` is `hour(at)`, it was `hour(date)`. */
export function differenceText({ change, of, name, before, now }: ViewDifference): string {
  const what = of === 'feature' || of === 'label' ? `${of} \`${name}\`` : `\`${name}\``
  const [was, is] = [before ?? '', now ?? ''].map(text => `\`${printable(text, shownMax)}\``)
  if (change === 'added') return `${what} is new: ${is}`
  if (change === 'removed') return `${what} is gone: it was ${was}`
  return `${what} is ${is}, it was ${was}`
}
