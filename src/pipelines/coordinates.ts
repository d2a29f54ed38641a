import type { RowLayout } from '../onnx/index.ts'
import type { ViewFeature } from '../spec/index.ts'
import type { LevelScope } from './fit-scope.ts'
import { type FittedTransforms, fitTransforms } from './fit-transforms.ts'
import { rowsOfGroup } from './fitted-rows.ts'
import type { Training } from './training.ts'

/**
 * Where rows stand among the design columns: parameter rows with the numbers of the transforms, and
 * zeros for the head.
 */
export interface Coordinates {
  /** By which the members of a group answer. */
  served(group: number): Float32Array
  /** By which the training rows of a leaf and fold are read; undefined for those of nobody. */
  trained(leaf: number, fold: number): Float32Array | undefined
  /** The same for all training rows, if it is. */
  readonly shared: Float32Array | undefined
}

/** The same for all members; for the folds too, unless there are encodings of the label. */
export function familyCoordinates({ served, outOfFold }: FittedTransforms): Coordinates {
  return {
    served: () => served,
    trained: (_, fold) => outOfFold?.[fold] ?? served,
    shared: outOfFold ? undefined : served,
  }
}

/**
 * Each member's own, of one level. `parentOf`: the row that a member leans on, undefined for the
 * root; members that have none, or no training rows, have no coordinates, for nobody fits them.
 */
export function memberCoordinates(
  { level, members }: LevelScope,
  { features, layout, training }: Readonly<MemberGround>,
  parentOf: (member: LevelScope['members'][number]) => Float32Array | undefined,
): Coordinates & { readonly wanted: Uint8Array } {
  const wanted = new Uint8Array(level.leafStart.length - 1)
  const fitted = new Map<number, FittedTransforms>()
  for (const member of members) {
    const { group, keyValues } = member
    if (group === undefined) continue
    const parent = parentOf(member)
    if (!parent && keyValues.length > 0) continue
    const rows = rowsOfGroup(training.parts, training.folds, level, group)
    fitted.set(group, fitTransforms(features, layout, rows, parent))
    wanted[group] = 1
  }
  const none = new Float32Array(layout.width)
  return {
    wanted,
    served: group => fitted.get(group)?.served ?? none,
    trained: (leaf, fold) => {
      const own = fitted.get(level.ofLeaf[leaf]!)
      return own?.outOfFold?.[fold] ?? own?.served
    },
    shared: undefined,
  }
}

interface MemberGround {
  readonly features: readonly ViewFeature[]
  readonly layout: RowLayout
  readonly training: Training
}

/** The rows of `outOfFold`, one after the other, as they are stored. */
export function foldBytes(rows: readonly Float32Array[]): Uint8Array {
  return Buffer.concat(rows.map(row => Buffer.from(row.buffer, row.byteOffset, row.byteLength)))
}

export function readFoldRows(bytes: Uint8Array, width: number): readonly Float32Array[] {
  // A copy: views of four bytes need them aligned.
  const all = new Float32Array(new Uint8Array(bytes).buffer)
  return Array.from({ length: all.length / width }, (_, fold) =>
    all.subarray(fold * width, (fold + 1) * width),
  )
}
