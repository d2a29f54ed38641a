import type { Digest } from '../base/digest.ts'
import type { ModelName } from '../base/ids.ts'
import { readManifest } from '../features/index.ts'
import {
  type Blobs,
  type MemberList,
  readJson,
  type StepInput,
  type StepProgress,
} from '../fleet/index.ts'
import { buildFamilyGraph, openFamilySession, rowLayout } from '../onnx/index.ts'
import type { ViewFeature } from '../spec/index.ts'
import { foldBytes } from './coordinates.ts'
import { leavesGround, type StepGround, trunkGround } from './fit-ground.ts'
import { fitMembers } from './fit-level.ts'
import { type FitResult, readFits, type TrunkAlone, writeFits } from './fit-output.ts'
import type { DeclaredFrame } from './fit-scope.ts'
import { featureRanges } from './fit-transforms.ts'
import type { FitGround, Fitter } from './fitter.ts'
import { graphHead } from './head.ts'
import { memberParameters } from './member-parameters.ts'
import { type FitParameters, openFitter } from './open-fitter.ts'
import { levelGroups } from './tree.ts'

/*
 * The two fit steps. `trunk` reads all parts and fits every level but the leaves, top down;
 * `leaves` fits the leaves of one part, from what the trunk has left of its rows or from the rows
 * themselves, leaning on what the trunk has packed: on the packed float32 rows, so that an outside
 * peer can repeat a fit from what is stored.
 */

type Ground = FitGround<FitParameters>
export type FitInput = StepInput & { readonly kind: 'trunk' | 'leaves' }

export interface StepAt {
  readonly blobs: Blobs
  readonly progress: (progress: StepProgress) => void
}

/** Leaves a `FitOutput`. Throws E_SPEC when pipeline, parameters and label do not go together. */
export async function fitStep(input: FitInput, at: StepAt): Promise<Digest> {
  const { features, pipeline, crosses } = input.family
  const head = graphHead(pipeline, features)
  const layout = rowLayout(features, head, crosses)
  const parametersOf = memberParameters(input.family)
  const frame = await readFrame(input, at.blobs)
  const packed = new Map<ModelName, Float32Array>()
  if (input.kind === 'leaves') {
    for (const [name, fit] of await readFits([input.trunk], at.blobs)) {
      packed.set(name, fit.parameters)
    }
  }
  const reading = { frame, head, layout, packed }
  const step =
    input.kind === 'trunk'
      ? await trunkGround(input, reading, at)
      : await leavesGround(input, reading, at)
  const { scope, categories } = step
  const graphBytes = buildFamilyGraph(features, head, { crosses, categories })
  const graph = await at.blobs.put(graphBytes)
  await using session = await openFamilySession(graphBytes)
  const results: FitResult[] = []
  let [ground, fitter]: [Ground?, Fitter<FitParameters>?] = []
  for (const level of scope.levels) {
    const own = step.groundOf(level)
    // One fitter for all levels that share their ground, as its statistics are theirs.
    if (fitter === undefined || own !== ground) fitter = openFitter(pipeline.id, own, head)
    ground = own
    const work = { scope: level, ground, fitter, head, session, parametersOf, packed }
    for (const result of await fitMembers(work)) {
      results.push(result)
      if ('parameters' in result) packed.set(result.fit.name, result.parameters)
    }
    at.progress({ done: results.length, total: scope.members, unit: 'members' })
  }
  for (const fit of scope.absent) results.push({ fit })
  const trunk = input.kind === 'trunk' ? await trunkAlone(features, step, at.blobs) : {}
  return writeFits(results, { graph, width: layout.width, blobs: at.blobs, trunk })
}

async function readFrame(input: FitInput, blobs: Blobs): Promise<DeclaredFrame> {
  const manifest = await readManifest(input.frame, blobs)
  const declared = await readJson<MemberList>(blobs, input.family.members)
  const levels = levelGroups(manifest.leafKeys, manifest.leafRows.length)
  return { blueprint: input.family.blueprint, manifest, declared, levels }
}

/** What the trunk, which has seen all rows, tells beside its members. */
async function trunkAlone(
  features: readonly ViewFeature[],
  { training, left, categories, outOfFold }: StepGround,
  blobs: Blobs,
): Promise<TrunkAlone> {
  const { parts, foldDays } = training
  const leafMoments = left && (await Promise.all(left.map(({ bytes }) => blobs.put(bytes))))
  const foldRows = outOfFold && (await blobs.put(foldBytes(outOfFold)))
  return {
    ranges: featureRanges(features, parts),
    foldDays,
    ...(leafMoments && { leafMoments }),
    ...(Object.keys(categories).length > 0 && { categories }),
    ...(foldRows && { outOfFold: foldRows }),
  }
}
