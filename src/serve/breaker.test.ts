import { expect, test } from 'vitest'
import { Breakers, breakerLimits } from './breaker.ts'

const because = 'the graph failed'
const about = { because, serving: 100 }

function fail(breakers: Breakers, times: number, nowMs: number, model = 'route.ATL'): unknown[] {
  return Array.from({ length: times }, () => breakers.failed(model, 3, nowMs, about))
}

test('five failures one after the other open it; a good one between starts anew', () => {
  const breakers = new Breakers()
  fail(breakers, 4, 0)
  breakers.succeeded('route.ATL', 3, 0)
  expect(fail(breakers, 5, 0)).toEqual([undefined, undefined, undefined, undefined, 'opened'])
  expect(breakers.refuses('route.ATL', 3, 1)).toBe(
    'version 3 is set aside for a moment: the graph failed',
  )
  expect(breakers.refuses('route.ATL', 2, 1), 'another version').toBeUndefined()
  expect(breakers.refuses('route.LAX', 3, 1), 'another model').toBeUndefined()
})

test('more than half of at least twenty calls in ten seconds open it', () => {
  const breakers = new Breakers()
  const outcomes: unknown[] = []
  // The first failure begins its state; then two of three fail, never five in a row.
  for (let call = 0; call < 30 && !outcomes.includes('opened'); call++) {
    if (call % 3 === 2) breakers.succeeded('m', 1, call * 100)
    else outcomes.push(breakers.failed('m', 1, call * 100, about))
  }
  expect(outcomes.at(-1)).toBe('opened')
  const slow = new Breakers()
  for (let call = 0; call < 100; call++) {
    if (call % 3 === 2) slow.succeeded('m', 1, call * 1_000)
    else expect(slow.failed('m', 1, call * 1_000, about), 'ten calls a window').toBeUndefined()
  }
})

test('half open lets one probe through; its failure opens it for twice as long', () => {
  const breakers = new Breakers()
  fail(breakers, 5, 0)
  expect(breakers.refuses('route.ATL', 3, 4_999)).toBeDefined()
  expect(breakers.refuses('route.ATL', 3, 5_000), 'the probe').toBeUndefined()
  expect(breakers.refuses('route.ATL', 3, 5_000), 'no second one').toBeDefined()
  expect(breakers.failed('route.ATL', 3, 5_001, about)).toBe('opened')
  expect(breakers.refuses('route.ATL', 3, 15_000)).toBeDefined()
  expect(breakers.refuses('route.ATL', 3, 15_001)).toBeUndefined()
  breakers.succeeded('route.ATL', 3, 15_002)
  expect(breakers.refuses('route.ATL', 3, 15_003), 'closed').toBeUndefined()
})

test('a probe that says nothing leaves the next one to be let through', () => {
  const breakers = new Breakers()
  fail(breakers, 5, 0)
  expect(breakers.refuses('route.ATL', 3, 5_000)).toBeUndefined()
  breakers.unknown('route.ATL', 3)
  expect(breakers.refuses('route.ATL', 3, 5_000)).toBeUndefined()
})

test('opened three times without recovering it is quarantined until it is lifted', () => {
  const breakers = new Breakers()
  fail(breakers, 5, 0)
  for (const nowMs of [5_000, 15_000]) {
    breakers.refuses('route.ATL', 3, nowMs)
    breakers.failed('route.ATL', 3, nowMs, about)
  }
  expect(breakers.ejected()).toEqual([
    { model: 'route.ATL', version: 3, state: 'quarantined', because, sinceMs: 15_000 },
  ])
  expect(breakers.refuses('route.ATL', 3, 1e12)).toBe('version 3 is quarantined: the graph failed')
  expect(breakers.lift('route.ATL', 3)).toBe(true)
  expect(breakers.lift('route.ATL', 3)).toBe(false)
  expect(breakers.refuses('route.ATL', 3, 1e12)).toBeUndefined()
  expect([breakers.size, breakers.hasEjected('route')]).toEqual([0, false])
})

test('twenty good calls make it forget, openings too', () => {
  const breakers = new Breakers()
  fail(breakers, 5, 0)
  breakers.refuses('route.ATL', 3, 5_000)
  for (let call = 0; call < 20; call++) breakers.succeeded('route.ATL', 3, 20_000)
  expect(breakers.size).toBe(0)
})

test('no more than half of a family are set aside, and of a small one at least one', () => {
  const breakers = new Breakers()
  const opened = Array.from({ length: 10 }, (_, i) =>
    Array.from({ length: 8 }, () =>
      breakers.failed(`route.M${i}`, 1, 0, { because, serving: 10 }),
    ).includes('opened'),
  )
  expect(opened.filter(Boolean)).toHaveLength(5)
  const alone = new Breakers()
  for (let i = 0; i < 5; i++) alone.failed('one', 1, 0, { because, serving: 1 })
  expect(alone.isEjected('one', 1)).toBe(true)
})

test('what has state is bounded', () => {
  const breakers = new Breakers({ ...breakerLimits, statesMax: 3 })
  for (let i = 0; i < 1_000; i++) fail(breakers, 1, i, `route.M${i}`)
  expect(breakers.size).toBe(3)
  for (let i = 0; i < 1_000; i++) breakers.quarantine(`route.Q${i}`, 1, i, because)
  expect(breakers.ejected().map(({ model }) => model)).toEqual([
    'route.Q997',
    'route.Q998',
    'route.Q999',
  ])
  for (let i = 997; i < 1_000; i++) breakers.lift(`route.Q${i}`, 1)
  expect([breakers.size, breakers.hasEjected('route')]).toEqual([3, false])
})

test('a wave of failures elsewhere brings back nobody who was set aside', () => {
  const breakers = new Breakers({ ...breakerLimits, statesMax: 3 })
  breakers.quarantine('route.X', 3, 0, because)
  for (let i = 0; i < 10; i++) fail(breakers, 1, i, `route.M${i}`)
  expect(breakers.isEjected('route.X', 3)).toBe(true)
})
