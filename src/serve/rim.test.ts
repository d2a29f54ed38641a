import { expect, test } from 'vitest'
import { callerOf } from './rim.ts'

test('who asks is what it says, else what its client says of itself', () => {
  expect(callerOf({ 'x-muster-caller': 'checkout', 'user-agent': 'curl/8' })).toBe('checkout')
  expect(callerOf({ 'x-muster-caller': '', 'user-agent': 'curl/8' })).toBe('curl/8')
  expect(callerOf({ 'x-muster-caller': 'x'.repeat(9_000) })).toHaveLength(128)
  expect(callerOf({ 'user-agent': '' })).toBeUndefined()
  expect(callerOf({ 'x-muster-caller': ['a', 'b'] })).toBeUndefined()
})
