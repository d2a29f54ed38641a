import { describe, expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import { type Filtered, matches, readFilter } from './filter.ts'

const model: Filtered = {
  name: 'route-late.ATL.LGA',
  blueprint: 'route-late',
  level: 'leaf',
  state: 'refused',
  reason: 'not-worth-keeping',
  rows: 150,
}

function refusal(text: string): MusterError {
  try {
    readFilter(text)
  } catch (error) {
    if (error instanceof MusterError) return error
    throw error
  }
  throw new Error(`\`${text}\` was read`)
}

describe('readFilter', () => {
  test('reads every term', () => {
    expect(
      readFilter(
        'under:route-late.ATL state:failing,serving blueprint:route-late level:leaf,root ' +
          'reason:not-worth-keeping rows:<200 lga',
      ),
    ).toEqual({
      under: 'route-late.ATL',
      states: ['refused', 'failed', 'serving'],
      blueprint: 'route-late',
      levels: ['leaf', 'root'],
      reasons: ['not-worth-keeping'],
      rows: { from: 0, to: 199 },
      text: ['lga'],
    })
  })

  test('a bare state word is that state, any other is text', () => {
    expect(readFilter('failing')).toEqual({ states: ['refused', 'failed'], text: [] })
    expect(readFilter('  Atl ')).toEqual({ text: ['atl'] })
    expect(readFilter('')).toEqual({ text: [] })
  })

  test.each([
    ['rows:200', { from: 200, to: 200 }],
    ['rows:<=200', { from: 0, to: 200 }],
    ['rows:>200', { from: 201, to: Number.MAX_SAFE_INTEGER }],
    ['rows:>=200', { from: 200, to: Number.MAX_SAFE_INTEGER }],
    ['rows:100..500', { from: 100, to: 500 }],
  ])('%s', (text, rows) => {
    expect(readFilter(text).rows).toEqual(rows)
  })

  test.each([
    ['state:faild', 'state:faild', 'use `failed`'],
    ['stat:failed', 'stat:failed', 'use `state:`'],
    ['level:leef', 'level:leef', 'use `leaf`'],
    ['rows:many', 'rows:many', 'write rows:<200 or rows:100..500'],
    ['rows:-1', 'rows:-1', 'write rows:<200 or rows:100..500'],
    ['under:../x', 'under:../x', 'write under:route-late.ATL'],
    ['blueprint:a.b', 'blueprint:a.b', 'write blueprint:route-late'],
    ['reason:<b>', 'reason:<b>', 'write reason:not-worth-keeping'],
    ['state:', 'state:', 'serving, inherited'],
    ['level:leaf failing state:serving', 'state:serving', 'give each term once'],
    ['__proto__:x', '__proto__:x', 'terms are'],
    ['constructor:x', 'constructor:x', ''],
  ])('`%s` is refused by its term', (text, term, hint) => {
    const error = refusal(text)
    expect(error.code).toBe('E_QUERY')
    expect(error.message).toContain(`\`${term}\``)
    expect(error.hint).toContain(hint)
  })

  test('a filter without end is refused', () => {
    expect(refusal('x'.repeat(1_001)).message).toContain('1001 characters')
  })
})

describe('matches', () => {
  test.each([
    ['', true],
    ['under:route-late.ATL', true],
    ['under:route-late.ATL.LGA', true],
    ['under:route-late.AT', false],
    ['failing', true],
    ['serving', false],
    ['state:serving,refused', true],
    ['level:segment', false],
    ['rows:<150', false],
    ['rows:150..150', true],
    ['lga ATL', true],
    ['lga bos', false],
    ['reason:kept', false],
  ])('`%s`: %s', (text, holds) => {
    expect(matches(readFilter(text), model)).toBe(holds)
  })
})
