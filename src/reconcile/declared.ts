import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { checkFeatures, type FeatureProblem, takeSnapshot } from '../features/index.ts'
import type { Blobs, Snapshot } from '../fleet/index.ts'
import { checkRules, gatesOf } from '../gate/index.ts'
import {
  type FeatureViewSpec,
  type FleetSpec,
  type Place,
  readFleet,
  type SourceSpec,
  type SpecFile,
  type SpecProblem,
} from '../spec/index.ts'

/**
 * A problem of the declaration itself, or one that its data brings to light; then with the code of
 * that.
 */
export type DeclarationProblem = Omit<SpecProblem, 'code'> & { readonly code: string }

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

/** What the declarations mean, with the data that they stand on at this moment. */
export interface Declared {
  readonly spec: FleetSpec
  readonly snapshots: ReadonlyMap<string, Snapshot>
}

/** The spec of `files`; throws SpecRefused with all problems, those of rules among them. */
export function readDeclared(files: readonly SpecFile[]): FleetSpec {
  const { spec, problems } = readFleet(files)
  if (!spec) throw new SpecRefused(problems)
  const faults = [...spec.blueprints.values()].flatMap(blueprint =>
    checkRules(gatesOf(blueprint, spec.policies)).map((problem): DeclarationProblem => {
      const place = spec.policies.find(p => p.id === problem.from)?.place ?? blueprint.place
      return {
        code: problem.code,
        ...atLine(place),
        message: `gate \`${problem.gate}\` of ${problem.from}: ${problem.detail}`,
        cure: problem.hint ?? '',
      }
    }),
  )
  if (faults.length > 0) throw new SpecRefused(faults)
  return spec
}

function atLine({ file, line }: Place) {
  return { file, line, column: 1, length: 1 }
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
  if (problems.length > 0) throw new SpecRefused(problems.map(asFault))
  return { spec, snapshots }
}

/** `field` of a feature problem opens with its place: `muster.yaml:33 feature hour`. */
function asFault({ code, field, detail, hint }: FeatureProblem): DeclarationProblem {
  const match = /^(.*):(\d+) (.*)$/.exec(field)
  return {
    code,
    ...atLine({ file: match?.[1] ?? '', line: Number(match?.[2] ?? 0) }),
    message: `${match?.[3] ?? field}: ${detail}`,
    cure: hint ?? '',
  }
}

/** Snapshot ids by source, for a plan's base and a version's lineage. */
export function snapshotIds(
  snapshots: Iterable<readonly [string, Snapshot]>,
): Readonly<Record<string, Digest>> {
  return Object.fromEntries([...snapshots].map(([source, snapshot]) => [source, snapshot.id]))
}
