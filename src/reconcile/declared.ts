import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { DataFault } from '../engine/index.ts'
import { checkFeatures } from '../features/index.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import { checkGates } from '../gate/index.ts'
import type { Held, TakenSource } from '../intake/index.ts'
import {
  type DeclarationProblem,
  type FeatureViewSpec,
  type FleetSpec,
  type Locate,
  problemAt,
  type ReadFleetOptions,
  readFleet,
  type SourceSpec,
  type SpecFile,
  sourcesRead,
} from '../spec/index.ts'

export type { DeclarationProblem }

/** A declaration that was refused, with everything that is wrong with it in `extra.problems`. */
export class SpecRefused extends MusterError {
  readonly problems: readonly DeclarationProblem[]

  constructor(problems: readonly DeclarationProblem[]) {
    const first = problems[0]
    const rest = problems.length > 1 ? `, and ${problems.length - 1} more` : ''
    super('E_SPEC', `${first?.file}:${first?.line}: ${first?.message}${rest}`, {
      hint: first?.cure ?? 'mend the declaration and try again',
      extra: { problems },
    })
    this.problems = problems
  }
}

/** What the declarations mean, and where each value of it stands in them. */
export interface ReadSpec {
  readonly spec: FleetSpec
  readonly locate: Locate
}

/** With the data that they stand on. */
export interface Declared extends ReadSpec {
  /** What may be trained on, by source; nothing of a source of which nothing was ever accepted. */
  readonly snapshots: ReadonlyMap<string, Snapshot>
  /** Sources whose newest data is not what is trained on, with the reason. */
  readonly held: ReadonlyMap<string, Held>
}

/** The spec of `files`; throws SpecRefused with all problems, or else with all those of gates. */
export function readDeclared(files: readonly SpecFile[], options: ReadFleetOptions = {}): ReadSpec {
  const { spec, problems, locate } = readFleet(files, options)
  if (!spec) throw new SpecRefused(problems)
  const faults = checkGates(spec)
  if (faults.length > 0) throw new SpecRefused(faults.map(fault => problemAt(locate, fault)))
  return { spec, locate }
}

/** Sources that a view reads: of its rows, its groups and its labels. */
export function sourcesOfView(spec: FleetSpec, view: FeatureViewSpec): readonly SourceSpec[] {
  return sourcesRead(view, spec.groups).flatMap(name => spec.sources.get(name) ?? [])
}

/**
 * Binds every expression against the data that was taken. Throws SpecRefused with every source that
 * could not be looked at, or else with every expression that does not fit. What reads a source of
 * which there is nothing is not bound: it waits. Ends with the signal: E_CANCELLED.
 */
export async function bindDeclared(
  { spec, locate }: ReadSpec,
  taken: readonly TakenSource[],
  { blobs, signal }: { readonly blobs: Blobs; readonly signal?: AbortSignal | undefined },
): Promise<Declared> {
  const faults = taken.flatMap(({ fault }) => (fault === undefined ? [] : faultIn(fault, locate)))
  if (faults.length > 0) throw new SpecRefused(faults)
  const snapshots = new Map<string, Snapshot>()
  const held = new Map<string, Held>()
  for (const of of taken) {
    if (of.snapshot !== undefined) snapshots.set(of.source.name, of.snapshot)
    if (of.held !== undefined) held.set(of.source.name, of.held)
  }
  const problems = await checkFeatures(withData(spec, snapshots), snapshots, blobs, signal)
  if (problems.length > 0) throw new SpecRefused(problems.map(p => problemAt(locate, p)))
  return { spec, locate, snapshots, held }
}

/** The part of a fleet that reads no source without a snapshot. */
function withData(spec: FleetSpec, snapshots: ReadonlyMap<string, Snapshot>): FleetSpec {
  const has = (source: string) => snapshots.has(source)
  const { sources, groups, views, blueprints } = spec
  if ([...sources.keys()].every(has)) return spec
  const read = new Map([...views].filter(([, view]) => sourcesRead(view, groups).every(has)))
  return {
    ...spec,
    sources: new Map([...sources].filter(([name]) => has(name))),
    groups: new Map([...groups].filter(([, group]) => has(group.source))),
    views: read,
    blueprints: new Map([...blueprints].filter(([, { view }]) => read.has(view))),
  }
}

/** A fault of the data as a problem of what declares it; throws what is none. */
export function faultIn(error: unknown, locate: Locate): DeclarationProblem {
  if (!(error instanceof DataFault)) throw error
  const { at, code, message: detail, hint } = error
  return problemAt(locate, { at, code, detail, hint })
}

/** Snapshot ids by source, for a plan's base and a version's lineage. */
export function snapshotIds(
  snapshots: Iterable<readonly [string, Snapshot]>,
): Readonly<Record<string, Digest>> {
  return Object.fromEntries([...snapshots].map(([source, snapshot]) => [source, snapshot.id]))
}
