import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { readLabelManifest, readLabelPart, readManifest, readPart } from '../features/index.ts'
import {
  type Blobs,
  type FrameManifest,
  putJson,
  readJson,
  type ScoreCounts,
  type ScoredPart,
  type ScoreInput,
  type ScoreRoutes,
  type StepProgress,
  type Unscored,
} from '../fleet/index.ts'
import { answerRows, codeTables, OpenGraphs, readPacks, recodeColumns } from '../pipelines/index.ts'
import { answerersOf, type LeafAnswerer } from './answering.ts'
import { type PickedRows, pickRows } from './picked-rows.ts'
import { writePart } from './write-part.ts'

export interface ScoreAt {
  readonly blobs: Blobs
  readonly progress: (progress: StepProgress) => void
}

/**
 * Answers the rows of one part of a frame and writes them as a Parquet file, in the frame's order.
 * All rows whose models share a graph go through it together, thousands a call, each beside its own
 * model's row of parameters: what serves is exactly that graph with that row, so a prediction is
 * the number that a call of the model would be answered with. Leaves a `ScoredPart`.
 */
export async function scorePart(
  input: ScoreInput & { readonly kind: 'score' },
  { blobs, progress }: ScoreAt,
): Promise<Digest> {
  const manifest = await readManifest(input.frame, blobs)
  const part = must(manifest.parts[input.part], 'the part is in the frame')
  const data = await readPart(manifest, input.part, blobs)
  const labels = input.where === null ? undefined : await readLabelManifest(input.where, blobs)
  const where = labels && (await readLabelPart(labels, input.part, blobs))
  const picked = pickRows(input, manifest, part, data, where)
  progress({ done: 0, total: picked.rows, unit: 'rows' })
  const raw = data.features.map(column => Float32Array.from(picked.at, r => column[r]!))
  const routes = await readJson<ScoreRoutes>(blobs, input.routes)
  const found = answerersOf(routes, manifest, { ...part, view: input.view })
  const { answerers, predictions } = await predict(found, picked, raw, manifest, blobs)
  const eventMs = Float64Array.from(picked.at, r => data.eventMs[r]!)
  const file = await writePart({ manifest, part, answerers, picked, eventMs, predictions }, blobs)
  progress({ done: picked.rows, total: picked.rows, unit: 'rows' })
  const counts = countsOf(answerers, picked, manifest.key.length)
  return putJson(blobs, { ...file, counts } satisfies ScoredPart)
}

interface Predicted {
  /** Those given, without whose bytes are gone. */
  readonly answerers: readonly LeafAnswerer[]
  /** NaN where nobody answers. */
  readonly predictions: Float32Array
}

async function predict(
  found: readonly LeafAnswerer[],
  picked: PickedRows,
  raw: readonly Float32Array[],
  manifest: FrameManifest,
  blobs: Blobs,
): Promise<Predicted> {
  const asked = new Set(picked.leaf)
  const needed = found.flatMap(({ by }, leaf) => (by && asked.has(leaf) ? [by] : []))
  const packs = await readPacks(
    needed.map(by => by.pack),
    blobs,
  )
  const parameters = found.map(({ by }, leaf): Float32Array | undefined => {
    const pack = by && asked.has(leaf) ? packs.get(by.pack) : undefined
    return pack && by && pack.rows.subarray(by.row * pack.width, (by.row + 1) * pack.width)
  })
  const answerers = found.map((answerer, leaf): LeafAnswerer => {
    const isGone = answerer.by && asked.has(leaf) && parameters[leaf] === undefined
    return isGone ? { ...answerer, by: undefined, unscored: 'bytes-gone' } : answerer
  })
  const predictions = new Float32Array(picked.rows).fill(Number.NaN)
  await using graphs = new OpenGraphs(blobs)
  for (const graph of new Set(needed.map(by => by.graph))) {
    const session = await graphs.session(graph)
    await answerRows(session, {
      rows: picked.rows,
      raw: recodeColumns(raw, codeTables(manifest, session.categories)),
      parametersOf: i => {
        const leaf = picked.leaf[i]!
        return answerers[leaf]!.by?.graph === graph ? parameters[leaf] : undefined
      },
      into: predictions,
    })
  }
  return { answerers, predictions }
}

function countsOf(
  answerers: readonly LeafAnswerer[],
  { rows, leaf }: PickedRows,
  depths: number,
): ScoreCounts {
  const byDepth = new Array<number>(depths + 1).fill(0)
  const unscored: Partial<Record<Unscored, number>> = {}
  for (let i = 0; i < rows; i++) {
    const answerer = answerers[leaf[i]!]!
    const why = answerer.unscored
    if (why === undefined) byDepth[answerer.depth]! += 1
    else unscored[why] = (unscored[why] ?? 0) + 1
  }
  return { rows, byDepth, unscored }
}
