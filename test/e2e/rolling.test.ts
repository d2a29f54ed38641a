import { expect, test } from 'vitest'
import { rollingRestarts } from '../rolling.ts'

test('F40: two servers restarted in turn under load lose no request', async () => {
  const { restarts, answered, lost } = await rollingRestarts({ restarts: 2, callers: 4 })
  expect(lost).toEqual({})
  expect(restarts.map(({ exitCode }) => exitCode)).toEqual([0, 0])
  expect(answered).toBeGreaterThan(20)
}, 240_000)
