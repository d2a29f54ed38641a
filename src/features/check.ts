import type { Blobs, Snapshot } from '../fleet/index.ts'
import type { FleetSpec } from '../spec/index.ts'
import { type CheckedGroup, checkGroup } from './check-group.ts'
import { Check, type FeatureProblem, within } from './check-problems.ts'
import { checkView } from './check-view.ts'
import { openSources } from './view-rows.ts'

/**
 * Binds every SQL expression of a fleet against its snapshots, and checks types, keys, entities and
 * leakage. All problems at once; none for what follows from a source that is not there. Only
 * damaged blobs are thrown, and E_CANCELLED with the signal.
 */
export async function checkFeatures(
  spec: FleetSpec,
  snapshots: ReadonlyMap<string, Snapshot>,
  blobs: Blobs,
  signal?: AbortSignal,
): Promise<readonly FeatureProblem[]> {
  const check = new Check()
  const data = [...spec.sources.values()].flatMap(source => {
    const snapshot = snapshots.get(source.name)
    if (snapshot !== undefined) return [{ spec: source, snapshot }]
    const at = within('Source', source.name)()
    check.say(at, 'E_SOURCE', 'it has no snapshot', 'take a snapshot of it: muster plan')
    return []
  })
  const { engine, sources } = await openSources(data, blobs, { signal })
  await using _open = engine
  const groups = new Map<string, CheckedGroup>()
  for (const group of spec.groups.values()) {
    const source = sources.get(group.source)
    if (source === undefined) continue
    const checked = await checkGroup(check, engine, group, source)
    if (checked !== undefined) groups.set(group.name, checked)
  }
  for (const view of spec.views.values()) {
    if (!sources.has(view.rows)) continue
    const blueprints = [...spec.blueprints.values()].filter(b => b.view === view.id)
    await checkView(check, engine, view, { sources, groups, blueprints })
  }
  return check.problems
}
