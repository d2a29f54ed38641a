import type { SeededRandom } from '../base/random.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'
import type { GraphHead, RowLayout } from './row-layout.ts'

/* Views, parameters and data for tests and benchmarks: seeded, of every shape that may occur. */

export function viewFeature(name: string, ...transform: readonly Transform[]): ViewFeature {
  return { name, from: { kind: 'row', sql: name }, transform }
}

const impute: Transform = { kind: 'impute', with: 'mean' }
const standard: Transform = { kind: 'standard' }

/**
 * As the example of flights has it: two cyclic features, one complete one, ten that may be missing.
 */
export function typicalView(): readonly ViewFeature[] {
  return [
    viewFeature('hour', { kind: 'cyclic', period: 24 }),
    viewFeature('weekday', { kind: 'cyclic', period: 7 }),
    viewFeature('distance', standard),
    ...Array.from({ length: 10 }, (_, i) => viewFeature(`recent.mean_${i}h`, impute, standard)),
  ]
}

/** Every transform, alone and after others, in an order that the groups do not have. */
export function mixedView(): readonly ViewFeature[] {
  const log: Transform = { kind: 'log' }
  const clip = (low: number, high: number): Transform => ({ kind: 'clip', low, high })
  return [
    viewFeature('plain'),
    viewFeature('a', impute, standard),
    viewFeature('hour', impute, { kind: 'cyclic', period: 24 }),
    viewFeature('b', clip(-5, 5), impute, log, standard),
    viewFeature('x', impute, standard),
    viewFeature('year.day', impute, { kind: 'cyclic', period: 365.25 }),
    viewFeature('c', log),
    viewFeature('d', log, clip(-1.5, 2.5), { kind: 'impute', with: 0.25 }),
    viewFeature('e', clip(-3, 0.1), impute, log, standard),
    viewFeature('f', standard),
  ]
}

/**
 * Rows of parameters as a fit leaves them: weights around 1, scales positive and now and then 0.
 */
export function randomRows(layout: RowLayout, rows: number, random: SeededRandom): Float32Array {
  const values = new Float32Array(rows * layout.width).map(() => random.normal())
  for (let row = 0; row < rows; row++) {
    for (const { offset } of layout.scales) {
      const at = row * layout.width + offset
      values[at] = random.below(20) === 0 ? 0 : 0.2 + random.unit()
    }
  }
  return values
}

/** Raw rows [rows, features], one value in ten missing where the feature imputes. */
export function randomRaw(
  features: readonly ViewFeature[],
  rows: number,
  random: SeededRandom,
): Float32Array {
  const mayMiss = features.map(feature => feature.transform.some(step => step.kind === 'impute'))
  return new Float32Array(rows * features.length).map((_, i) => {
    if (mayMiss[i % features.length] && random.below(10) === 0) return Number.NaN
    return random.below(50) === 0 ? random.normal() * 1_000 : random.normal() * 8
  })
}

export const heads = {
  identity: { kind: 'linear', output: 'identity' },
  sigmoid: { kind: 'linear', output: 'sigmoid' },
} as const satisfies Record<string, GraphHead>

/** Columns of a row-major matrix. */
export function columnsOf(matrix: Float32Array, columns: number): readonly Float32Array[] {
  const rows = matrix.length / columns
  return Array.from({ length: columns }, (_, column) =>
    Float32Array.from({ length: rows }, (_, row) => matrix[row * columns + column]!),
  )
}
