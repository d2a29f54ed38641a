import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { checkFeatures, type FeatureProblem, takeSnapshot } from '../features/index.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import { checkRules, gatesOf } from '../gate/index.ts'
import {
  type BlueprintSpec,
  type FeatureViewSpec,
  type FleetSpec,
  readFleet,
  type SourceSpec,
  type SpecFile,
  type SpecProblem,
} from '../spec/index.ts'

/** A declaration that was refused, with everything that is wrong with it. */
export class SpecRefused extends MusterError {
  readonly problems: readonly SpecProblem[]
  constructor(problems: readonly SpecProblem[]) {
    const first = problems[0]
    const rest = problems.length > 1 ? `, and ${problems.length - 1} more` : ''
    super('E_SPEC', `${first?.file}:${first?.line}: ${first?.message}${rest}`, {
      hint: first?.cure ?? 'mend the declaration and try again',
      extra: { problems },
    })
    this.problems = problems
  }
}

/** What the declarations mean, with the data that they stand on at this moment. */
export interface Declared {
  readonly spec: FleetSpec
  readonly snapshots: ReadonlyMap<string, Snapshot>
}

/** The spec of `files`; throws SpecRefused with all problems, those of rules among them. */
export function readDeclared(files: readonly SpecFile[]): FleetSpec {
  const read = readFleet(files)
  if (!read.spec) throw new SpecRefused(read.problems)
  const problems = [...read.spec.blueprints.values()].flatMap(blueprint =>
    checkRules(gatesOf(blueprint, read.spec.policies)).map(
      (problem): SpecProblem => ({
        code: 'E_SPEC_VALUE',
        ...placeOfGate(read.spec, blueprint, problem.gate.from),
        message: `gate \`${problem.gate.gate}\` of ${problem.gate.from}: ${problem.detail}`,
        cure: problem.hint,
      }),
    ),
  )
  if (problems.length > 0) throw new SpecRefused(problems)
  return read.spec
}

function placeOfGate(spec: FleetSpec, blueprint: BlueprintSpec, from: string) {
  const place = spec.policies.find(policy => policy.id === from)?.place ?? blueprint.place
  return { file: place.file, line: place.line, column: 1, length: 1 }
}

/** Sources that some view of a blueprint reads, directly or through a group. */
export function sourcesOfView(spec: FleetSpec, view: FeatureViewSpec): readonly SourceSpec[] {
  const names = new Set([view.rows])
  for (const feature of view.features) {
    if (feature.from.kind === 'group') names.add(spec.groups.get(feature.from.group)?.source ?? '')
  }
  return [...names].sort().flatMap(name => spec.sources.get(name) ?? [])
}

/** Takes the snapshots that the blueprints need and binds every expression against them. */
export async function takeDeclared(
  files: readonly SpecFile[],
  at: { readonly fleetFolder: string; readonly blobs: Blobs },
): Promise<Declared> {
  const spec = readDeclared(files)
  const snapshots = new Map<string, Snapshot>()
  for (const source of spec.sources.values()) {
    snapshots.set(source.name, await takeSnapshot(source, at))
  }
  const problems = await checkFeatures(spec, snapshots, at.blobs)
  if (problems.length > 0) throw new SpecRefused(problems.map(asSpecProblem))
  return { spec, snapshots }
}

function asSpecProblem(problem: FeatureProblem): SpecProblem {
  return {
    code: problem.code,
    file: problem.place.file,
    line: problem.place.line,
    column: 1,
    length: 1,
    message: `${problem.field}: ${problem.detail}`,
    cure: problem.hint,
  }
}

/** Snapshot ids by source, for a plan's base and a version's lineage. */
export function snapshotIds(
  snapshots: Iterable<readonly [string, Snapshot]>,
): Readonly<Record<string, Digest>> {
  return Object.fromEntries([...snapshots].map(([source, snapshot]) => [source, snapshot.id]))
}
