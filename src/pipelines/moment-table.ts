import { must } from '../base/assert.ts'
import { designMatrix } from '../onnx/index.ts'
import type { FitGround } from './fitter.ts'
import { addMoments, type MomentShape } from './moments.ts'
import type { TrainingPart } from './training.ts'

/** The moments of groups, `folds` blocks a slot. */
export interface MomentTable {
  /** By group: where its blocks are, counted in slots; -1 for groups that have none. */
  readonly slots: Int32Array
  readonly blocks: Float64Array
}

/**
 * Rows that are transformed and multiplied at once. At 20 columns that is 80 kB, which stays in the
 * cache; the whole part at once would be 40 MB, written to memory and read again.
 */
const blockRows = 512

/** Reads the parts once, and adds the moments of every leaf to the slot of its group. */
export class MomentScan {
  readonly #ground: Pick<FitGround<unknown>, 'features' | 'layout' | 'coordinates'>
  readonly #shape: MomentShape
  readonly #folds: number
  readonly #z: Float64Array

  constructor(
    ground: Pick<FitGround<unknown>, 'features' | 'layout' | 'coordinates' | 'training'>,
    shape: MomentShape,
  ) {
    this.#ground = ground
    this.#shape = shape
    this.#folds = ground.training.folds
    this.#z = new Float64Array(blockRows * shape.columns)
  }

  /**
   * `slotOf` gives the slot of a leaf, or -1 to leave it out. A leaf's sums do not depend on what
   * else is in the part: blocks end where its folds do, or after whole blocks of a fold.
   */
  add(part: TrainingPart, slotOf: (leaf: number) => number, blocks: Float64Array): void {
    const { foldStart } = part
    const { coordinates } = this.#ground
    const { shared } = coordinates
    let loadedFrom = 0
    let loadedTo = 0
    let y = part.y
    for (let leaf = part.leafFrom, k = 0; leaf < part.leafTo; leaf++) {
      const slot = slotOf(leaf)
      for (let fold = 0; fold < this.#folds; fold++, k++) {
        if (slot < 0) continue
        const at = (slot * this.#folds + fold) * this.#shape.length
        const end = foldStart[k + 1]!
        for (let from = foldStart[k]!; from < end; ) {
          if (from >= loadedTo) {
            loadedFrom = from
            loadedTo = shared ? blockEnd(foldStart, k, from) : Math.min(end, from + blockRows)
            this.#load(part, loadedFrom, loadedTo, shared ?? coordinates.trained(leaf, fold))
            y = part.y.subarray(loadedFrom, loadedTo)
          }
          const to = Math.min(end, loadedTo)
          addMoments(this.#shape, this.#z, y, from - loadedFrom, to - loadedFrom, blocks, at)
          from = to
        }
      }
    }
  }

  #load(part: TrainingPart, from: number, to: number, row: Float32Array | undefined): void {
    const { features, layout } = this.#ground
    const own = must(row, 'rows that count have coordinates')
    designMatrix(features, layout, part.raw, own, from, to, this.#z)
  }
}

/** The end of a block that begins at row `from` of fold k: as many whole folds as fit. */
function blockEnd(foldStart: Int32Array, k: number, from: number): number {
  const most = from + blockRows
  if (foldStart[k + 1]! > most) return most
  let last = k + 1
  while (last + 1 < foldStart.length && foldStart[last + 1]! <= most) last++
  return foldStart[last]!
}
