import { expect, test } from 'vitest'
import { levelsWithout } from './erase-predictions.ts'

const key = ['city', 'rider']

test('levels above the part that names a person do not tell of them', () => {
  expect(levelsWithout(key, [[{ part: 1 }]])).toEqual(['root', 'city'])
  expect(levelsWithout(key, [[{ part: 0 }]])).toEqual(['root'])
  expect(levelsWithout(key, [[{ part: 0 }], [{ part: 1 }]])).toEqual(['root', 'city'])
})

test('an input tells at all levels, what stands nowhere at none', () => {
  expect(levelsWithout(key, [[{ part: 1 }, { input: 'rider' }]])).toEqual([])
  expect(levelsWithout(key, [[{ input: 'rider' }], [{ part: 0 }]])).toEqual(['root'])
  expect(levelsWithout(key, [[]])).toEqual(['root', 'city', 'city.rider'])
  expect(levelsWithout([], [[{ input: 'rider' }]])).toEqual([])
})
