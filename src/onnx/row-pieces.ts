import { must } from '../base/assert.ts'
import { type FeatureSlots, type RowLayout, slotCounts, slotKinds } from './row-layout.ts'

/** A contiguous part of a parameter row: one tensor of the graph. */
export interface RowPiece {
  readonly name: string
  readonly offset: number
  readonly count: number
}

type SlotKind = (typeof slotKinds)[number]

/** Plural, as the tensors of a group hold those of all its features. */
const plurals: Readonly<Record<SlotKind, string>> = {
  fill: 'fills',
  center: 'centers',
  scale: 'scales',
  codes: 'codes',
  encodings: 'encodings',
  prior: 'priors',
  edges: 'edges',
}

/** The names that the graph has for the fitted numbers of a group of features. */
export const pieceName = {
  weights: '/weights',
  bias: '/bias',
  cells: '/cells',
  seasonFill: '/season.fill',
  of: (kind: SlotKind, group: number) => `/group${group}.${plurals[kind]}`,
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
  const fitted = slotKinds.flatMap(kind =>
    layout.groups.flatMap((group, g) =>
      group.steps.flatMap(step => {
        const count = slotCounts(step)[kind]
        const first: FeatureSlots = must(layout.slots[group.features[0]!], 'a group has features')
        return count
          ? [
              {
                name: pieceName.of(kind, g),
                offset: first[kind],
                count: count * group.features.length,
              },
            ]
          : []
      }),
    ),
  )
  return [
    { name: pieceName.weights, offset: layout.weights, count: layout.columns },
    { name: pieceName.bias, offset: layout.bias, count: 1 },
    ...fitted,
  ]
}
