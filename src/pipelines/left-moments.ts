import { assert, must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import type { Blobs, FrameManifest } from '../fleet/index.ts'
import type { FitGround } from './fitter.ts'
import { type LeafCounts, noCounts } from './leaf-counts.ts'
import { MomentScan, type MomentTable } from './moment-table.ts'
import type { MomentShape } from './moments.ts'
import type { Samples } from './parity-samples.ts'
import { groupCount, type LevelGroups } from './tree.ts'

/*
 * What the trunk leaves of a part for its leaves: their label counts, their moments by fold, and
 * the rows on which fit and graph are compared. The trunk reads every row anyway, and its own
 * moments are the sums of its leaves'; so the leaves need not read a row again. As bytes:
 *
 *   sum, squares, low, high   of labels, float64 [leaves] each
 *   moments                   float64 [leaves, folds, shape.length]
 *   rows, dropped             int32 [leaves] each
 *   samples                   float32 [features, samples]
 *
 * Little-endian; how many there are of each, frame, pipeline and members say.
 */

/** Bytes of a row of a frame beside its features: time and label. */
const rowBytes = 16

/**
 * Whether moments are left: when they take no more bytes than the rows they stand for. Else, with
 * few rows a leaf or a wide view, it costs less to read the rows again than to write all those
 * moments down, and what is left could be many times the frame.
 */
export function areMomentsLeft(
  frame: Pick<FrameManifest, 'rows' | 'features' | 'leafRows'>,
  folds: number,
  shape: MomentShape,
): boolean {
  const moments = frame.leafRows.length * folds * shape.length * Float64Array.BYTES_PER_ELEMENT
  return moments <= frame.rows * (frame.features.length * Float32Array.BYTES_PER_ELEMENT + rowBytes)
}

export interface LeftSize {
  readonly leaves: number
  readonly folds: number
  readonly shape: MomentShape
  readonly samples: number
  readonly features: number
}

/** The bytes of a part, and views of what is in them. */
export class LeftPart {
  readonly bytes: Uint8Array
  /** By leaf of the part. */
  readonly counts: LeafCounts
  /** `folds` blocks a leaf. */
  readonly moments: Float64Array
  /** One array a feature. */
  readonly samples: readonly Float32Array[]

  /** Of zeros, or of `bytes` that were left before. */
  constructor(size: LeftSize, bytes: Uint8Array = new Uint8Array(sizeBytes(size))) {
    assert(bytes.byteLength === sizeBytes(size), 'what the trunk left has the size of its part')
    // Views of eight bytes need them aligned.
    const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
    let at = byteOffset
    const take = <View extends { readonly byteLength: number }>(
      make: new (buffer: ArrayBufferLike, at: number, length: number) => View,
      length: number,
    ): View => {
      const view = new make(buffer, at, length)
      at += view.byteLength
      return view
    }
    const { leaves, folds, shape } = size
    const [sum, squares, low, high] = [0, 0, 0, 0].map(() => take(Float64Array, leaves)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ]
    this.moments = take(Float64Array, leaves * folds * shape.length)
    const rows = take(Int32Array, leaves)
    const dropped = take(Int32Array, leaves)
    this.counts = { rows, dropped, sum, squares, low, high }
    this.samples = Array.from({ length: size.features }, () => take(Float32Array, size.samples))
    this.bytes = bytes
  }
}

function sizeBytes({ leaves, folds, shape, samples, features }: LeftSize): number {
  const byLeaf = 4 * 8 + 2 * 4 + folds * shape.length * 8
  return leaves * byLeaf + features * samples * 4
}

export interface LeftMoments {
  /** Of the trunk's deepest level: the sums of its leaves'. */
  readonly moments: MomentTable
  readonly parts: readonly LeftPart[]
}

/** One pass over the rows of all parts. `samples[p]` are those of the leaves of part p, taken. */
export function leaveMoments(
  ground: FitGround<unknown>,
  shape: MomentShape,
  samples: readonly Samples[],
): LeftMoments {
  const { deepest, training, features } = ground
  const { folds } = training
  const slots = Int32Array.from({ length: groupCount(deepest) }, (_, group) => group)
  const blocks = new Float64Array(slots.length * folds * shape.length)
  const scan = new MomentScan(ground, shape)
  const parts = training.parts.map((part, p) => {
    const { leafFrom, leafTo } = part
    const own = must(samples[p], 'every part has its samples')
    const left = new LeftPart({
      leaves: leafTo - leafFrom,
      folds,
      shape,
      samples: own.member.length,
      features: features.length,
    })
    copyCounts(training.counts, leafFrom, left.counts, 0, leafTo - leafFrom)
    for (const [f, column] of own.raw.entries()) left.samples[f]!.set(column)
    scan.add(part, leaf => leaf - leafFrom, left.moments)
    const groups = deepest.ofLeaf.subarray(leafFrom, leafTo)
    addLeaves(left.moments, groups, folds * shape.length, blocks)
    return left
  })
  return { moments: { slots, blocks }, parts }
}

/** Adds the blocks of leaves to those of the groups that they lie in. */
function addLeaves(
  moments: Float64Array,
  groups: Int32Array,
  length: number,
  blocks: Float64Array,
): void {
  for (let leaf = 0, k = 0; leaf < groups.length; leaf++) {
    const at = groups[leaf]! * length
    for (let i = 0; i < length; i++) blocks[at + i] = blocks[at + i]! + moments[k++]!
  }
}

/** The leaves of one part as their fit takes them. */
export interface LeftOfPart {
  readonly counts: LeafCounts
  readonly moments: MomentTable
}

/**
 * Reads what was left of a part, and fills the samples of its leaves. Throws E_BLOB_MISSING or
 * E_DIGEST_MISMATCH.
 */
export async function readLeft(
  digest: Digest,
  about: {
    readonly part: { readonly leafFrom: number; readonly leafTo: number }
    readonly leaves: LevelGroups
    readonly folds: number
    readonly shape: MomentShape
    readonly samples: Samples
  },
  blobs: Blobs,
): Promise<LeftOfPart> {
  const { part, folds, shape, samples } = about
  const size: LeftSize = {
    leaves: part.leafTo - part.leafFrom,
    folds,
    shape,
    samples: samples.member.length,
    features: samples.raw.length,
  }
  return takeUp(new LeftPart(size, await blobs.get(digest)), about)
}

export function takeUp(
  left: LeftPart,
  about: {
    readonly part: { readonly leafFrom: number; readonly leafTo: number }
    readonly leaves: LevelGroups
    readonly samples: Samples
  },
): LeftOfPart {
  const { part, leaves, samples } = about
  const groups = groupCount(leaves)
  const slots = new Int32Array(groups).fill(-1)
  for (let leaf = part.leafFrom; leaf < part.leafTo; leaf++) slots[leaf] = leaf - part.leafFrom
  const counts = noCounts(groups)
  copyCounts(left.counts, 0, counts, part.leafFrom, part.leafTo - part.leafFrom)
  for (const [f, column] of left.samples.entries()) samples.raw[f]!.set(column)
  return { counts, moments: { slots, blocks: left.moments } }
}

function copyCounts(
  from: LeafCounts,
  fromLeaf: number,
  to: LeafCounts,
  toLeaf: number,
  leaves: number,
): void {
  const names = ['rows', 'dropped', 'sum', 'squares', 'low', 'high'] as const
  for (const name of names) {
    to[name].set(from[name].subarray(fromLeaf, fromLeaf + leaves), toLeaf)
  }
}
