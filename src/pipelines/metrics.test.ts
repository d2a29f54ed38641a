import { expect, test } from 'vitest'
import { areaUnderCurve } from './auc.ts'
import { DayClusters } from './difference.ts'
import { metricsOf, rowLoss } from './metrics.ts'
import { centralProbability, studentT95 } from './student-t.ts'

test('metrics of numbers, by hand', () => {
  // Errors 1, -1, 2, 0; mean label 3, spread 4 + 1 + 0 + 9.
  const metrics = metricsOf('regression', Float64Array.of(1, 2, 3, 6), Float32Array.of(0, 3, 1, 6))
  expect(metrics.rows).toBe(4)
  expect(metrics.loss).toBeCloseTo(6 / 4, 12)
  expect(metrics.rmse).toBeCloseTo(Math.sqrt(1.5), 12)
  expect(metrics.mae).toBeCloseTo(1, 12)
  expect(metrics.r2).toBeCloseTo(1 - 6 / 14, 12)
})

test('metrics of probabilities, by hand', () => {
  const y = Float64Array.of(1, 0, 1, 0)
  const metrics = metricsOf('classification', y, Float32Array.of(0.75, 0.25, 0.25, 0.5))
  const loss = -(Math.log(0.75) + Math.log(0.75) + Math.log(0.25) + Math.log(0.5)) / 4
  expect(metrics.logLoss).toBeCloseTo(loss, 12)
  expect(metrics.loss).toBe(metrics.logLoss)
  expect(metrics.brier).toBeCloseTo((0.0625 + 0.0625 + 0.5625 + 0.25) / 4, 12)
  // Pairs: 0.75 beats both; 0.25 ties with 0.25 and loses to 0.5.
  expect(metrics.auc).toBeCloseTo(2.5 / 4, 12)
  // Bins: 0.7 has 1 - 0.75; 0.2 has (0 - 0.25) + (1 - 0.25); 0.5 has 0 - 0.5.
  expect(metrics.calibrationError).toBeCloseTo((0.25 + 0.5 + 0.5) / 4, 12)
})

test('what cannot be computed is left out', () => {
  expect(metricsOf('regression', new Float64Array(0), new Float32Array(0))).toEqual({ rows: 0 })
  const constant = metricsOf('regression', Float64Array.of(2, 2), Float32Array.of(1, 2))
  expect(constant).not.toHaveProperty('r2')
  const one = metricsOf('classification', Float64Array.of(1, 1), Float32Array.of(0.5, 0.7))
  expect(one).not.toHaveProperty('auc')
  expect(areaUnderCurve(Float64Array.of(0, 0), Float32Array.of(1, 2))).toBeUndefined()
})

test('a certain and wrong answer costs what float32 can tell, not infinity', () => {
  expect(rowLoss('classification', 1, 0)).toBeCloseTo(23 * Math.LN2, 9)
  expect(rowLoss('classification', 0, 1)).toBeCloseTo(23 * Math.LN2, 6)
})

test('the difference of the loss, by hand', () => {
  const clusters = new DayClusters(10)
  // Day 7: 1, 3; day 2: -1; day 4: 1. Mean 1; residual sums 2, -2, 0 over 4 rows in 3 days.
  for (const [day, value] of [
    [7, 1],
    [2, -1],
    [7, 3],
    [4, 1],
  ] as const)
    clusters.add(day, value)
  const difference = clusters.take()
  const standardError = Math.sqrt((3 / 2) * 8) / 4
  expect(difference).toMatchObject({ rows: 4, days: 3, mean: 1 })
  expect(difference.standardError).toBeCloseTo(standardError, 12)
  expect(difference.lower).toBeCloseTo(1 - 4.302652729749462 * standardError, 9)
  expect(difference.upper).toBeCloseTo(1 + 4.302652729749462 * standardError, 9)
})

test('one day gives no interval, no row gives nothing, and nothing is left over', () => {
  const clusters = new DayClusters(3)
  clusters.add(1, 5)
  clusters.add(1, 7)
  expect(clusters.take()).toEqual({ rows: 2, days: 1, mean: 6 })
  expect(clusters.take()).toEqual({ rows: 0, days: 0, mean: 0 })
})

test('quantiles of t are those of the tables', () => {
  expect(studentT95(1)).toBeCloseTo(12.706204736, 8)
  expect(studentT95(2)).toBeCloseTo(4.30265273, 8)
  expect(studentT95(4)).toBeCloseTo(2.776445105, 8)
  expect(studentT95(30)).toBeCloseTo(2.042272456, 8)
  expect(studentT95(1_000)).toBeCloseTo(1.962339081, 8)
  expect(centralProbability(1, 1)).toBeCloseTo(0.5, 12)
})
