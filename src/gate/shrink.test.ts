import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { type Measured, priorOf, shrunk } from './shrink.ts'

const member = fc.record({
  mean: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  standardError: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
  rows: fc.integer({ min: 1, max: 1e6 }),
  days: fc.integer({ min: 1, max: 366 }),
})
const group = fc.array(member, { minLength: 0, maxLength: 40 })

test('the expectation lies between the own mean and the prior mean', () => {
  fc.assert(
    fc.property(group, member, (siblings, one) => {
      const prior = priorOf([...siblings, one])
      const expected = shrunk(one, prior)
      const other = prior?.mean ?? one.mean
      expect(expected).toBeGreaterThanOrEqual(Math.min(one.mean, other))
      expect(expected).toBeLessThanOrEqual(Math.max(one.mean, other))
    }),
  )
})

test('the expectation rises with the own mean', () => {
  const means = fc.tuple(
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.double({ min: 0, max: 1e6 }),
  )
  fc.assert(
    fc.property(group, member, means, (siblings, one, [low, more]) => {
      const prior = priorOf(siblings)
      const at = (mean: number): number => shrunk({ ...one, mean }, prior)
      expect(at(low + (Number.isNaN(more) ? 0 : more))).toBeGreaterThanOrEqual(at(low))
    }),
  )
})

test('numbers at the ends of the range give numbers', () => {
  const extremes = fc.constantFrom(0, 1e-300, 1e-160, 1e-8, 1, 1e150, 1e300)
  const wild = fc.record({
    mean: fc.constantFrom(-1e300, -1, -1e-300, 0, 1e-12, 1, 1e150),
    standardError: extremes,
    rows: fc.constantFrom(1, 1e9),
    days: fc.constantFrom(1, 366),
  })
  fc.assert(
    fc.property(fc.array(wild, { minLength: 3, maxLength: 12 }), members => {
      const prior = priorOf(members)
      for (const one of members) expect(shrunk(one, prior)).not.toBeNaN()
    }),
  )
})

test('the moments find the spread that a simulation put in', () => {
  const random = new SeededRandom(11)
  const members = Array.from({ length: 4_000 }, (): Measured => {
    const standardError = 0.5 + random.unit()
    const truth = -1 + 2 * random.normal()
    const mean = truth + standardError * random.normal()
    return { mean, standardError, rows: 100, days: 30 }
  })
  const prior = priorOf(members)
  expect(prior?.mean).toBeCloseTo(-1, 0)
  expect(Math.sqrt(prior?.variance ?? 0)).toBeCloseTo(2, 0)
})

test('DerSimonian and Laird by hand: equal errors reduce to the plain variance', () => {
  const means = [1, 2, 4, 9]
  const members = means.map(mean => ({ mean, standardError: 1, rows: 10, days: 10 }))
  // Sample variance 38/3, less the noise variance 1.
  const prior = priorOf(members)
  expect(prior?.variance).toBeCloseTo(38 / 3 - 1, 10)
  expect(prior?.mean).toBeCloseTo(4, 10)
  expect(shrunk({ mean: 9, standardError: 1, rows: 10, days: 10 }, prior)).toBeCloseTo(
    4 + 5 * (1 - 3 / 38),
    10,
  )
})

test('siblings that only differ by noise are pulled together wholly', () => {
  const members = [0.9, 1, 1.1, 1].map(mean => ({ mean, standardError: 1, rows: 10, days: 10 }))
  expect(shrunk({ mean: 5, standardError: 1, rows: 10, days: 10 }, priorOf(members))).toBeCloseTo(1)
})

test('a member of one day leans on its siblings more than one of many days', () => {
  const random = new SeededRandom(3)
  const siblings = Array.from({ length: 50 }, () => ({
    mean: random.normal(),
    standardError: 0.5,
    rows: 300,
    days: 30,
  }))
  const prior = priorOf(siblings)
  const many = shrunk({ mean: 3, standardError: 0.5, rows: 300, days: 30 }, prior)
  const one = shrunk({ mean: 3, rows: 10, days: 1 }, prior)
  expect(one).toBeLessThan(many)
  expect(one).toBeGreaterThan(prior?.mean ?? Number.NaN)
})

test('without enough standard errors nothing is shrunk', () => {
  const members = [1, 2, 3, 4].map(mean => ({ mean, rows: 10, days: 1 }))
  expect(priorOf(members)).toBeUndefined()
  expect(shrunk({ mean: 4, rows: 10, days: 1 }, undefined)).toBe(4)
})
