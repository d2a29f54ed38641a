import { digestOfValue } from '../base/digest.ts'
import type { FleetSpec } from './fleet-spec.ts'

/**
 * Of everything declared; where it stands is left out, so that moving a document changes nothing.
 */
export function fleetDigest(spec: Omit<FleetSpec, 'digest'>) {
  const bare = <T extends object>(value: T) => ({
    ...value,
    place: undefined,
    fieldPlaces: undefined,
    parameterPlaces: undefined,
  })
  const sorted = (values: Iterable<{ name: string; id?: string }>) =>
    [...values].map(bare).sort((a, b) => ((a.id ?? a.name) < (b.id ?? b.name) ? -1 : 1))
  return digestOfValue({
    name: spec.name,
    environments: spec.environments,
    sources: sorted(spec.sources.values()),
    groups: sorted(spec.groups.values()),
    views: sorted(spec.views.values()),
    blueprints: sorted(
      [...spec.blueprints.values()].map(blueprint => ({
        ...blueprint,
        overrides: blueprint.overrides.map(bare),
      })),
    ),
    // Left out where there are none, so that fleets of before there were any keep their digest.
    graphs:
      spec.graphs.size === 0
        ? undefined
        : sorted(
            [...spec.graphs.values()].map(({ name, owner, description, digest }) => ({
              name,
              owner,
              description,
              digest,
            })),
          ),
    policies: sorted(spec.policies),
  })
}
