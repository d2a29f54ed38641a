import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import { type After, readCursor, selectModels, sortValue, sortWords, writeCursor } from './lists.ts'
import type { ModelRow } from './models.ts'

function model(name: string, rows: number, state: ModelRow['state']): ModelRow {
  const row = { name, blueprint: 'b', level: 'leaf', depth: 1, rows, state } as const
  return { ...row, reason: 'kept', because: '', version: null, answeredBy: null, aside: null }
}

const models = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-z]{1,4}$/),
    rows: fc.integer({ min: 0, max: 3 }),
    state: fc.constantFrom('serving' as const, 'failed' as const),
  }),
  { selector: m => m.name },
)

test('pages put together are the whole list, in order, whatever the page size', () => {
  fc.assert(
    fc.property(
      models,
      fc.constantFrom(...sortWords),
      fc.integer({ min: 1, max: 5 }),
      (all, sort, limit) => {
        const rows = all.map(m => model(m.name, m.rows, m.state))
        const ask = { filter: { text: [] }, sort }
        const whole = selectModels(rows, { ...ask, limit: 1_000, after: undefined })
        const pages: ModelRow[] = []
        let after: After | undefined
        while (true) {
          const page = selectModels(rows, { ...ask, limit, after })
          pages.push(...page)
          const last = page.at(-1)
          if (!last) break
          after = readCursor(writeCursor({ value: sortValue(last, sort), id: last.name }, 'l'), 'l')
        }
        expect(pages).toEqual(whole)
        expect(whole.length).toBe(rows.length)
      },
    ),
  )
})

test('sorting by rows, descending, orders ties by name', () => {
  const rows = [model('b', 1, 'serving'), model('c', 2, 'serving'), model('a', 1, 'serving')]
  const ask = { filter: { text: [] }, limit: 9, after: undefined }
  expect(selectModels(rows, { ...ask, sort: '-rows' }).map(m => m.name)).toEqual(['c', 'b', 'a'])
  expect(selectModels(rows, { ...ask, sort: 'rows' }).map(m => m.name)).toEqual(['a', 'b', 'c'])
})

test.each([
  '',
  '!',
  'e30',
  'W10',
  Buffer.from('["a"]').toString('base64url'),
  '../x',
  'a'.repeat(4_000),
])('the cursor `%s` is refused', text => {
  expect(() => readCursor(text, 'models')).toThrow(MusterError)
})

test('a cursor of another list is refused', () => {
  const cursor = writeCursor({ value: null, id: 'x' }, 'models name ')
  expect(() => readCursor(cursor, 'models -rows ')).toThrow('the cursor is not one of this list')
})
