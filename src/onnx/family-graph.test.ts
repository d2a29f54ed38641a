import { describe, expect, test } from 'vitest'
import { digestOf } from '../base/digest.ts'
import { SeededRandom } from '../base/random.ts'
import type { ViewFeature } from '../spec/index.ts'
import { cellOf, designMatrix, transformRow } from './design.ts'
import { buildFamilyGraph } from './family-graph.ts'
import {
  columnsOf,
  encodedCrosses,
  encodedView,
  heads,
  mixedView,
  randomRaw,
  randomRows,
  typicalView,
  viewFeature,
} from './random-view.fixture.ts'
import { type Crosses, type GraphHead, rowLayout } from './row-layout.ts'
import { openFamilySession } from './session.ts'

/** Relative error as every run checks it: of the larger of |y| and 1. */
function relativeError(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.max(Math.abs(expected), 1)
}

/** The answers by the float64 reading, each row with its own parameters. */
function expectedAnswers(
  features: readonly ViewFeature[],
  output: 'identity' | 'sigmoid',
  x: Float32Array,
  parameters: Float32Array,
  crosses: Crosses,
): number[] {
  const layout = rowLayout(features, heads[output], crosses)
  return Array.from({ length: x.length / layout.inputs }, (_, i) => {
    const raw = [...x.subarray(i * layout.inputs, (i + 1) * layout.inputs)]
    const row = parameters.subarray(i * layout.width, (i + 1) * layout.width)
    const design = transformRow(features, layout, raw, row)
    const logit = design.reduce((sum, z, column) => sum + z * row[column]!, row[layout.bias]!)
    return output === 'identity' ? logit : 1 / (1 + Math.exp(-logit))
  })
}

const views: readonly (readonly [string, readonly ViewFeature[], Crosses])[] = [
  ['typical', typicalView(), []],
  ['mixed', mixedView(), []],
  ['encoded', encodedView(), encodedCrosses],
]

describe.each(views)('the graph of the %s view', (_name, features, crosses) => {
  const build = (head: GraphHead) => buildFamilyGraph(features, head, { crosses })

  test.each(['identity', 'sigmoid'] as const)(
    'agrees with the float64 reading: %s',
    async output => {
      const random = new SeededRandom(7)
      const rows = 4_096
      const layout = rowLayout(features, heads[output], crosses)
      const x = randomRaw(features, rows, random)
      const parameters = randomRows(features, layout, rows, random)
      await using session = await openFamilySession(build(heads[output]))
      const answers = await session.run(x, parameters, rows)
      const expected = expectedAnswers(features, output, x, parameters, crosses)
      let worst = 0
      answers.forEach((answer, i) => {
        worst = Math.max(worst, relativeError(answer, expected[i]!))
      })
      expect(answers.length).toBe(rows)
      expect(worst).toBeLessThan(1e-5)
    },
  )

  test('an answer does not depend on the batch, to the last bit', async () => {
    const random = new SeededRandom(8)
    const rows = 4_096
    const layout = rowLayout(features, heads.sigmoid, crosses)
    const x = randomRaw(features, rows, random)
    const parameters = randomRows(features, layout, rows, random)
    await using session = await openFamilySession(build(heads.sigmoid))
    const whole = await session.run(x, parameters, rows)
    for (const size of [1, 2, 3, 5, 7, 8, 15, 16, 17, 1_000]) {
      for (let from = 0; from + size <= 2_000; from += size) {
        const part = x.slice(from * layout.inputs, (from + size) * layout.inputs)
        const theirs = parameters.slice(from * layout.width, (from + size) * layout.width)
        const answers = await session.run(part, theirs, size)
        expect(bits(answers)).toEqual(bits(whole.slice(from, from + size)))
      }
    }
  })

  test('one row of parameters for all is that row for each', async () => {
    const random = new SeededRandom(9)
    const layout = rowLayout(features, heads.identity, crosses)
    const x = randomRaw(features, 500, random)
    const one = randomRows(features, layout, 1, random)
    const each = new Float32Array(500 * layout.width)
    for (let row = 0; row < 500; row++) each.set(one, row * layout.width)
    await using session = await openFamilySession(build(heads.identity))
    expect(bits(await session.run(x, one, 500, 1))).toEqual(bits(await session.run(x, each, 500)))
  })

  test('equal arguments give equal bytes, and another view gives others', () => {
    const digest = digestOf(buildFamilyGraph(features, heads.identity))
    expect(digestOf(buildFamilyGraph(structuredClone(features), heads.identity))).toBe(digest)
    expect(digestOf(buildFamilyGraph(features, heads.sigmoid))).not.toBe(digest)
    expect(digestOf(buildFamilyGraph(features.slice(1), heads.identity))).not.toBe(digest)
  })
})

describe('the transforms', () => {
  test('the design matrix is made of the rows', () => {
    const features = mixedView()
    const random = new SeededRandom(3)
    const layout = rowLayout(features, heads.identity)
    const x = randomRaw(features, 50, random)
    const row = randomRows(features, layout, 1, random)
    const columns = columnsOf(x, layout.inputs)
    const matrix = new Float64Array(30 * layout.columns)
    designMatrix(features, layout, columns, row, 10, 40, matrix)
    for (let i = 0; i < 30; i++) {
      const raw = columns.map(column => column[10 + i]!)
      const expected = transformRow(features, layout, raw, row)
      expect(matrix.subarray(i * layout.columns, (i + 1) * layout.columns)).toEqual(expected)
    }
  })

  test('a missing value that nothing fills gives NaN, in this row only', async () => {
    const steps = [{ kind: 'clip', low: -1, high: 1 }, { kind: 'log' }] as const
    const features = [viewFeature('a', ...steps), viewFeature('b')]
    await using session = await openFamilySession(buildFamilyGraph(features, heads.identity))
    const x = Float32Array.of(Number.NaN, 1, 0.5, 1, 1, Number.NaN, 7, 2)
    const answers = await session.run(x, Float32Array.of(1, 1, 0), 4, 1)
    expect([...answers].map(Number.isNaN)).toEqual([true, false, true, false])
    expect(answers[3]).toBeCloseTo(2 + Math.log(2), 6)
  })

  test('a large value keeps its place in the period', async () => {
    const features = [viewFeature('minute', { kind: 'cyclic', period: 1_440 })]
    const layout = rowLayout(features, heads.identity)
    await using session = await openFamilySession(buildFamilyGraph(features, heads.identity))
    const raw = Float32Array.from({ length: 100 }, (_, i) => 15_000_000 + i)
    const answers = await session.run(raw, Float32Array.of(1, 2, 0.5), 100, 1)
    answers.forEach((answer, i) => {
      const [sine, cosine] = transformRow(features, layout, [raw[i]!], new Float32Array(3))
      expect(relativeError(answer, sine! + 2 * cosine! + 0.5)).toBeLessThan(1e-5)
    })
  })
})

describe('cells', () => {
  const features = [viewFeature('a'), viewFeature('hour')]
  const head = { kind: 'cells', season: 1, cells: 24, output: 'identity' } as const

  test('each row looks up its own season in its own row of parameters', async () => {
    const random = new SeededRandom(4)
    const x = new Float32Array(2_000).map(() => random.normal() * 100)
    const parameters = new Float32Array(1_000 * 24).map(() => random.normal())
    await using session = await openFamilySession(buildFamilyGraph(features, head))
    const each = await session.run(x, parameters, 1_000)
    const all = await session.run(x, parameters, 1_000, 1)
    for (let i = 0; i < 1_000; i++) {
      const cell = cellOf(x[i * 2 + 1]!, 24)
      expect(each[i]).toBe(parameters[i * 24 + cell])
      expect(all[i]).toBe(parameters[cell])
    }
  })

  test('cells are counted from below, also under zero', () => {
    expect([0, 23.9, 24, -1, -0.5, -24, -25].map(x => cellOf(x, 24))).toEqual([
      0, 23, 0, 23, 23, 0, 23,
    ])
  })

  test('a missing season gives NaN, or the cell of its fill', async () => {
    const x = Float32Array.of(0, Number.NaN, 0, 3)
    const cells = Float32Array.from({ length: 24 }, (_, i) => i * 10)
    await using plain = await openFamilySession(buildFamilyGraph(features, head))
    expect([...(await plain.run(x, cells, 2, 1))]).toEqual([Number.NaN, 30])
    const filling = [features[0]!, viewFeature('hour', { kind: 'impute', with: 'mean' })]
    await using filled = await openFamilySession(buildFamilyGraph(filling, head))
    expect([...(await filled.run(x, Float32Array.of(...cells, 5.5), 2, 1))]).toEqual([50, 30])
  })

  test('without a season there is one cell', async () => {
    const constant = { ...head, season: -1, cells: 1 }
    await using session = await openFamilySession(buildFamilyGraph(features, constant))
    const x = new Float32Array(6).fill(Number.NaN)
    expect([...(await session.run(x, Float32Array.of(4), 3, 1))]).toEqual([4, 4, 4])
    expect([...(await session.run(x, Float32Array.of(4, 5, 6), 3))]).toEqual([4, 5, 6])
  })
})

function bits(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length)
}
