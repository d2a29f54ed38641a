import { expect, test } from 'vitest'
import { builtInPolicies, withBuiltIns } from './policies.ts'

test('every risk class has a policy, and each asks at least what the one below asks', () => {
  expect(Object.values(builtInPolicies).map(policy => policy.id)).toEqual([
    'low@1',
    'medium@1',
    'high@1',
  ])
  const { low, medium, high } = builtInPolicies
  expect(low.gates['worth-keeping']).toBe("level == 'root' || evidence.vs.parent.loss.expected < 0")
  for (const policy of [medium, high]) {
    expect(Object.keys(policy.gates)).toEqual(expect.arrayContaining(Object.keys(low.gates)))
    expect(policy.gates['better-than-baseline']).toContain('upper < 0')
    expect(policy.gates['worth-keeping']).toContain('upper < 0')
  }
})

test('a declared policy takes the place of the one that ships', () => {
  const own = { ...builtInPolicies.low, name: 'own', id: 'own@1' }
  expect(withBuiltIns([own]).map(policy => policy.id)).toEqual(['own@1', 'medium@1', 'high@1'])
  const somewhere = { ...own, environment: 'prod' }
  expect(withBuiltIns([somewhere]).map(policy => policy.id)).toEqual([
    'own@1',
    'low@1',
    'medium@1',
    'high@1',
  ])
})
