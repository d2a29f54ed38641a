import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { DataFault } from '../engine/index.ts'
import { checkFeatures } from '../features/index.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import { checkGates } from '../gate/index.ts'
import { type Connections, takeSnapshot } from '../sources/index.ts'
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

/** With the data that they stand on at this moment. */
export interface Declared extends ReadSpec {
  readonly snapshots: ReadonlyMap<string, Snapshot>
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
 * Takes the snapshots of all sources and binds every expression against them. Throws SpecRefused
 * with every source that cannot be read, or else with every expression that does not fit.
 */
export async function takeDeclared(
  files: readonly SpecFile[],
  at: {
    readonly fleetFolder: string
    readonly dataRoots?: readonly string[]
    readonly connections: Connections
    readonly blobs: Blobs
  },
): Promise<Declared> {
  const { spec, locate } = readDeclared(files, at)
  const snapshots = new Map<string, Snapshot>()
  const faults: DeclarationProblem[] = []
  for (const source of spec.sources.values()) {
    try {
      snapshots.set(source.name, await takeSnapshot(source, at))
    } catch (error) {
      faults.push(faultIn(error, locate))
    }
  }
  if (faults.length > 0) throw new SpecRefused(faults)
  const problems = await checkFeatures(spec, snapshots, at.blobs)
  if (problems.length > 0) throw new SpecRefused(problems.map(p => problemAt(locate, p)))
  return { spec, locate, snapshots }
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
