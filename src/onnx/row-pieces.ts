import { must } from '../base/assert.ts'
import type { RowLayout, Slot, StepGroup } from './row-layout.ts'

/** A contiguous part of a parameter row: one tensor of the graph. */
export interface RowPiece {
  readonly name: string
  readonly offset: number
  readonly count: number
}

/** The names that the graph has for the fitted numbers of a group of features. */
export const pieceName = {
  weights: '/weights',
  bias: '/bias',
  cells: '/cells',
  seasonFill: '/season.fill',
  fills: (group: number) => `/group${group}.fills`,
  centers: (group: number) => `/group${group}.centers`,
  scales: (group: number) => `/group${group}.scales`,
} as const

/** The whole row, cut into the tensors that the graph computes with, in the row's order. */
export function rowPieces(layout: RowLayout): readonly RowPiece[] {
  if (layout.cells) {
    const cells = { name: pieceName.cells, offset: 0, count: layout.cells.count }
    const fills = layout.fills.map(({ offset }) => ({
      name: pieceName.seasonFill,
      offset,
      count: 1,
    }))
    return [cells, ...fills]
  }
  const fitted = (
    slots: readonly Slot[],
    kind: StepGroup['kinds'][number],
    name: (group: number) => string,
  ): readonly RowPiece[] =>
    layout.groups.flatMap((group, g) =>
      group.kinds.includes(kind)
        ? [{ name: name(g), offset: firstOffset(slots, group), count: group.features.length }]
        : [],
    )
  return [
    { name: pieceName.weights, offset: layout.weights, count: layout.columns },
    { name: pieceName.bias, offset: layout.bias, count: 1 },
    ...fitted(layout.fills, 'impute', pieceName.fills),
    ...fitted(layout.centers, 'standard', pieceName.centers),
    ...fitted(layout.scales, 'standard', pieceName.scales),
  ]
}

function firstOffset(slots: readonly Slot[], group: StepGroup): number {
  const first = slots.find(slot => slot.feature === group.features[0])
  return must(first, 'a group that takes a step has slots for it').offset
}
