import { expect, test } from 'vitest'
import { rowLayout } from '../../onnx/index.ts'
import type { BaselineParameters } from '../../spec/index.ts'
import type { FitGround } from '../fitter.ts'
import { quantileOfSorted } from '../order-statistics.ts'
import { aFeature, aGround, type HandRow } from '../small-family.fixture.ts'
import { levelGroups } from '../tree.ts'
import { BaselineFits } from './fit.ts'

const row = (season: number, y: number): HandRow => ({ day: 0, x: [season], y })
const leaves = [
  { key: ['a'], folds: [[row(0, 1), row(0, 3), row(1, 10), row(4, 12)]] },
  { key: ['b'], folds: [[row(1, 20)]] },
]
const levels = levelGroups([['a', 'b']], 2)
const mean: BaselineParameters = {
  statistic: 'mean',
  season: 'hour',
  seasons: 3,
  priorRows: 2,
  minRows: 1,
}

function groundFor(parameters: BaselineParameters): FitGround<BaselineParameters> {
  const features = [aFeature('hour')]
  const head = { kind: 'cells', season: 0, cells: 3, output: 'identity' } as const
  return { ...aGround(leaves, parameters, 1), features, layout: rowLayout(features, head) }
}

function headOf(parameters: BaselineParameters, depth: number, parent?: Float64Array): number[] {
  const fits = new BaselineFits(groundFor(parameters), 0)
  const member = { group: 0, parameters, parent }
  const [fit] = fits.fitLevel(levels[depth]!, [member])
  return fit && 'head' in fit ? [...fit.head] : []
}

test('means by season, drawn towards the parent by the prior rows', () => {
  // Season 0: 1, 3. Season 1: 10, 12 (4 comes round to 1), and 20 of b. Season 2: none.
  const overall = 46 / 5
  const root = [(4 + 2 * overall) / 4, (42 + 2 * overall) / 5, overall]
  headOf(mean, 0).forEach((value, i) => {
    expect(value).toBeCloseTo(root[i]!, 12)
  })
  const parent = Float64Array.of(6, 7, 8)
  expect(headOf(mean, 1, parent)).toEqual([(4 + 12) / 4, (22 + 14) / 4, 8])
  expect(headOf({ ...mean, priorRows: 0 }, 1, parent)).toEqual([2, 11, 8])
})

test('quantiles by season', () => {
  const median: BaselineParameters = { ...mean, statistic: 'quantile', quantile: 0.5, priorRows: 0 }
  expect(headOf(median, 0)).toEqual([2, 12, 10])
  expect(quantileOfSorted(Float64Array.of(1, 2, 3, 4), 0.9)).toBeCloseTo(3.7, 12)
  expect(quantileOfSorted(Float64Array.of(5), 0.9)).toBe(5)
})
