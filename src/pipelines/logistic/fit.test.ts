import { expect, test } from 'vitest'
import { SeededRandom } from '../../base/random.ts'
import { denseSolve } from '../dense-solve.fixture.ts'
import { aGround, type HandRow } from '../small-family.fixture.ts'
import { levelGroups } from '../tree.ts'
import { LogisticFits } from './fit.ts'

const random = new SeededRandom(23)
const parameters = { penalty: 4, penalties: [1], folds: 2, minRows: 1, maxPasses: 25 }
const keys = [['a'], ['b']]
const levels = levelGroups([keys.map(k => k[0]!)], keys.length)

function someRows(count: number, slope: number): readonly HandRow[] {
  return Array.from({ length: count }, () => {
    const x = [Math.fround(random.normal()), Math.fround(random.normal())]
    const p = 1 / (1 + Math.exp(1 - slope * x[0]! + x[1]!))
    return { day: 0, x, y: Number(random.unit() < p) }
  })
}

const leaves = keys.map((key, k) => ({ key, folds: [someRows(150, k + 1), someRows(131, k + 1)] }))
const parent = Float64Array.of(0.4, -0.6, 0.9)

/** Forty Newton steps, each by elimination. */
function plainNewton(rows: readonly HandRow[], penalty: number, from?: Float64Array): number[] {
  const z = rows.map(row => [...row.x, 1])
  let beta = [...(from ?? [0, 0, 0])]
  for (let pass = 0; pass < 40; pass++) {
    const p = z.map(row => 1 / (1 + Math.exp(-row.reduce((s, v, i) => s + v * beta[i]!, 0))))
    const leans = (i: number): number => (from || i < 2 ? penalty : 0)
    const g = [0, 1, 2].map(i => {
      const pull = leans(i) * (beta[i]! - (from?.[i] ?? 0))
      return z.reduce((s, row, r) => s + row[i]! * (rows[r]!.y - p[r]!), -pull)
    })
    const h = [0, 1, 2].map(i =>
      [0, 1, 2].map(j =>
        z.reduce(
          (s, row, r) => s + p[r]! * (1 - p[r]!) * row[i]! * row[j]!,
          i === j ? leans(i) : 0,
        ),
      ),
    )
    const step = denseSolve(h, g)
    beta = beta.map((value, i) => value + step[i]!)
  }
  return beta
}

function fitAll(penalty: number, maxPasses = 25) {
  const own = { ...parameters, penalty, maxPasses }
  const fits = new LogisticFits(aGround(leaves, own, 1))
  const lean = { parameters: own, parent }
  return {
    leaves: fits.fitLevel(levels[1]!, [
      { group: 0, ...lean },
      { group: 1, ...lean },
    ]),
    root: fits.fitLevel(levels[0]!, [{ group: 0, ...lean, parent: undefined }]),
  }
}

test('members and root settle where a plain Newton does', () => {
  const { leaves: found, root } = fitAll(4)
  found.forEach((fit, k) => {
    const plain = plainNewton(leaves[k]!.folds.flat(), 4, parent)
    plain.forEach((value, i) => {
      expect('head' in fit && fit.head[i]).toBeCloseTo(value, 8)
    })
  })
  const plain = plainNewton(
    leaves.flatMap(leaf => leaf.folds.flat()),
    4,
  )
  plain.forEach((value, i) => {
    expect('head' in root[0]! && root[0].head[i]).toBeCloseTo(value, 8)
  })
})

test('a huge penalty gives the parent', () => {
  const [fit] = fitAll(1e12).leaves
  parent.forEach((value, i) => {
    expect('head' in fit! && fit.head[i]).toBeCloseTo(value, 8)
  })
})

test('a start from which a whole step overshoots is reached by halves', () => {
  const far = Float64Array.of(12, 12, -12)
  const own = { ...parameters, penalty: 1e-3 }
  const fits = new LogisticFits(aGround(leaves, own, 1))
  const member = { group: 0, parameters: own, parent: far }
  const [fit] = fits.fitLevel(levels[1]!, [member])
  expect('head' in fit! && fit.head.every(Number.isFinite)).toBe(true)
})

test('a member that does not settle within its passes says so', () => {
  expect(fitAll(1e-3, 1).leaves).toEqual([{ failed: 'not-converged' }, { failed: 'not-converged' }])
})
