import { MusterError } from '../base/errors.ts'
import type { ViewAsk } from '../features/index.ts'
import type { FeatureGroupSpec, FeatureViewSpec, FleetSpec, ViewFeature } from '../spec/index.ts'
import { nearestNames } from './catalogue.ts'

/*
 * What callers name features by: a view with or without its version (demand@1, Feast's demand@v1,
 * demand for the newest), or a group, and behind a colon the feature.
 */

/** A view, or a group as a view of all its features. */
export interface VectorOwner {
  /** As an answer names it: without the version. */
  readonly name: string
  readonly version: number | undefined
  /** What is asked of it under which it is kept ready. */
  readonly view: ViewAsk['view']
}

export interface FeatureName {
  readonly owner: VectorOwner
  readonly feature: string
}

/** Throws E_NOT_FOUND with the nearest names. */
export function readOwner(text: string, spec: FleetSpec): VectorOwner {
  const view = findView(text, spec)
  if (view !== undefined) return { name: view.name, version: view.version, view }
  const group = spec.groups.get(text)
  if (group !== undefined) return { name: group.name, version: undefined, view: asView(group) }
  const near = nearestNames(text, [...spec.views.keys(), ...spec.groups.keys()])
  throw new MusterError('E_NOT_FOUND', `the fleet has no feature view or group \`${text}\``, {
    field: text,
    hint: near.length > 0 ? `nearest: ${near.join(', ')}` : 'see what there is: muster features',
  })
}

/** By `name@version`, `name@v2`, `name@latest` or the name alone. */
export function findView(text: string, spec: FleetSpec): FeatureViewSpec | undefined {
  const [, name, version] = /^([^@]+)(?:@v?(\d+|latest))?$/.exec(text) ?? []
  if (version !== undefined && version !== 'latest') return spec.views.get(`${name}@${version}`)
  const all = [...spec.views.values()].filter(view => view.name === name)
  return all.toSorted((a, b) => b.version - a.version)[0]
}

/** `view@1:feature`, `group:feature`, or a group's feature as views spell it: `group.feature`. */
export function readFeatureName(text: string, spec: FleetSpec): FeatureName {
  const end = text.includes(':') ? text.indexOf(':') : text.indexOf('.')
  if (end < 1) {
    throw new MusterError('E_NOT_FOUND', `\`${text}\` does not say whose feature it is`, {
      field: text,
      hint: 'name the view or group before it: docks:free',
    })
  }
  const owner = readOwner(text.slice(0, end), spec)
  const feature = text.slice(end + 1)
  const { features } = owner.view
  if (features.some(({ name }) => name === feature)) return { owner, feature }
  const known = features.map(({ name }) => name)
  const near = nearestNames(feature, known)
  throw new MusterError('E_NOT_FOUND', `\`${owner.view.id}\` has no feature \`${feature}\``, {
    field: text,
    hint:
      near.length > 0 ? `nearest: ${near.join(', ')}` : `it has ${known.slice(0, 10).join(', ')}`,
  })
}

function asView(group: FeatureGroupSpec): ViewAsk['view'] {
  const features = [...group.features, ...group.latest].map(
    ({ name }): ViewFeature => ({
      name,
      from: { kind: 'group', group: group.name, feature: name },
      transform: [],
    }),
  )
  return { id: group.name, rows: group.source, features }
}
