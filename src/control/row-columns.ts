import type { Column } from '../engine/index.ts'
import { type OnDemand, rowColumnsOf } from '../features/index.ts'
import type { FeatureViewSpec, FleetSpec } from '../spec/index.ts'
import type { Store } from '../store/index.ts'
import { namedSnapshot } from './snapshot-names.ts'

/* What the columns are that the rows of a view have, for callers who bring such rows. */

/**
 * Of a source that rows are pushed to as declared: they are online before any snapshot. Throws
 * E_NOT_FOUND for another that has no snapshot yet.
 */
export async function sourceColumns(
  name: string,
  spec: FleetSpec,
  at: { readonly store: Store; readonly onDemand: OnDemand },
): Promise<readonly Column[]> {
  const source = spec.sources.get(name)
  if (source === undefined || !('push' in source.location)) {
    return (await namedSnapshot(name, at.store)).snapshot.columns
  }
  return typed(source.columns, at.onDemand)
}

/** By name: columns of the request as the view declares them, others as their source has them. */
export async function rowTypes(
  view: FeatureViewSpec,
  source: readonly Column[],
  onDemand: OnDemand,
): Promise<Readonly<Record<string, string>>> {
  const request = await typed(view.request ?? {}, onDemand)
  const all = [...rowColumnsOf(view, source), ...request]
  return Object.fromEntries(all.map(({ name, type }) => [name, type]))
}

async function typed(
  declared: Readonly<Record<string, string>>,
  onDemand: OnDemand,
): Promise<readonly Column[]> {
  const columns: Column[] = []
  for (const [name, type] of Object.entries(declared)) {
    columns.push({ name, type: await onDemand.typeOf(type) })
  }
  return columns
}
