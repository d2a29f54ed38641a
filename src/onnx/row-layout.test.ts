import { describe, expect, test } from 'vitest'
import {
  encodedCrosses,
  encodedView,
  heads,
  mixedView,
  typicalView,
  viewFeature,
} from './random-view.fixture.ts'
import { rowLayout, slotCounts } from './row-layout.ts'
import { rowPieces } from './row-pieces.ts'

describe('the layout of a row', () => {
  test('weights, bias, fills, centers and scales stand one after another', () => {
    const layout = rowLayout(typicalView(), heads.identity)
    expect(layout).toMatchObject({ width: 48, inputs: 13, columns: 15, weights: 0, bias: 15 })
    expect(layout.fills.map(slot => slot.offset)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25])
    expect(layout.centers[0]).toEqual({ feature: 2, offset: 26 })
    expect(layout.scales.at(-1)).toEqual({ feature: 12, offset: 47 })
    expect(layout.designColumns.slice(0, 5)).toEqual([
      { feature: 0, part: 'sin' },
      { feature: 1, part: 'sin' },
      { feature: 0, part: 'cos' },
      { feature: 1, part: 'cos' },
      { feature: 2, part: 'value' },
    ])
  })

  test.each([
    ['typical', typicalView()],
    ['mixed', mixedView()],
    ['encoded', encodedView()],
  ])('the pieces of the %s row cover it once, in order', (_name, features) => {
    const layout = rowLayout(features, heads.sigmoid, encodedCrosses)
    let next = 0
    for (const piece of rowPieces(layout)) {
      expect(piece.offset).toBe(next)
      next += piece.count
    }
    expect(next).toBe(layout.width)
    const offsets = features.flatMap(({ transform }, f) =>
      transform.flatMap(step =>
        Object.entries(slotCounts(step)).flatMap(([kind, count]) => {
          const { [kind as 'codes']: first, stride } = layout.slots[f]!
          return Array.from({ length: count }, (_, n) => first + n * stride)
        }),
      ),
    )
    expect(offsets.sort((a, b) => a - b)).toEqual(
      Array.from({ length: layout.width - layout.bias - 1 }, (_, i) => layout.bias + 1 + i),
    )
  })

  test('cells stand first, the fill of an imputed season behind them', () => {
    const season = viewFeature('hour', { kind: 'impute', with: 12 })
    const head = { kind: 'cells', season: 1, cells: 24, output: 'identity' } as const
    const layout = rowLayout([viewFeature('a'), season], head)
    expect(layout).toMatchObject({ width: 25, columns: 0, cells: { offset: 0, count: 24 } })
    expect(layout.fills).toEqual([{ feature: 1, offset: 24 }])
    expect(rowLayout([viewFeature('a'), viewFeature('b')], head).width).toBe(24)
  })

  test('steps without meaning are refused by name', () => {
    const twice = viewFeature('a', { kind: 'standard' }, { kind: 'log' }, { kind: 'standard' })
    expect(() => rowLayout([twice], heads.identity)).toThrow(
      'feature a: `standard` is applied twice',
    )
    const after = viewFeature('hour', { kind: 'cyclic', period: 24 }, { kind: 'standard' })
    expect(() => rowLayout([after], heads.identity)).toThrow('`standard` cannot follow `cyclic`')
  })
})
