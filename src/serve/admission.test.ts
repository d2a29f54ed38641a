import { expect, test } from 'vitest'
import { admitModel, admitUnder, strainOf, Tenants } from './admission.ts'

function codeOf(act: () => void): string {
  try {
    act()
    return 'in'
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('a tenant sends at its rate, with a burst, and is told when to come back', () => {
  const tenants = new Tenants({ rowsPerSecond: 100, burstSeconds: 2, tenantsMax: 10 })
  const ask = (tenant: string, rows: number, nowMs: number) =>
    codeOf(() => tenants.take(tenant, rows, nowMs))
  expect([ask('a', 200, 0), ask('a', 1, 0), ask('b', 1, 0)]).toEqual(['in', 'E_RATE', 'in'])
  expect([ask('a', 50, 499), ask('a', 50, 500), ask('a', 1, 500)]).toEqual([
    'E_RATE',
    'in',
    'E_RATE',
  ])
  let admitted = 0
  for (let nowMs = 10_000; nowMs < 20_000; nowMs += 5) if (ask('a', 1, nowMs) === 'in') admitted++
  expect(admitted).toBeGreaterThanOrEqual(1_190)
  expect(admitted).toBeLessThanOrEqual(1_200)
  expect(() => tenants.take('a', 150, 20_000)).toThrowError(
    expect.objectContaining({ extra: { retryAfterSeconds: 2 } }),
  )
})

test('a request larger than the bucket passes when it is full, and is paid off after', () => {
  const tenants = new Tenants({ rowsPerSecond: 100, burstSeconds: 2, tenantsMax: 10 })
  const ask = (rows: number, nowMs: number) => codeOf(() => tenants.take('a', rows, nowMs))
  expect([ask(1_000, 0), ask(1, 8_000), ask(1, 8_010)]).toEqual(['in', 'E_RATE', 'in'])
})

test('no number of tenants grows without end', () => {
  const tenants = new Tenants({ rowsPerSecond: 1, burstSeconds: 1, tenantsMax: 100 })
  for (let i = 0; i < 10_000; i++) tenants.take(`t${i}`, 1, 0)
  expect(tenants.size).toBe(100)
})

test('F8: strain is graded by heap and by lag', () => {
  const strain = (heapShare: number, lagMs: number) => strainOf({ heapShare, lagMs })
  expect(strain(0.5, 5)).toBe('none')
  expect([strain(0.85, 0), strain(0, 100)]).toEqual(['strained', 'strained'])
  expect([strain(0.9, 0), strain(0.86, 250)]).toEqual(['interactive-only', 'interactive-only'])
  expect([strain(0.95, 0), strain(0, 1_000)]).toEqual(['refuse', 'refuse'])
  const admitted = (['none', 'strained', 'interactive-only', 'refuse'] as const).map(strain =>
    (['interactive', 'batch', 'shadow'] as const).map(priority =>
      codeOf(() => admitUnder(strain, priority)),
    ),
  )
  expect(admitted).toEqual([
    ['in', 'in', 'in'],
    ['in', 'in', 'in'],
    ['in', 'E_BUSY', 'E_BUSY'],
    ['E_BUSY', 'E_BUSY', 'E_BUSY'],
  ])
})

test('a model has its rows in flight, and one request always', () => {
  expect(codeOf(() => admitModel('m', 0, 100, 10))).toBe('in')
  expect(codeOf(() => admitModel('m', 5, 5, 10))).toBe('in')
  expect(codeOf(() => admitModel('m', 5, 6, 10))).toBe('E_MODEL_BUSY')
})
