import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { designMatrix, type RowLayout, rowLayout, unusedSlot } from '../onnx/index.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'
import { fitTransforms } from './fit-transforms.ts'
import { rowsOfParts } from './fitted-rows.ts'
import { aFeature, aPart } from './small-family.fixture.ts'

const head = { kind: 'linear', output: 'identity' } as const
const missing = Number.NaN

/** Fitted on one column, and what becomes of `asked`: row by row. */
function fitted(steps: readonly Transform[], values: readonly number[], asked = values) {
  const features = [aFeature('x', ...steps)]
  const layout = rowLayout(features, head)
  const { served } = fitTransforms(features, layout, rowsOfParts([aPart([values])], 1))
  return { layout, row: served, columns: designOf(features, layout, served, asked) }
}

function designOf(
  features: readonly ViewFeature[],
  layout: RowLayout,
  row: Float32Array,
  values: readonly number[],
): number[][] {
  const out = new Float64Array(values.length * layout.columns)
  designMatrix(features, layout, [Float32Array.from(values)], row, 0, values.length, out)
  return values.map((_, i) => [...out.subarray(i * layout.columns, (i + 1) * layout.columns)])
}

const indicator = true as const

describe('scalings', () => {
  test('min-max: the training range becomes 0 to 1, and others go beyond', () => {
    const { columns } = fitted([{ kind: 'minmax' }], [2, 6, missing, 4], [2, 6, 3, 8, missing])
    expect(columns.flat()).toEqual([0, 1, 0.25, 1.5, missing])
  })

  test('robust: median and quartiles, which an outlier does not move', () => {
    const { columns } = fitted([{ kind: 'robust' }], [1, 2, 3, 4, 1e6], [3, 5])
    expect(columns.flat()).toEqual([0, 1])
  })

  test('robust, where half of the values are one: the others keep their size', () => {
    const { columns } = fitted([{ kind: 'robust' }], [0, 0, 0, 0, 0, 7], [0, 7])
    expect(columns.flat()).toEqual([0, 7])
  })

  test.each(['standard', 'minmax', 'robust'] as const)('%s of a constant is 0', kind => {
    expect(fitted([{ kind }], [5e8, 5e8, 5e8]).columns.flat()).toEqual([0, 0, 0])
    expect(fitted([{ kind }], [missing, missing], [3]).columns.flat()).toEqual([0])
  })
})

describe('imputation', () => {
  test.each([
    ['mean', 3.75],
    ['median', 2.5],
    ['most_frequent', 2],
    [-1, -1],
  ] as const)('by %s, with a column that says where', (statistic, value) => {
    const values = [2, 8, 2, missing, 3]
    const { columns } = fitted([{ kind: 'impute', with: statistic, indicator }], values)
    expect(columns).toEqual([
      [2, 0],
      [8, 0],
      [2, 0],
      [value, 1],
      [3, 0],
    ])
  })

  test('the indicator is of what comes in, and later steps leave it as it is', () => {
    const steps: Transform[] = [
      { kind: 'impute', with: 0, indicator },
      { kind: 'cyclic', period: 4 },
    ]
    const { columns } = fitted(steps, [1, missing])
    expect(columns[0]).toEqual([1, expect.closeTo(0, 12), 0])
    expect(columns[1]).toEqual([0, 1, 1])
  })
})

describe('encoders', () => {
  const values = [7, 7, 7, 3, 3, 9, 9, 5, missing]

  test('one-hot: the most frequent, in order; others and missing ones are zero in all', () => {
    const { row, layout, columns } = fitted([{ kind: 'onehot', most: 2 }], values, [
      3,
      7,
      9,
      5,
      missing,
    ])
    const { codes, stride } = layout.slots[0]!
    expect([row[codes], row[codes + stride]]).toEqual([3, 7])
    expect(columns).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ])
  })

  test('fewer values than columns leave columns that nothing reaches', () => {
    const { columns } = fitted([{ kind: 'onehot', most: 3 }], [4, 4], [4, unusedSlot, 0])
    expect(columns.slice(0, 1)).toEqual([[1, 0, 0]])
    expect(columns[2]).toEqual([0, 0, 0])
  })

  test('ordinal: the place in order, and a number of its own for others', () => {
    const asked = [3, 5, 7, 9, 4, missing]
    const steps: Transform[] = [{ kind: 'ordinal', unknown: -1, most: 10 }]
    expect(fitted(steps, values, asked).columns.flat()).toEqual([0, 1, 2, 3, -1, -1])
  })

  test('buckets: quantiles of training; a value at an edge is above it; missing is in none', () => {
    const steps: Transform[] = [{ kind: 'buckets', count: 4 }]
    const training = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    const { columns } = fitted(steps, training, [-99, 1.9, 2, 4, 6, 99, missing])
    expect(columns.map(row => row.indexOf(1))).toEqual([0, 0, 1, 2, 3, 3, -1])
    expect(columns.map(row => row.reduce((a, b) => a + b))).toEqual([1, 1, 1, 1, 1, 1, 0])
  })

  test('buckets of few different values: edges that fall together are one', () => {
    const { columns } = fitted([{ kind: 'buckets', count: 4 }], [0, 0, 0, 0, 0, 0, 5, 9])
    expect(columns.map(row => row.indexOf(1))).toEqual([0, 0, 0, 0, 0, 0, 1, 1])
  })
})

describe('encodings of the label', () => {
  const features = [aFeature('x', { kind: 'target', smoothing: 2, most: 5 })]
  const layout = rowLayout(features, head)
  // Three folds of four rows.
  const folds = [0, 4, 8, 12]
  const x = [1, 1, 2, 3, 1, 2, 2, 2, 1, 1, 2, 4]
  const y = [1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1]
  const fitOn = (labels: readonly number[]) =>
    fitTransforms(features, layout, rowsOfParts([aPart([x], labels, folds)], 3))
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

  /** Straight from the definition. */
  function encoded(value: number, rows: readonly number[], labels: readonly number[]): number {
    const prior = mean(rows.map(r => labels[r]!))
    const own = rows.filter(r => x[r] === value).map(r => labels[r]!)
    return (own.reduce((a, b) => a + b, 0) + 2 * prior) / (own.length + 2)
  }

  test('callers get the smoothed mean of all training rows; unknown ones the prior', () => {
    const all = x.map((_, r) => r)
    const { served } = fitOn(y)
    const columns = designOf(features, layout, served, [1, 2, 3, 4, 9, missing]).flat()
    for (const [i, value] of [1, 2, 3, 4].entries()) {
      expect(columns[i]).toBeCloseTo(encoded(value, all, y), 6)
    }
    expect(columns[4]).toBeCloseTo(mean(y), 6)
    expect(columns[5]).toBe(columns[4])
  })

  test('training rows get that of the other folds', () => {
    const { outOfFold } = fitOn(y)
    for (let fold = 0; fold < 3; fold++) {
      const others = x.map((_, r) => r).filter(r => Math.floor(r / 4) !== fold)
      const columns = designOf(features, layout, outOfFold![fold]!, x).flat()
      for (let r = fold * 4; r < fold * 4 + 4; r++) {
        expect(columns[r]).toBeCloseTo(encoded(x[r]!, others, y), 6)
      }
    }
  })

  test('no label moves the encoding of a row of its own fold, by a single bit', () => {
    const random = new SeededRandom(5)
    const before = fitOn(y).outOfFold!
    for (let r = 0; r < x.length; r++) {
      const moved = y.map((value, i) => (i === r ? random.normal() * 1e12 : value))
      const after = fitOn(moved).outOfFold!
      const fold = Math.floor(r / 4)
      expect(after[fold]).toEqual(before[fold])
      expect(after[(fold + 1) % 3]).not.toEqual(before[(fold + 1) % 3])
    }
  })

  test('rows of a single fold have nothing to be encoded by', () => {
    const rows = rowsOfParts([aPart([x], y, [0, 12, 12, 12])], 3)
    const { outOfFold } = fitTransforms(features, layout, rows)
    expect(new Set(designOf(features, layout, outOfFold![0]!, x).flat())).toEqual(new Set([0]))
  })

  test('what comes after is fitted on the encodings of training', () => {
    const scaled = [aFeature('x', { kind: 'target', smoothing: 2, most: 5 }, { kind: 'standard' })]
    const at = rowLayout(scaled, head)
    const { outOfFold } = fitTransforms(scaled, at, rowsOfParts([aPart([x], y, folds)], 3))
    const columns = [0, 1, 2].flatMap(fold =>
      designOf(scaled, at, outOfFold![fold]!, x.slice(fold * 4, fold * 4 + 4)).flat(),
    )
    expect(mean(columns)).toBeCloseTo(0, 5)
    expect(mean(columns.map(value => value * value))).toBeCloseTo(1, 5)
  })
})

describe('a member of its own', () => {
  const features = [
    aFeature('size', { kind: 'impute', with: 'mean' }, { kind: 'standard' }),
    aFeature('kind', { kind: 'onehot', most: 2 }),
    aFeature('gone', { kind: 'minmax' }),
  ]
  const layout = rowLayout(features, head)
  const family = [
    aPart([
      [1, 2, 3, 4],
      [5, 5, 6, 6],
      [0, 10, 5, 5],
    ]),
  ]
  const parent = fitTransforms(features, layout, rowsOfParts(family, 1)).served
  const member = [
    aPart([
      [100, 200, missing],
      [6, 7, 7],
      [missing, missing, missing],
    ]),
  ]
  const own = fitTransforms(features, layout, rowsOfParts(member, 1), parent).served

  test('has its own statistics, its parent where it has no value, and no head', () => {
    const [size, , gone] = layout.slots
    expect([own[size!.fill], own[size!.center]]).toEqual([150, 150])
    expect([own[gone!.center], own[gone!.scale]]).toEqual([
      parent[gone!.center],
      parent[gone!.scale],
    ])
    expect(own.subarray(0, layout.bias + 1).every(value => value === 0)).toBe(true)
  })

  test('knows the categories of its parent, so that a column is the same thing to both', () => {
    const { codes, stride } = layout.slots[1]!
    expect([own[codes], own[codes + stride]]).toEqual([5, 6])
  })
})
