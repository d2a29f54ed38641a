import { performance } from 'node:perf_hooks'
import { readLabelManifest, readManifest } from '../../src/features/index.ts'
import { type MemberList, readJson, type StepInput } from '../../src/fleet/index.ts'
import { rowLayout } from '../../src/onnx/index.ts'
import { leavesScope, trunkScope } from '../../src/pipelines/fit-scope.ts'
import { featureUse, fitTransforms } from '../../src/pipelines/fit-transforms.ts'
import { carryOut, graphHead } from '../../src/pipelines/index.ts'
import { memberParameters } from '../../src/pipelines/member-parameters.ts'
import { openFitter } from '../../src/pipelines/open-fitter.ts'
import { readTraining } from '../../src/pipelines/training.ts'
import { levelGroups } from '../../src/pipelines/tree.ts'
import { openBlobs } from '../../src/registry/index.ts'

/*
 * Muster's side of `training.ts`, one process of it: carries out the steps that it is sent, in the
 * blob folder that it is started on, and answers with their outputs.
 */

type TrunkInput = StepInput & { readonly kind: 'trunk' }
export type Order =
  | { readonly id: number; readonly do: 'step'; readonly input: StepInput }
  | { readonly id: number; readonly do: 'fit-alone'; readonly input: TrunkInput }
export interface Answer {
  readonly id: number
  readonly output?: string
  readonly seconds?: number
}

const blobs = await openBlobs(process.argv[2]!)
const progress = () => {}

/**
 * The fit without its surroundings, rows in memory to float64 coefficients in memory: transforms,
 * moments and solves of the root and of all leaves. No reading, no parity check, no packing. In
 * seconds.
 */
async function fitAlone(input: TrunkInput): Promise<number> {
  const { family } = input
  const manifest = await readManifest(input.frame, blobs)
  const labels = await readLabelManifest(input.labels, blobs)
  const declared = await readJson<MemberList>(blobs, family.members)
  const levels = levelGroups(manifest.leafKeys, manifest.leafRows.length)
  const frame = { blueprint: family.blueprint, manifest, declared, levels }
  const head = graphHead(family.pipeline, family.features)
  const layout = rowLayout(family.features, head)
  const parameters = memberParameters(family)([])
  const read = (parts: readonly number[]) =>
    readTraining({
      manifest,
      labels,
      blobs,
      span: family.spans.train,
      folds: 'folds' in parameters ? parameters.folds : 1,
      parts,
      use: featureUse(family.features, layout, -1),
      samples: [],
      progress,
    })
  const trunk = trunkScope(frame)
  const trunkRows = await read(trunk.parts)
  const leaves = []
  for (const [index] of manifest.parts.entries()) {
    leaves.push({ scope: leavesScope(frame, index), training: await read([index]) })
  }
  const started = performance.now()
  const transforms = fitTransforms(family.features, layout, trunkRows.parts)
  const common = { features: family.features, layout, transforms, parameters }
  const fitAll = (
    scope: ReturnType<typeof trunkScope>,
    training: typeof trunkRows,
    parent: Float64Array | undefined,
  ) => {
    const { deepest, wanted } = scope
    const fitter = openFitter(family.pipeline.id, { ...common, training, deepest, wanted }, head)
    return scope.levels.flatMap(({ level, members }) =>
      fitter.fitLevel(
        level,
        members.map(({ group }) => ({ group: group!, parameters, parent, leansOn: '' })),
      ),
    )
  }
  const [root] = fitAll(trunk, trunkRows, undefined)
  if (!root || !('head' in root)) throw new Error('the root was not fitted')
  for (const { scope, training } of leaves) fitAll(scope, training, root.head)
  return (performance.now() - started) / 1_000
}

process.on('message', async (order: Order) => {
  const answer: Answer =
    order.do === 'step'
      ? { id: order.id, output: await carryOut(order.input, { blobs, progress }) }
      : { id: order.id, seconds: await fitAlone(order.input) }
  process.send!(answer)
})
process.on('disconnect', () => process.exit(0))
process.send!({ id: -1 } satisfies Answer)
