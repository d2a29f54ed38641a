import type { Gate } from '../fleet/index.ts'
import type { BlueprintSpec, PolicySpec } from '../spec/index.ts'

/*
 * The gates of a blueprint: those of every policy that applies to it, its own, and its objective.
 * All must hold, so a gate of a blueprint can only add to the policy, also under the same name.
 */

/**
 * The newest version of each policy of the risk class, for an environment of the blueprint or for
 * all.
 */
export function policiesOf(
  blueprint: Pick<BlueprintSpec, 'riskClass' | 'environments'>,
  policies: readonly PolicySpec[],
): readonly PolicySpec[] {
  const newest = new Map<string, PolicySpec>()
  for (const policy of policies) {
    const { riskClass, environment, name, version } = policy
    if (riskClass !== blueprint.riskClass) continue
    if (environment !== undefined && !blueprint.environments.includes(environment)) continue
    if (version > (newest.get(name)?.version ?? 0)) newest.set(name, policy)
  }
  return [...newest.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The quality objective as a gate named `objective`, which only the root is asked. */
export function objectiveGate(objectives: BlueprintSpec['objectives']): Gate | undefined {
  const { quality } = objectives
  if (quality === undefined) return undefined
  const [operator, bound] = 'atMost' in quality ? ['<=', quality.atMost] : ['>=', quality.atLeast]
  const number = /[.e]/.test(String(bound)) ? String(bound) : `${bound}.0`
  const expression = `evidence.${quality.metric} ${operator} ${number}`
  return { gate: 'objective', from: 'objective', expression }
}

/** In order: policies by name, the blueprint's own, its objective. */
export function gatesOf(
  blueprint: Pick<BlueprintSpec, 'riskClass' | 'environments' | 'gates' | 'objectives'>,
  policies: readonly PolicySpec[],
): readonly Gate[] {
  const asGates = (gates: Readonly<Record<string, string>>, from: string): Gate[] =>
    Object.entries(gates).map(([gate, expression]) => ({ gate, from, expression }))
  const objective = objectiveGate(blueprint.objectives)
  return [
    ...policiesOf(blueprint, policies).flatMap(policy => asGates(policy.gates, policy.id)),
    ...asGates(blueprint.gates, 'blueprint'),
    ...(objective === undefined ? [] : [objective]),
  ]
}
