import { expect, test } from 'vitest'
import { z } from 'zod'
import { graphMessage } from '../contract/index.ts'
import { inWords } from './schema-words.ts'

test('a list where an object is wanted is told in words of JSON', () => {
  const [issue] = z.safeParse(graphMessage, [1]).error!.issues
  const { code, message } = issue!
  const fault = { keyword: code, message, instancePath: '', params: { ...issue } }
  expect(inWords(fault, 'the body')).toEqual({
    field: '',
    detail: 'the body is not a JSON object',
  })
})
