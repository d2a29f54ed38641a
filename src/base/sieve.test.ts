import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sieve } from './sieve.ts'

test('what was used since the hand passed is spared once', () => {
  const sieve = new Sieve<string>()
  for (const key of ['a', 'b', 'c']) sieve.add(key, 1)
  sieve.touch('a')
  expect(sieve.evict()).toBe('b')
  expect(sieve.evict()).toBe('c')
  expect(sieve.evict()).toBe('a')
  expect(sieve.evict()).toBeUndefined()
})

test('a scan ten times the budget leaves what is used where it is', () => {
  const budget = 100
  const sieve = new Sieve<string>()
  const use = (key: string) => {
    if (!sieve.touch(key)) sieve.add(key, 1)
    while (sieve.weight > budget) sieve.evict()
  }
  const hot = Array.from({ length: 60 }, (_, i) => `hot-${i}`)
  for (let round = 0; round < 3; round++) hot.forEach(use)
  for (let i = 0; i < 1_000; i++) use(`scan-${i}`)
  expect(hot.filter(key => sieve.has(key))).toHaveLength(hot.length)
})

test('what runs is spared, also when it is all there is', () => {
  const sieve = new Sieve<string>()
  sieve.add('running', 5)
  expect(sieve.evict(key => key === 'running')).toBeUndefined()
  sieve.add('idle', 1)
  expect(sieve.evict(key => key === 'running')).toBe('idle')
  expect(sieve.weight).toBe(5)
})

test('size and weight are those of what was added and neither deleted nor evicted', () => {
  const act = fc.record({
    kind: fc.constantFrom('add', 'touch', 'delete', 'evict'),
    key: fc.integer({ min: 0, max: 7 }),
    weight: fc.integer({ min: 0, max: 9 }),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), acts => {
      const sieve = new Sieve<number>()
      const model = new Map<number, number>()
      for (const { kind, key, weight } of acts) {
        if (kind === 'add') {
          sieve.add(key, weight)
          model.set(key, weight)
        } else if (kind === 'touch') expect(sieve.touch(key)).toBe(model.has(key))
        else if (kind === 'delete') expect(sieve.delete(key)).toBe(model.delete(key))
        else {
          const gone = sieve.evict()
          expect(gone === undefined).toBe(model.size === 0)
          if (gone !== undefined) expect(model.delete(gone)).toBe(true)
        }
        expect(sieve.size).toBe(model.size)
        expect(sieve.weight).toBe([...model.values()].reduce((sum, each) => sum + each, 0))
        expect([...sieve.keys()].sort()).toEqual([...model.keys()].sort())
      }
    }),
  )
})
