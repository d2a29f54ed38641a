import type { SeededRandom } from '../base/random.ts'
import {
  isEncoder,
  mayBeMissing,
  misplacedStep,
  type Transform,
  type ViewFeature,
} from '../spec/index.ts'
import { unusedSlot } from './design.ts'
import type { Crosses, GraphHead, RowLayout } from './row-layout.ts'

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

/** Every encoder, on text and on numbers, alone and with others of its shape, and indicators. */
export function encodedView(): readonly ViewFeature[] {
  const filled: Transform = { kind: 'impute', with: 'median', indicator: true }
  const frequent: Transform = { kind: 'impute', with: 'most_frequent' }
  const onehot = (most: number): Transform => ({ kind: 'onehot', most })
  const ordinal = (unknown: number): Transform => ({ kind: 'ordinal', unknown, most: 6 })
  const target: Transform = { kind: 'target', smoothing: 10, most: 7 }
  const robust: Transform = { kind: 'robust' }
  return [
    aCategory('carrier', onehot(5)),
    viewFeature('wind', filled, robust),
    viewFeature('gate', onehot(5)),
    aCategory('origin', target),
    viewFeature('temperature', { kind: 'buckets', count: 4 }),
    aCategory('weather', frequent, onehot(3)),
    viewFeature('runway', ordinal(-1), standard),
    viewFeature('pressure', { kind: 'clip', low: -20, high: 20 }, { kind: 'buckets', count: 4 }),
    viewFeature('rain', filled, { kind: 'minmax' }),
    aCategory('aircraft', ordinal(-2.5)),
    viewFeature('seats', { kind: 'impute', with: 0 }, target, robust),
    viewFeature('snow', { kind: 'buckets', count: 4 }),
    viewFeature('month', filled, { kind: 'cyclic', period: 12 }),
  ]
}

export const encodedCrosses: Crosses = [
  ['carrier', 'temperature'],
  ['wind', 'rain'],
  ['wind', 'wind'],
  ['month', 'origin'],
]

/** Any steps that may stand together, drawn one after the other. */
export function drawView(count: number, random: SeededRandom): readonly ViewFeature[] {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)]!
  return Array.from({ length: count }, (_, f) => {
    const type = random.below(3) === 0 ? ('category' as const) : undefined
    const steps: Transform[] = []
    for (let tries = 0; tries < 6; tries++) {
      const step = drawStep(pick)
      if (!misplacedStep(step, steps, type)) steps.push(step)
    }
    const isWhole = type === undefined || steps.some(isEncoder)
    const own = isWhole ? steps : [{ kind: 'onehot', most: 4 } as const]
    return { ...viewFeature(`f${f}`, ...own), ...(type && { type }) }
  })
}

function drawStep(pick: <T>(values: readonly T[]) => T): Transform {
  const most = pick([1, 4, 9])
  return pick<Transform>([
    {
      kind: 'impute',
      with: pick(['mean', 'median', 'most_frequent', 3.25] as const),
      ...(pick([true, false]) && { indicator: true as const }),
    },
    pick([standard, { kind: 'minmax' }, { kind: 'robust' }] as const),
    pick([{ kind: 'cyclic', period: pick([7, 24]) }, { kind: 'log' }] as const),
    { kind: 'clip', low: pick([-9, 0.1]), high: pick([4.7, 30]) },
    { kind: 'buckets', count: pick([2, 5]) },
    { kind: 'onehot', most },
    { kind: 'ordinal', unknown: pick([-1, 2.5]), most },
    { kind: 'target', smoothing: pick([0, 12]), most },
  ])
}

function aCategory(name: string, ...transform: readonly Transform[]): ViewFeature {
  return { ...viewFeature(name, ...transform), type: 'category' }
}

/**
 * Rows of parameters as a fit leaves them: weights around 1, scales positive and now and then 0,
 * codes and edges ascending, not always all of them in use.
 */
export function randomRows(
  features: readonly ViewFeature[],
  layout: RowLayout,
  rows: number,
  random: SeededRandom,
): Float32Array {
  const values = new Float32Array(rows * layout.width).map(() => random.normal())
  for (let from = 0; from < values.length; from += layout.width) {
    for (const { offset } of layout.scales) {
      values[from + offset] = random.below(20) === 0 ? 0 : 0.2 + random.unit()
    }
    features.forEach(({ transform }, f) => {
      const slots = layout.slots[f]!
      const ascending = (first: number, count: number, next: (last: number) => number): void => {
        const used = count - random.below(2)
        for (let n = 0, last = -1; n < count; n++) {
          last = n < used ? next(last) : unusedSlot
          values[from + first + n * slots.stride] = last
        }
      }
      for (const step of transform) {
        if (isEncoder(step)) ascending(slots.codes, step.most, last => last + 1 + random.below(2))
        if (step.kind === 'buckets') {
          ascending(slots.edges, step.count - 1, last => last + random.unit() * 5)
        }
        if (step.kind === 'impute' && isEncoder(transform.at(-1)!)) {
          values[from + slots.fill] = random.below(9)
        }
      }
    })
  }
  return values
}

/**
 * Raw rows [rows, features], one value in ten missing where that may be. What an encoder reads are
 * whole numbers, of which it knows some.
 */
export function randomRaw(
  features: readonly ViewFeature[],
  rows: number,
  random: SeededRandom,
): Float32Array {
  const mayMiss = features.map(mayBeMissing)
  const isEncoded = features.map(({ transform }) => transform.some(isEncoder))
  return new Float32Array(rows * features.length).map((_, i) => {
    if (mayMiss[i % features.length] && random.below(10) === 0) return Number.NaN
    if (isEncoded[i % features.length]) return random.below(16) - 1
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
