import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canonicalJson, type Digest, digestOf } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import { writeColumns } from '../features/index.ts'
import type { Blobs, FamilySpec, FrameManifest, LabelManifest } from '../fleet/index.ts'
import { rowLayout } from '../onnx/index.ts'
import { openBlobs } from '../registry/index.ts'
import type { Span, Transform, ViewFeature } from '../spec/index.ts'
import { familyCoordinates } from './coordinates.ts'
import type { FitGround } from './fitter.ts'
import type { Training, TrainingPart } from './training.ts'
import { groupCount, levelGroups } from './tree.ts'

/* Frames and training rows made by hand. For tests only. */

export const dayMs = 86_400_000
export const startMs = Date.UTC(2001, 0, 1)

/** Days [from, to) counted from 2001-01-01. */
export function days(from: number, to: number): Span {
  return { text: `days ${from}..${to}`, fromMs: startMs + from * dayMs, toMs: startMs + to * dayMs }
}

export function aFeature(name: string, ...transform: Transform[]): ViewFeature {
  return { name, from: { kind: 'row', sql: name }, transform }
}

export interface HandRow {
  readonly day: number
  readonly x: readonly number[]
  readonly y: number
}

export interface HandLeaf {
  readonly key: readonly string[]
  readonly rows: readonly HandRow[]
}

/** Blobs in a folder of their own, gone at the end. */
export async function someBlobs(): Promise<Blobs & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-pipelines-'))
  const blobs = await openBlobs(folder)
  return {
    put: bytes => blobs.put(bytes),
    putFile: path => blobs.putFile(path),
    get: digest => blobs.get(digest),
    path: digest => blobs.path(digest),
    has: digest => blobs.has(digest),
    erase: digest => blobs.erase(digest),
    scratch: blobs.scratch,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

export function putValue(value: unknown, blobs: Blobs): Promise<Digest> {
  return blobs.put(Buffer.from(canonicalJson(value)))
}

/** A frame with its labels: `cuts` are the leaves at which a new part begins. */
export async function putFrame(
  leaves: readonly HandLeaf[],
  options: {
    features: readonly string[]
    binary?: boolean
    cuts?: readonly number[]
    categories?: FrameManifest['categories']
  },
  blobs: Blobs,
): Promise<{ frame: Digest; labels: Digest }> {
  const bounds = [0, ...(options.cuts ?? []), leaves.length]
  const parts: FrameManifest['parts'][number][] = []
  const labelParts: Digest[] = []
  let rowFrom = 0
  for (let p = 0; p + 1 < bounds.length; p++) {
    const [leafFrom, leafTo] = [bounds[p]!, bounds[p + 1]!]
    const rows = leaves.slice(leafFrom, leafTo).flatMap(leaf => leaf.rows)
    const eventMs = Float64Array.from(rows, row => startMs + row.day * dayMs)
    const columns = options.features.map((name, f) => ({
      name,
      values: Float32Array.from(rows, row => row.x[f]!),
    }))
    const digest = await blobs.put(
      writeColumns([{ name: 'event_ms', values: eventMs }, ...columns]),
    )
    const values = Float64Array.from(rows, row => row.y)
    labelParts.push(await blobs.put(writeColumns([{ name: 'label', values }])))
    parts.push({ digest, leafFrom, leafTo, rowFrom, rows: rows.length })
    rowFrom += rows.length
  }
  const key = leaves[0]!.key.map((_, k) => `k${k}`)
  const manifest: FrameManifest = {
    view: 'now@1',
    key,
    features: options.features,
    ...(options.categories && { categories: options.categories }),
    rows: rowFrom,
    rowsWithoutKey: 0,
    leafKeys: key.map((_, k) => leaves.map(leaf => leaf.key[k]!)),
    leafRows: leaves.map(leaf => leaf.rows.length),
    parts,
  }
  const frame = await putValue(manifest, blobs)
  const binary = options.binary ?? false
  const labels: LabelManifest = { frame, label: 'y', binary, parts: labelParts }
  return { frame, labels: await putValue(labels, blobs) }
}

/** Every prefix of the keys of `leaves` is declared, and `more` leaves beside them. */
export async function aFamily(
  leaves: readonly (readonly string[])[],
  family: Partial<FamilySpec> & Pick<FamilySpec, 'features' | 'pipeline'>,
  blobs: Blobs,
): Promise<FamilySpec> {
  const length = leaves[0]!.length
  const levels = Array.from({ length: length + 1 }, (_, depth) => {
    const texts = [...new Set(leaves.map(leaf => JSON.stringify(leaf.slice(0, depth))))]
    const keys = texts.map(text => JSON.parse(text) as string[])
    return { keys, rows: keys.map(() => 100) }
  })
  return {
    blueprint: 'demand',
    view: digestOf('a view'),
    key: leaves[0]!.map((_, k) => `k${k}`),
    overrides: [],
    spans: { train: days(0, 60), judge: days(60, 80), report: days(80, 100) },
    members: await putValue({ levels }, blobs),
    ...family,
  }
}

/**
 * Rows of leaves `a.x`, `a.y`, ... whose label is linear in two features, leaf by leaf a little
 * different.
 */
export function linearLeaves(
  keys: readonly (readonly string[])[],
  rowsEach: number,
  options: { seed?: number; binary?: boolean } = {},
): readonly HandLeaf[] {
  const random = new SeededRandom(options.seed ?? 7)
  return keys.map((key, k) => ({
    key,
    rows: Array.from({ length: rowsEach }, (_, i) => {
      const x = [random.normal() * 3 + 10, random.normal()]
      const line = 2 + 0.5 * (x[0]! - 10) + (1 + 0.3 * k) * x[1]!
      const chance = 1 / (1 + Math.exp(-line / 2))
      const y = options.binary ? Number(random.unit() < chance) : line + random.normal()
      return { day: Math.floor((i * 100) / rowsEach), x, y }
    }),
  }))
}

/** A part of one leaf, its rows in one fold or cut where `foldStart` says. */
export function aPart(
  columns: readonly (readonly number[])[],
  y: readonly number[] = [],
  foldStart: readonly number[] = [0, columns[0]!.length],
): TrainingPart {
  return {
    rows: columns[0]!.length,
    leafFrom: 0,
    leafTo: 1,
    raw: columns.map(column => Float32Array.from(column)),
    y: Float64Array.from(y),
    foldStart: Int32Array.from(foldStart),
  }
}

/**
 * A ground to fit on without any file: rows already in design coordinates, one part, by leaf and
 * fold.
 */
export function aGround<Parameters>(
  leaves: readonly { key: readonly string[]; folds: readonly (readonly HandRow[])[] }[],
  parameters: Parameters,
  depth: number,
): FitGround<Parameters> {
  const folds = leaves[0]!.folds.length
  const rows = leaves.flatMap(leaf => leaf.folds.flat())
  const columns = rows[0]!.x.length
  const features = Array.from({ length: columns }, (_, f) => aFeature(`x${f}`))
  const starts = [0]
  for (const leaf of leaves)
    for (const fold of leaf.folds) starts.push(starts.at(-1)! + fold.length)
  const own = leaves.map(leaf => leaf.folds.flat().map(row => row.y))
  const training: Training = {
    folds,
    foldDays: [],
    parts: [
      {
        rows: rows.length,
        leafFrom: 0,
        leafTo: leaves.length,
        raw: features.map((_, f) => Float32Array.from(rows, row => row.x[f]!)),
        y: Float64Array.from(rows, row => row.y),
        foldStart: Int32Array.from(starts),
      },
    ],
    counts: {
      rows: Int32Array.from(own, y => y.length),
      dropped: new Int32Array(leaves.length),
      sum: Float64Array.from(own, y => y.reduce((a, b) => a + b, 0)),
      squares: Float64Array.from(own, y => y.reduce((a, b) => a + b * b, 0)),
      low: Float64Array.from(own, y => Math.min(...y)),
      high: Float64Array.from(own, y => Math.max(...y)),
    },
  }
  const keyLength = leaves[0]!.key.length
  const leafKeys = Array.from({ length: keyLength }, (_, k) => leaves.map(leaf => leaf.key[k]!))
  const deepest = levelGroups(leafKeys, leaves.length)[depth]!
  const layout = rowLayout(features, { kind: 'linear', output: 'identity' })
  const served = new Float32Array(layout.width)
  const coordinates = familyCoordinates({ served, outOfFold: undefined })
  const wanted = new Uint8Array(groupCount(deepest)).fill(1)
  return { features, layout, coordinates, training, deepest, parameters, wanted }
}
