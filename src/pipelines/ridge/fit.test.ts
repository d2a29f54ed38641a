import { expect, test } from 'vitest'
import { SeededRandom } from '../../base/random.ts'
import { denseSolve } from '../dense-solve.fixture.ts'
import type { HeadFit } from '../fitter.ts'
import { aGround, type HandRow } from '../small-family.fixture.ts'
import { levelGroups } from '../tree.ts'
import { RidgeFits } from './fit.ts'

const random = new SeededRandom(11)
const parameters = { penalties: [0.1, 1, 10, 100], folds: 2, minRows: 1 }
const keys = [
  ['a', 'x'],
  ['a', 'y'],
  ['b', 'x'],
]
const levels = levelGroups([keys.map(k => k[0]!), keys.map(k => k[1]!)], keys.length)

function someRows(count: number, slope: number): readonly HandRow[] {
  return Array.from({ length: count }, () => {
    // What float32 holds exactly, so that the plain fit sees the same numbers.
    const x = [Math.fround(random.normal()), Math.fround(random.normal())]
    return { day: 0, x, y: 1 + slope * x[0]! - x[1]! + random.normal() }
  })
}

const leaves = keys.map((key, k) => ({ key, folds: [someRows(20, k), someRows(17, k)] }))
const parent = Float64Array.of(0.4, -0.6, 0.9)

/** (Z'Z + penalty D) d = Z'(y - Z parent), by elimination. */
function plainRidge(rows: readonly HandRow[], penalty: number, from?: Float64Array): number[] {
  const z = rows.map(row => [...row.x, 1])
  const rest = rows.map((row, r) => row.y - z[r]!.reduce((s, v, i) => s + v * (from?.[i] ?? 0), 0))
  const a = [0, 1, 2].map(i =>
    [0, 1, 2].map(j => {
      const lean = i === j && (from || i < 2) ? penalty : 0
      return z.reduce((sum, row) => sum + row[i]! * row[j]!, lean)
    }),
  )
  const step = denseSolve(
    a,
    [0, 1, 2].map(i => z.reduce((s, row, r) => s + row[i]! * rest[r]!, 0)),
  )
  return step.map((value, i) => value + (from?.[i] ?? 0))
}

function headOf(fit: HeadFit | undefined): number[] {
  if (!fit || !('head' in fit)) throw new Error('there is a fit')
  return [...fit.head]
}

function expectNear(found: readonly number[], wanted: readonly number[]): void {
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 9)
  })
}

function fitLeaf(group: number, penalty: number): number[] {
  const own = { ...parameters, penalty }
  const fits = new RidgeFits(aGround(leaves, own, 2))
  const member = { group, parameters: own, parent }
  return headOf(fits.fitLevel(levels[2]!, [member])[0])
}

test('a leaf leans on its parent: scikit-learn Ridge(alpha) on what the parent leaves over', () => {
  expectNear(fitLeaf(1, 3), plainRidge(leaves[1]!.folds.flat(), 3, parent))
})

test('a huge penalty gives the parent, a tiny one the own least squares', () => {
  expectNear(fitLeaf(0, 1e15), [...parent])
  const own = plainRidge(leaves[0]!.folds.flat(), 0, parent)
  expectNear(fitLeaf(0, 1e-10), own)
})

test('a parent is fitted from the sums of its children', () => {
  const own = { ...parameters, penalty: 2 }
  const fits = new RidgeFits(aGround(leaves, own, 1))
  const root = fits.fitLevel(levels[0]!, [{ group: 0, parameters: own, parent: undefined }])
  const all = leaves.flatMap(leaf => leaf.folds.flat())
  expectNear(headOf(root[0]), plainRidge(all, 2))
  const segments = fits.fitLevel(
    levels[1]!,
    [0, 1].map(group => ({ group, parameters: own, parent })),
  )
  const a = leaves.slice(0, 2).flatMap(leaf => leaf.folds.flat())
  expectNear(headOf(segments[0]), plainRidge(a, 2, parent))
  expectNear(headOf(segments[1]), plainRidge(leaves[2]!.folds.flat(), 2, parent))
})

test('without rows a member is its parent', () => {
  const empty = [{ key: ['a', 'x'], folds: [[], []] }, ...leaves.slice(1)]
  const fits = new RidgeFits(aGround(empty, parameters, 2))
  const [fit] = fits.fitLevel(levels[2]!, [{ group: 0, parameters, parent }])
  expectNear(headOf(fit), [...parent])
})

test('the chosen penalty is the one that predicts the later fold best from the earlier', () => {
  const fits = new RidgeFits(aGround(leaves, parameters, 2))
  const [fit] = fits.fitLevel(levels[2]!, [{ group: 1, parameters, parent }])
  const [before, after] = leaves[1]!.folds
  const losses = parameters.penalties.map(penalty => {
    const head = plainRidge(before!, penalty, parent)
    return after!.reduce((sum, { x, y }) => {
      return sum + (y - head[0]! * x[0]! - head[1]! * x[1]! - head[2]!) ** 2
    }, 0)
  })
  const best = parameters.penalties[losses.indexOf(Math.min(...losses))]
  expect(fit).toMatchObject({ penalty: best, penaltyFrom: 'best of 4, 2 folds' })
})

test('the members of a level choose together', () => {
  const fits = new RidgeFits(aGround(leaves, parameters, 2))
  const members = [0, 1, 2].map(group => ({ group, parameters, parent }))
  const chosen = fits.fitLevel(levels[2]!, members)
  expect(new Set(chosen.map(fit => ('head' in fit ? fit.penalty : 0))).size).toBe(1)
  expect(chosen[0]).toMatchObject({ penaltyFrom: 'best of 4, 2 folds, with 2 others' })
})
