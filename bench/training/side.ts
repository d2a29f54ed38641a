import { performance } from 'node:perf_hooks'
import { readLabelManifest, readManifest } from '../../src/features/index.ts'
import { type MemberList, readJson, type StepInput } from '../../src/fleet/index.ts'
import { rowLayout } from '../../src/onnx/index.ts'
import { familyCoordinates } from '../../src/pipelines/coordinates.ts'
import { leavesScope, trunkScope } from '../../src/pipelines/fit-scope.ts'
import { featureUse, fitTransforms } from '../../src/pipelines/fit-transforms.ts'
import { rowsOfParts } from '../../src/pipelines/fitted-rows.ts'
import { carryOut, graphHead } from '../../src/pipelines/index.ts'
import { areMomentsLeft, leaveMoments, takeUp } from '../../src/pipelines/left-moments.ts'
import { foldsFor, memberParameters } from '../../src/pipelines/member-parameters.ts'
import type { MomentTable } from '../../src/pipelines/moment-table.ts'
import { momentShape } from '../../src/pipelines/moments.ts'
import { openFitter } from '../../src/pipelines/open-fitter.ts'
import { readTraining, type Training } from '../../src/pipelines/training.ts'
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
  const folds = foldsFor(parameters, family.features)
  const shape = momentShape(layout.columns)
  const trunk = trunkScope(frame, areMomentsLeft(manifest, folds, shape))
  const training = await readTraining({
    manifest,
    labels,
    blobs,
    span: family.spans.train,
    folds,
    parts: trunk.parts,
    use: featureUse(family.features, layout, -1),
    samples: [],
    samplesOfParts: trunk.leafSamples,
    progress,
  })
  if (trunk.leafSamples.length === 0) throw new Error('the trunk leaves nothing of such a family')
  const leaves = manifest.parts.map((part, p) => ({ part, scope: leavesScope(frame, p) }))
  const started = performance.now()
  const fitted = fitTransforms(family.features, layout, rowsOfParts(training.parts, folds))
  const coordinates = familyCoordinates(fitted)
  const common = { features: family.features, layout, coordinates, parameters }
  const fitAll = (
    { deepest, wanted, levels }: ReturnType<typeof trunkScope>,
    taken: { readonly training: Training; readonly moments: MomentTable },
    parent: Float64Array | undefined,
  ) => {
    const fitter = openFitter(family.pipeline.id, { ...common, ...taken, deepest, wanted }, head)
    return levels.flatMap(({ level, members }) =>
      fitter.fitLevel(
        level,
        members.map(({ group }) => ({ group: group!, parameters, parent })),
      ),
    )
  }
  const { deepest, wanted } = trunk
  const ground = { ...common, training, deepest, wanted }
  const left = leaveMoments(ground, shape, trunk.leafSamples)
  const [root] = fitAll(trunk, { training, moments: left.moments }, undefined)
  if (!root || !('head' in root)) throw new Error('the root was not fitted')
  for (const [p, { part, scope }] of leaves.entries()) {
    const about = { part, leaves: scope.deepest, samples: scope.levels[0]!.samples }
    const { counts, moments } = takeUp(left.parts[p]!, about)
    fitAll(scope, { training: { ...training, parts: [], counts }, moments }, root.head)
  }
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
