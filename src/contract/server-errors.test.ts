import { expect, test } from 'vitest'
import { isLate } from './server-errors.ts'

test.each([
  [{ name: 'TimeoutError' }, true],
  [{ cause: { code: 'UND_ERR_HEADERS_TIMEOUT' } }, true],
  [{ cause: { code: 'ECONNREFUSED' } }, false],
  [{}, false],
])('an error of fetch with %j: late is %j', (more, late) => {
  expect(isLate(Object.assign(new TypeError('fetch failed'), more))).toBe(late)
})
