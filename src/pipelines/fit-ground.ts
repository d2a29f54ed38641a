import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelName } from '../base/ids.ts'
import { modelName } from '../base/model-name.ts'
import { readLabelManifest } from '../features/index.ts'
import { type FitOutput, readJson } from '../fleet/index.ts'
import type { GraphHead, RowLayout } from '../onnx/index.ts'
import { type DeclaredFrame, type FitScope, leavesScope, trunkScope } from './fit-scope.ts'
import type { FitInput, StepAt } from './fit-step.ts'
import { featureUse, fitTransforms } from './fit-transforms.ts'
import type { FitGround } from './fitter.ts'
import type { FoldDays } from './fold-days.ts'
import { areMomentsLeft, type LeftPart, leaveMoments, readLeft } from './left-moments.ts'
import { foldsFor, memberParameters } from './member-parameters.ts'
import { momentShape } from './moments.ts'
import { type FitParameters, fitsFromMoments } from './open-fitter.ts'
import { readTraining, type Training } from './training.ts'

/* What a fit step fits, and from what: rows, or the moments that the trunk has left of them. */

export interface StepReading {
  readonly frame: DeclaredFrame
  readonly head: GraphHead
  readonly layout: RowLayout
  /** The trunk's packed rows by name; empty for the trunk itself. */
  readonly packed: ReadonlyMap<ModelName, Float32Array>
}

export interface StepGround {
  readonly scope: FitScope
  readonly ground: FitGround<FitParameters>
  /** By part, what is left for its leaves; of the trunk alone. */
  readonly left?: readonly LeftPart[] | undefined
}

export async function trunkGround(
  input: FitInput & { readonly kind: 'trunk' },
  reading: StepReading,
  at: StepAt,
): Promise<StepGround> {
  const { family } = input
  const { frame, layout } = reading
  const parameters = familyParameters(input)
  const shape = momentShape(layout.columns)
  const isLeaving =
    fitsFromMoments(family.pipeline.id) &&
    areMomentsLeft(frame.manifest, foldsFor(parameters), shape)
  const scope = trunkScope(frame, isLeaving)
  const training = await readRows(input, reading, scope, undefined, at)
  const transforms = fitTransforms(family.features, layout, training.parts)
  const ground = groundOf(input, layout, scope, training, transforms)
  if (!isLeaving) return { scope, ground }
  const { moments, parts } = leaveMoments(ground, shape, scope.leafSamples)
  return { scope, ground: { ...ground, moments }, left: parts }
}

export async function leavesGround(
  input: FitInput & { readonly kind: 'leaves' },
  reading: StepReading,
  at: StepAt,
): Promise<StepGround> {
  const { frame, layout, packed } = reading
  const scope = leavesScope(frame, input.part)
  const { foldDays, leafMoments } = await readJson<FitOutput>(at.blobs, input.trunk)
  // Every packed row carries the same transforms; without a row there is nobody to lean on either.
  const root = packed.get(modelName(input.family.blueprint, []))
  const transforms = root ?? packed.values().next().value ?? new Float32Array(layout.width)
  if (!leafMoments) {
    const training = await readRows(input, reading, scope, foldDays, at)
    return { scope, ground: groundOf(input, layout, scope, training, transforms) }
  }
  const folds = foldsFor(familyParameters(input))
  const about = {
    part: must(frame.manifest.parts[input.part], 'the part is in the frame'),
    leaves: scope.deepest,
    folds,
    shape: momentShape(layout.columns),
    samples: must(scope.levels[0], 'the leaves are a level').samples,
  }
  const digest = must(leafMoments[input.part], 'something is left of every part')
  const { counts, moments } = await readLeft(digest, about, at.blobs)
  const training: Training = { parts: [], counts, folds, foldDays: foldDays ?? [] }
  return { scope, ground: { ...groundOf(input, layout, scope, training, transforms), moments } }
}

function familyParameters({ family }: FitInput): FitParameters {
  return memberParameters({ ...family, overrides: [] })([])
}

function groundOf(
  input: FitInput,
  layout: RowLayout,
  scope: FitScope,
  training: Training,
  transforms: Float32Array,
): FitGround<FitParameters> {
  const { deepest, wanted } = scope
  const { features } = input.family
  const parameters = familyParameters(input)
  return { features, layout, transforms, training, deepest, parameters, wanted }
}

async function readRows(
  input: FitInput,
  { frame, head, layout }: StepReading,
  scope: FitScope,
  foldDays: FoldDays | undefined,
  at: StepAt,
): Promise<Training> {
  const { family } = input
  const labels = await readLabelManifest(input.labels, at.blobs)
  if (head.output === 'sigmoid' && !labels.binary) throw notBinary(labels.label)
  return readTraining({
    manifest: frame.manifest,
    labels,
    blobs: at.blobs,
    span: family.spans.train,
    folds: foldsFor(familyParameters(input)),
    foldDays,
    parts: scope.parts,
    use: featureUse(family.features, layout, head.kind === 'cells' ? head.season : -1),
    samples: scope.levels.map(level => level.samples),
    samplesOfParts: scope.leafSamples,
    progress: at.progress,
  })
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
