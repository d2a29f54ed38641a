import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelName } from '../base/ids.ts'
import { modelName } from '../base/model-name.ts'
import { readLabelManifest } from '../features/index.ts'
import { type FitOutput, readJson } from '../fleet/index.ts'
import type { Categories, GraphHead, RowLayout } from '../onnx/index.ts'
import {
  type Coordinates,
  familyCoordinates,
  memberCoordinates,
  readFoldRows,
} from './coordinates.ts'
import { rowOfAncestor } from './fit-level.ts'
import {
  type DeclaredFrame,
  type FitScope,
  type LevelScope,
  leavesScope,
  trunkScope,
} from './fit-scope.ts'
import type { FitInput, StepAt } from './fit-step.ts'
import { featureUse, fitTransforms } from './fit-transforms.ts'
import { rowsOfParts } from './fitted-rows.ts'
import type { FitGround } from './fitter.ts'
import type { FoldDays } from './fold-days.ts'
import { areMomentsLeft, type LeftPart, leaveMoments, readLeft } from './left-moments.ts'
import { foldsFor, memberParameters } from './member-parameters.ts'
import { momentShape } from './moments.ts'
import { type FitParameters, fitsFromMoments } from './open-fitter.ts'
import type { Samples } from './parity-samples.ts'
import { readTraining, type Training } from './training.ts'
import { recodeTraining, trainingCategories } from './training-categories.ts'

/* What a fit step fits, and from what: rows, or the moments that the trunk has left of them. */

export interface StepReading {
  readonly frame: DeclaredFrame
  readonly head: GraphHead
  readonly layout: RowLayout
  /** Packed rows of the fitted by name: the trunk's for leaves, and those of levels above. */
  readonly packed: ReadonlyMap<ModelName, Float32Array>
}

export interface StepGround {
  readonly scope: FitScope
  readonly training: Training
  /** What the codes of category features stand for in the graph. */
  readonly categories: Categories
  /** What a level is fitted from. Levels come from the top down. */
  readonly groundOf: (level: LevelScope) => FitGround<FitParameters>
  /** What the trunk leaves for the leaves: of each part, and how rows are read fold by fold. */
  readonly left?: readonly LeftPart[] | undefined
  readonly outOfFold?: readonly Float32Array[] | undefined
}

export async function trunkGround(
  input: FitInput & { readonly kind: 'trunk' },
  reading: StepReading,
  at: StepAt,
): Promise<StepGround> {
  const { family } = input
  const { frame, layout } = reading
  const folds = foldsFor(familyParameters(input), family.features)
  const shape = momentShape(layout.columns)
  const isLeaving =
    fitsFromMoments(family.pipeline.id) &&
    family.fitPer !== 'member' &&
    areMomentsLeft(frame.manifest, folds, shape)
  const scope = trunkScope(frame, isLeaving)
  const read = await readRows(input, reading, scope, undefined, at)
  const categories = trainingCategories(family.features, frame.manifest, read)
  const training = recodeTraining(read, samplesOf(scope), frame.manifest, categories)
  const found = { scope, training, categories }
  if (family.fitPer === 'member') {
    return { ...found, groundOf: memberGround(input, reading, scope, training) }
  }
  const rows = rowsOfParts(training.parts, folds)
  const fitted = fitTransforms(family.features, layout, rows)
  const { outOfFold } = fitted
  const ground = familyGround(input, layout, scope, training, familyCoordinates(fitted))
  if (!isLeaving) return { ...found, groundOf: () => ground, outOfFold }
  const { moments, parts } = leaveMoments(ground, shape, scope.leafSamples)
  const withMoments = { ...ground, moments }
  return { ...found, groundOf: () => withMoments, left: parts, outOfFold }
}

export async function leavesGround(
  input: FitInput & { readonly kind: 'leaves' },
  reading: StepReading,
  at: StepAt,
): Promise<StepGround> {
  const { frame, layout, packed } = reading
  const { family } = input
  const scope = leavesScope(frame, input.part)
  const trunk = await readJson<FitOutput>(at.blobs, input.trunk)
  const { foldDays, leafMoments, categories = {} } = trunk
  // Every packed row carries the same transforms; without a row there is nobody to lean on either.
  const root = packed.get(modelName(family.blueprint, []))
  const served = root ?? packed.values().next().value ?? new Float32Array(layout.width)
  if (!leafMoments) {
    const read = await readRows(input, reading, scope, foldDays, at)
    const training = recodeTraining(read, samplesOf(scope), frame.manifest, categories)
    const found = { scope, training, categories }
    if (family.fitPer === 'member') {
      return { ...found, groundOf: memberGround(input, reading, scope, training) }
    }
    const stored = trunk.outOfFold && (await at.blobs.get(trunk.outOfFold))
    const outOfFold = stored && readFoldRows(stored, layout.width)
    const coordinates = familyCoordinates({ served, outOfFold })
    const ground = familyGround(input, layout, scope, training, coordinates)
    return { ...found, groundOf: () => ground }
  }
  const folds = foldsFor(familyParameters(input), family.features)
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
  const coordinates = familyCoordinates({ served, outOfFold: undefined })
  const ground = { ...familyGround(input, layout, scope, training, coordinates), moments }
  return { scope, training, categories, groundOf: () => ground }
}

function samplesOf(scope: FitScope): readonly Samples[] {
  return [...scope.levels.map(level => level.samples), ...scope.leafSamples]
}

function familyParameters({ family }: FitInput): FitParameters {
  return memberParameters({ ...family, overrides: [] })([])
}

/** One ground for all levels: statistics of a parent are the sums of its children's. */
function familyGround(
  input: FitInput,
  layout: RowLayout,
  { deepest, wanted }: Pick<FitScope, 'deepest' | 'wanted'>,
  training: Training,
  coordinates: Coordinates,
): FitGround<FitParameters> {
  const { features } = input.family
  const parameters = familyParameters(input)
  return { features, layout, coordinates, training, deepest, parameters, wanted }
}

/** A ground for each level: members stand in coordinates of their own, so nothing adds up. */
function memberGround(
  input: FitInput,
  { layout, packed }: StepReading,
  scope: FitScope,
  training: Training,
): StepGround['groundOf'] {
  return level => {
    const about = { features: input.family.features, layout, training }
    const coordinates = memberCoordinates(level, about, ({ name }) => rowOfAncestor(name, packed))
    const own = { ...scope, deepest: level.level, wanted: coordinates.wanted }
    return familyGround(input, layout, own, training, coordinates)
  }
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
    folds: foldsFor(familyParameters(input), family.features),
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
