import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelName } from '../base/ids.ts'
import { modelName } from '../base/model-name.ts'
import { readLabelManifest, readManifest } from '../features/index.ts'
import {
  type Blobs,
  type MemberList,
  readJson,
  type StepInput,
  type StepProgress,
} from '../fleet/index.ts'
import {
  buildFamilyGraph,
  type GraphHead,
  openFamilySession,
  type RowLayout,
  rowLayout,
} from '../onnx/index.ts'
import { fitMembers } from './fit-level.ts'
import { type FitResult, readFits, writeFits } from './fit-output.ts'
import { type FitScope, leavesScope, trunkScope } from './fit-scope.ts'
import { featureRanges, featureUse, fitTransforms } from './fit-transforms.ts'
import type { FitGround } from './fitter.ts'
import { graphHead } from './head.ts'
import { memberParameters } from './member-parameters.ts'
import { type FitParameters, openFitter } from './open-fitter.ts'
import { readTraining } from './training.ts'
import { levelGroups } from './tree.ts'

/*
 * The two fit steps. `trunk` reads all parts and fits every level but the leaves, top down;
 * `leaves` reads one part and fits its leaves, leaning on what the trunk has packed: on the packed
 * float32 rows, so that an outside peer can repeat a fit from what is stored.
 */

export type FitInput = StepInput & { readonly kind: 'trunk' | 'leaves' }

export interface StepAt {
  readonly blobs: Blobs
  readonly progress: (progress: StepProgress) => void
}

/** Leaves a `FitOutput`. Throws E_SPEC when pipeline, parameters and label do not go together. */
export async function fitStep(input: FitInput, at: StepAt): Promise<Digest> {
  const { features, pipeline } = input.family
  const head = graphHead(pipeline, features)
  const layout = rowLayout(features, head)
  const graphBytes = buildFamilyGraph(features, head)
  const graph = await at.blobs.put(graphBytes)
  const scope = await readScope(input, at.blobs)
  const packed = new Map<ModelName, Float32Array>()
  if (input.kind === 'leaves') {
    for (const [name, fit] of await readFits([input.trunk], at.blobs)) {
      packed.set(name, fit.parameters)
    }
  }
  const parametersOf = memberParameters(input.family)
  const ground = await readGround(input, at, { head, layout, scope, packed })
  const fitter = openFitter(pipeline.id, ground, head)
  await using session = await openFamilySession(graphBytes)
  const results: FitResult[] = []
  for (const level of scope.levels) {
    const work = { scope: level, ground, fitter, head, session, parametersOf, packed }
    for (const result of await fitMembers(work)) {
      results.push(result)
      if ('parameters' in result) packed.set(result.fit.name, result.parameters)
    }
    at.progress({ done: results.length, total: scope.members, unit: 'members' })
  }
  for (const fit of scope.absent) results.push({ fit })
  const ranges = input.kind === 'trunk' ? { ranges: featureRanges(ground.training.parts) } : {}
  return writeFits(results, { graph, width: layout.width, blobs: at.blobs, ...ranges })
}

async function readScope(input: FitInput, blobs: Blobs): Promise<FitScope> {
  const manifest = await readManifest(input.frame, blobs)
  const declared = await readJson<MemberList>(blobs, input.family.members)
  const levels = levelGroups(manifest.leafKeys, manifest.leafRows.length)
  const frame = { blueprint: input.family.blueprint, manifest, declared, levels }
  return input.kind === 'trunk' ? trunkScope(frame) : leavesScope(frame, input.part)
}

interface GroundPlan {
  readonly head: GraphHead
  readonly layout: RowLayout
  readonly scope: FitScope
  readonly packed: ReadonlyMap<ModelName, Float32Array>
}

async function readGround(
  input: FitInput,
  at: StepAt,
  plan: GroundPlan,
): Promise<FitGround<FitParameters>> {
  const { family } = input
  const { head, layout, scope, packed } = plan
  const labels = await readLabelManifest(input.labels, at.blobs)
  if (head.output === 'sigmoid' && !labels.binary) throw notBinary(labels.label)
  const parameters = memberParameters({ ...family, overrides: [] })([])
  const training = await readTraining({
    manifest: await readManifest(input.frame, at.blobs),
    labels,
    blobs: at.blobs,
    span: family.spans.train,
    folds: 'folds' in parameters ? parameters.folds : 1,
    parts: scope.parts,
    use: featureUse(family.features, layout, head.kind === 'cells' ? head.season : -1),
    samples: scope.levels.map(level => level.samples),
    progress: at.progress,
  })
  // Every packed row carries the same transforms; without a row there is nobody to lean on either.
  const [row] = [packed.get(modelName(family.blueprint, [])) ?? packed.values().next().value]
  const transforms =
    input.kind === 'trunk' ? fitTransforms(family.features, layout, training.parts) : row
  return {
    features: family.features,
    layout,
    transforms: transforms ?? new Float32Array(layout.width),
    training,
    deepest: scope.deepest,
    parameters,
    wanted: scope.wanted,
  }
}

function notBinary(label: string): MusterError {
  return new MusterError(
    'E_SPEC',
    `logistic@1 predicts true or false, and \`${label}\` is a number`,
    {
      field: 'label',
      hint: 'Compare it: delay > 15.',
    },
  )
}
