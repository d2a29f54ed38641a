import { expect, test } from 'vitest'
import { type Held, suspectGroups } from './held.ts'

const suspect = (id: string, attempts: number): Held => ({
  id,
  value: {},
  receivedAt: new Date(0),
  messages: [],
  attempts,
})
const shown = (suspects: readonly Held[], attemptsMax: number) => {
  const { over, groups } = suspectGroups(suspects, attemptsMax)
  return [over.map(({ id }) => id), groups.map(group => group.map(({ id }) => id))]
}

test('after a crash messages share small groups, and have their last attempt alone', () => {
  const first = Array.from({ length: 18 }, (_, i) => suspect(`a${i}`, 1))
  const [over, groups] = shown([...first, suspect('b', 2), suspect('c', 2), suspect('d', 3)], 3)
  expect(over).toEqual(['d'])
  expect(groups!.map(one => one.length)).toEqual([16, 2, 1, 1])
  expect(groups!.slice(2)).toEqual([['b'], ['c']])
})

test('what may be tried once is tried again, alone, when the first ended with the process', () => {
  // Else each of its neighbours would be a dead letter for what another did.
  expect(shown([suspect('a', 1), suspect('b', 1), suspect('c', 2)], 1)).toEqual([
    ['c'],
    [['a'], ['b']],
  ])
})
