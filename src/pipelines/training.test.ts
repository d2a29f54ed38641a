import { expect, test } from 'vitest'
import { readLabelManifest, readManifest } from '../features/index.ts'
import { rowLayout } from '../onnx/index.ts'
import { featureUse, fitTransforms } from './fit-transforms.ts'
import { rowsOfParts } from './fitted-rows.ts'
import { foldDaysOf, foldOfRows } from './fold-days.ts'
import {
  aFeature,
  aPart,
  days,
  type HandLeaf,
  putFrame,
  someBlobs,
} from './small-family.fixture.ts'
import { readTraining } from './training.ts'

async function read(leaves: readonly HandLeaf[], cuts: readonly number[] = []) {
  await using blobs = await someBlobs()
  const { frame, labels } = await putFrame(leaves, { features: ['p', 'q'], cuts }, blobs)
  const manifest = await readManifest(frame, blobs)
  return await readTraining({
    manifest,
    labels: await readLabelManifest(labels, blobs),
    blobs,
    span: days(0, 10),
    folds: 3,
    parts: manifest.parts.map((_, p) => p),
    use: [
      { read: true, mayBeMissing: true },
      { read: true, mayBeMissing: false },
    ],
    samples: [],
    samplesOfParts: [],
    progress: () => {},
  })
}

test('folds are blocks of whole days in order of time, over all parts', async () => {
  // The label is the day. Leaves have their own days; ranks are over all: 0, 1, 3, 4, 8, 9.
  const rowsOn = (on: readonly number[]) => on.map(day => ({ day, x: [0, 0], y: day }))
  const leaves = [
    { key: ['a'], rows: rowsOn([0, 0, 1.5, 3, 3.25, 8]) },
    { key: ['b'], rows: rowsOn([1, 4, 9, 9.75, 12]) },
  ]
  for (const cuts of [[], [1]]) {
    const training = await read(leaves, cuts)
    const folds = training.parts.flatMap(part =>
      Array.from({ length: part.foldStart.length - 1 }, (_, k) => [
        ...part.y.subarray(part.foldStart[k]!, part.foldStart[k + 1]!),
      ]),
    )
    expect(folds).toEqual([[0, 0, 1.5], [3, 3.25], [8], [1], [4], [9, 9.75]])
  }
})

test('folds have as many days, up to one; with fewer days than folds some are empty', () => {
  const days = Int32Array.of(40, 10, 10, 20, 30, 70, 50, 60)
  const foldDays = foldDaysOf([days, Int32Array.of(20)], 3)
  expect(foldDays).toEqual([40, 60])
  expect([...foldOfRows(days, foldDays)]).toEqual([1, 0, 0, 0, 0, 2, 1, 2])
  const few = Int32Array.of(4, 9)
  expect([...foldOfRows(few, foldDaysOf([few], 5))]).toEqual([0, 2])
  expect(foldDaysOf([days], 1)).toEqual([])
})

test('rows out of order are sorted by fold', async () => {
  const leaf = { key: ['a'], rows: [5, 1, 9, 2].map(day => ({ day, x: [day, day], y: day })) }
  const { parts } = await read([leaf])
  expect([...parts[0]!.y]).toEqual([1, 2, 5, 9])
  expect([...parts[0]!.raw[1]!]).toEqual([1, 2, 5, 9])
})

test('rows that miss what is not imputed, or the label, are dropped and counted', async () => {
  const row = (p: number, q: number, y: number) => ({ day: 1, x: [p, q], y })
  const { NaN: missing, POSITIVE_INFINITY: infinite } = Number
  const { counts, parts } = await read([
    {
      key: ['a'],
      rows: [row(1, 2, 3), row(missing, 2, 5), row(1, missing, 3), row(1, 1, missing)],
    },
    { key: ['b'], rows: [row(infinite, 2, 3), row(1, 2, infinite), { ...row(1, 1, 1), day: 11 }] },
  ])
  expect([...counts.rows]).toEqual([2, 0])
  expect([...counts.dropped]).toEqual([2, 2])
  expect([counts.sum[0], counts.squares[0], counts.low[0], counts.high[0]]).toEqual([8, 34, 3, 5])
  expect(parts[0]!.rows).toBe(2)
})

test('fills, centers and scales are fitted in declared order on the training rows', () => {
  const features = [
    aFeature('p', { kind: 'impute', with: 'mean' }, { kind: 'standard' }),
    aFeature('q', { kind: 'clip', low: 0, high: 4 }, { kind: 'standard' }),
    aFeature('constant', { kind: 'standard' }),
    aFeature('r', { kind: 'impute', with: 7 }),
  ]
  const layout = rowLayout(features, { kind: 'linear', output: 'identity' })
  const parts = [
    [
      [1, Number.NaN],
      [-9, 4],
      [5e8, 5e8],
      [1, 1],
    ],
    [
      [3, 5],
      [99, 0],
      [5e8, 5e8],
      [1, 1],
    ],
  ].map(columns => aPart(columns))
  const { served: row } = fitTransforms(features, layout, rowsOfParts(parts, 1))
  const slots = (list: readonly { feature: number; offset: number }[]) =>
    list.map(({ feature, offset }) => [feature, row[offset]])
  expect(slots(layout.fills)).toEqual(
    expect.arrayContaining([
      [0, 3],
      [3, 7],
    ]),
  )
  expect(slots(layout.centers)).toEqual(
    expect.arrayContaining([
      [0, 3],
      [1, 2],
      [2, 5e8],
    ]),
  )
  const scales = new Map(slots(layout.scales) as [number, number][])
  expect(scales.get(0)).toBeCloseTo(1 / Math.sqrt(2), 6)
  expect(scales.get(1)).toBeCloseTo(0.5, 6)
  expect(scales.get(2)).toBe(0)
  expect(featureUse(features, layout, -1).map(use => use.mayBeMissing)).toEqual([
    true,
    false,
    false,
    true,
  ])
})
