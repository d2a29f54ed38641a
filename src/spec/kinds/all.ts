import { blueprint } from './blueprint.ts'
import { environment } from './environment.ts'
import { featureGroup } from './feature-group.ts'
import { featureView } from './feature-view.ts'
import { fleetDocument } from './fleet.ts'
import { graph } from './graph.ts'
import { policy } from './policy.ts'
import { source } from './source.ts'

/** Everything that can be declared, by its `kind`; and the root, which has none. */
export const kindSchemas = {
  Source: source,
  FeatureGroup: featureGroup,
  FeatureView: featureView,
  Blueprint: blueprint,
  Graph: graph,
  Policy: policy,
  Environment: environment,
} as const

export const rootSchema = fleetDocument
export type Kind = keyof typeof kindSchemas
export const kinds = Object.keys(kindSchemas) as readonly Kind[]

export function isKind(word: string): word is Kind {
  return Object.hasOwn(kindSchemas, word)
}

/** What messages call a document of the kind. */
export const kindNouns: Readonly<Record<Kind, string>> = {
  Source: 'source',
  FeatureGroup: 'group',
  FeatureView: 'view',
  Blueprint: 'blueprint',
  Graph: 'graph',
  Policy: 'policy',
  Environment: 'environment',
}

/**
 * Fields that the design has and that do nothing yet, so that whoever read about one is told so,
 * and is not offered a word that merely looks alike.
 */
export const laterFields: Readonly<Record<Kind | 'root', readonly string[]>> = {
  Source: ['stream'],
  FeatureGroup: ['expect', 'was'],
  FeatureView: ['expect', 'was'],
  Blueprint: ['rollout', 'monitors', 'adaptation', 'champion', 'expect', 'approval', 'was'],
  Graph: ['rollout', 'monitors', 'schedule'],
  Policy: ['rollout', 'approvers', 'separationOfDuties'],
  Environment: ['approval', 'rollout', 'promoteFrom'],
  root: ['policies', 'tokens', 'notify', 'budget'],
}
