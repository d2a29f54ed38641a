/*
 * Writes what a Python peer needs to fit the very rows that Muster fitted: paths of the frame's and
 * the labels' Arrow files, the transforms with their fitted numbers, the spans, and sampled members
 * with their coefficients. Run on the state of a finished quick start, with no server up:
 *
 *   node bench/peer-inputs.ts STATE_FOLDER OUT_FOLDER BLUEPRINT...
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../src/base/assert.ts'
import { systemClock } from '../src/base/clock.ts'
import type { Digest } from '../src/base/digest.ts'
import { modelName, parentOf } from '../src/base/model-name.ts'
import { SeededRandom } from '../src/base/random.ts'
import { readLabelManifest, readManifest } from '../src/features/index.ts'
import { type FitOutput, type FrameManifest, type RunWork, readJson } from '../src/fleet/index.ts'
import { type RowLayout, rowLayout } from '../src/onnx/index.ts'
import { graphHead } from '../src/pipelines/index.ts'
import { openBlobs, readPack } from '../src/registry/index.ts'
import type { ColumnPart } from '../src/spec/index.ts'
import {
  latestSealedRun,
  openStore,
  ownStateFolder,
  readRunWork,
  type Store,
  startEmbedded,
  stepsOf,
} from '../src/store/index.ts'

const membersSampled = 50

interface Fitted {
  readonly row: Float32Array
  readonly penalty: number
}

type BlobFolder = Awaited<ReturnType<typeof openBlobs>>

async function readFits(
  blobs: BlobFolder,
  outputs: readonly Digest[],
): Promise<ReadonlyMap<string, Fitted>> {
  const fitted = new Map<string, Fitted>()
  for (const output of outputs) {
    const { pack, members } = await readJson<FitOutput>(blobs, output)
    const { rows, width } = readPack(await blobs.get(pack))
    for (const member of members) {
      if (member.state !== 'fitted') continue
      const row = rows.slice(member.row * width, (member.row + 1) * width)
      fitted.set(member.name, { row, penalty: member.penalty ?? 0 })
    }
  }
  return fitted
}

/** Weights in declared order of features, then the bias. */
function coefficients(row: Float32Array, layout: RowLayout): number[] {
  const parts: readonly ColumnPart[] = ['value', 'sin', 'cos']
  const order = [...layout.designColumns.keys()].sort((a, b) => {
    const [x, y] = [layout.designColumns[a]!, layout.designColumns[b]!]
    return x.feature - y.feature || parts.indexOf(x.part) - parts.indexOf(y.part)
  })
  return [...order.map(column => row[layout.weights + column]!), row[layout.bias]!]
}

function transforms(work: RunWork, layout: RowLayout, row: Float32Array) {
  const at = (slots: RowLayout['fills'], feature: number): number =>
    row[
      must(
        slots.find(slot => slot.feature === feature),
        'a fitted step has its slot',
      ).offset
    ]!
  return work.family.features.map((feature, i) =>
    feature.transform.map(step => {
      if (step.kind === 'impute') return { kind: 'impute', fill: at(layout.fills, i) }
      if (step.kind !== 'standard') return step
      return { ...step, center: at(layout.centers, i), scale: at(layout.scales, i) }
    }),
  )
}

/**
 * Leaves with their ranges of rows, a seeded sample of those that were fitted and lean on a fitted
 * parent.
 */
function sample(
  work: RunWork,
  manifest: FrameManifest,
  fitted: ReadonlyMap<string, Fitted>,
  layout: RowLayout,
) {
  let rowFrom = 0
  const leaves = manifest.leafRows.flatMap((rows, leaf) => {
    const keyValues = manifest.leafKeys.map(column => column[leaf]!)
    const name = modelName(work.family.blueprint, keyValues)
    const from = rowFrom
    rowFrom += rows
    const own = fitted.get(name)
    const parent = fitted.get(must(parentOf(name), 'a leaf has a parent'))
    if (!own || !parent) return []
    return [
      {
        name,
        rowFrom: from,
        rowTo: from + rows,
        penalty: own.penalty,
        parent: coefficients(parent.row, layout),
        coefficients: coefficients(own.row, layout),
      },
    ]
  })
  const random = new SeededRandom(2001)
  return Array.from({ length: Math.min(membersSampled, leaves.length) }, () => {
    const [taken] = leaves.splice(random.below(leaves.length), 1)
    return taken
  })
}

/** A folder of each blueprint in `out`, for the scripts in `bench/peers`. */
export async function writePeerInputs(
  home: string,
  blueprints: readonly string[],
  out: string,
): Promise<void> {
  await using _owned = await ownStateFolder(home)
  await using postgres = await startEmbedded({ folder: join(home, 'postgres'), clock: systemClock })
  await using store = await openStore(postgres.url)
  const blobs = await openBlobs(join(home, 'blobs'))
  for (const blueprint of blueprints) {
    const about = await peerInputs(blueprint, store, blobs)
    mkdirSync(join(out, blueprint), { recursive: true })
    writeFileSync(join(out, blueprint, 'inputs.json'), JSON.stringify(about))
  }
}

async function peerInputs(blueprint: string, store: Store, blobs: BlobFolder) {
  const run = must(await latestSealedRun(store, blueprint), `${blueprint} was sealed`)
  const work = must(await readRunWork(store, run.id), 'a run has its work')
  const steps = await stepsOf(store, run.id)
  const outputs = (kind: string): Digest[] =>
    steps.flatMap(step => (step.kind === kind && step.output ? [step.output] : []))
  const manifest = await readManifest(outputs('frame')[0]!, blobs)
  const labels = await readLabelManifest(outputs('label')[0]!, blobs)
  const fitted = await readFits(blobs, [...outputs('trunk'), ...outputs('leaves')])
  const { features, pipeline, spans } = work.family
  const layout = rowLayout(features, graphHead(pipeline, features))
  const root = must(fitted.get(blueprint), 'the root was fitted')
  const paths = (digests: readonly Digest[]) => Promise.all(digests.map(d => blobs.path(d)))
  return {
    features: features.map(feature => feature.name),
    frameParts: await paths(manifest.parts.map(part => part.digest)),
    labelParts: await paths(labels.parts),
    transforms: transforms(work, layout, root.row),
    trainFromMs: spans.train.fromMs,
    trainToMs: spans.train.toMs,
    reportFromMs: spans.report?.fromMs,
    reportToMs: spans.report?.toMs,
    members: sample(work, manifest, fitted, layout),
  }
}

const [home, out, ...blueprints] = process.argv.slice(2)
if (import.meta.main) {
  if (!home || !out || blueprints.length === 0) {
    console.error('usage: node bench/peer-inputs.ts STATE_FOLDER OUT_FOLDER BLUEPRINT...')
    process.exit(2)
  }
  await writePeerInputs(home, blueprints, out)
}
