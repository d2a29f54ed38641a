import { describe, expect, test } from 'vitest'
import { readTransform, type Transform, transformText } from './transform.ts'
import {
  columnParts,
  mayBeMissing,
  misplacedStep,
  rowNumbers,
  unfinishedSteps,
} from './transform-order.ts'

function steps(...texts: readonly string[]): readonly Transform[] {
  return texts.map(text => {
    const read = readTransform(text)
    if ('wrong' in read || !read.step) throw new Error(`${text} is not read`)
    return read.step
  })
}

describe('the forms', () => {
  test.each([
    ['impute(mean)', { kind: 'impute', with: 'mean' }],
    ['impute(median, indicator)', { kind: 'impute', with: 'median', indicator: true }],
    ['impute( most_frequent )', { kind: 'impute', with: 'most_frequent' }],
    ['impute(-1.5,indicator)', { kind: 'impute', with: -1.5, indicator: true }],
    ['minmax', { kind: 'minmax' }],
    ['robust', { kind: 'robust' }],
    ['onehot(20)', { kind: 'onehot', most: 20 }],
    ['ordinal(-1)', { kind: 'ordinal', unknown: -1, most: 100 }],
    ['ordinal(0, 500)', { kind: 'ordinal', unknown: 0, most: 500 }],
    ['buckets(10)', { kind: 'buckets', count: 10 }],
    ['target(20)', { kind: 'target', smoothing: 20, most: 100 }],
    ['target(0, 7)', { kind: 'target', smoothing: 0, most: 7 }],
    ['identity', undefined],
  ])('%s', (text, step) => {
    expect(readTransform(text)).toEqual({ step })
  })

  test.each([
    'impute(median, indicator)',
    'impute(0)',
    'clip(-5, 5)',
    'ordinal(-1, 500)',
    'target(20, 100)',
    'cyclic(24)',
    'log',
  ])('%s is told as it is declared, however its parts were stored', text => {
    const [step] = steps(text)
    const stored = Object.fromEntries(Object.entries(step ?? {}).sort()) as unknown as Transform
    expect(transformText(stored)).toBe(text)
  })

  test.each([
    'impute',
    'impute()',
    'impute(mode)',
    'impute(mean, flag)',
    'impute(mean, indicator, 3)',
    'impute(1e39)',
    'minmax(0, 1)',
    'onehot',
    'onehot(0)',
    'onehot(2.5)',
    'onehot(1001)',
    'ordinal',
    'ordinal(x)',
    'ordinal(-1, 0)',
    'ordinal(-1, 5, 5)',
    'buckets(1)',
    'buckets(101)',
    'target(-1)',
    'target(1, 1e9)',
    'target(1e999)',
    'constructor',
    'toString()',
    'clip(2, 2)',
    'cyclic(0)',
  ])('%s is refused', text => {
    expect(readTransform(text)).toHaveProperty('wrong')
  })
})

describe('which step may follow which', () => {
  test.each([
    [['impute(0)', 'onehot(3)']],
    [['clip(0, 5)', 'impute(mean)', 'buckets(4)']],
    [['target(5)', 'log', 'clip(0, 1)', 'robust']],
    [['ordinal(-1)', 'cyclic(7)']],
    [['log', 'impute(median, indicator)', 'standard']],
  ])('%j may', texts => {
    const all = steps(...texts)
    for (const [i, step] of all.entries()) {
      expect(misplacedStep(step, all.slice(0, i), undefined)).toBeUndefined()
    }
  })

  test.each([
    [['standard', 'standard'], 'twice'],
    [['standard', 'robust'], 'does the like'],
    [['onehot(3)', 'standard'], 'a column for each value'],
    [['cyclic(3)', 'log'], 'a sine and a cosine'],
    [['log', 'onehot(3)'], 'compares values exactly'],
    [['standard', 'buckets(3)'], 'compares values exactly'],
    [['ordinal(-1)', 'target(3)'], 'does the like'],
    [['target(3)', 'buckets(3)'], 'does the like'],
    [['ordinal(-1)', 'impute(0)'], 'nothing to do'],
  ])('%j may not: %s', (texts, because) => {
    const all = steps(...texts)
    expect(misplacedStep(all.at(-1)!, all.slice(0, -1), undefined)?.message).toContain(because)
  })

  test.each([
    [['impute(most_frequent)', 'onehot(3)'], undefined],
    [['target(3)', 'standard'], undefined],
    [['impute(0)'], 'neither mean nor median'],
    [['standard'], 'a category is text'],
    [['buckets(3)'], 'a category is text'],
  ])('of a text, %j: %s', (texts, because) => {
    const all = steps(...texts)
    const found = misplacedStep(all.at(-1)!, all.slice(0, -1), 'category')?.message
    if (because === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(because)
  })

  test('a text that nothing makes a number of is refused', () => {
    const transform = steps('impute(most_frequent)')
    expect(unfinishedSteps({ type: 'category', transform })?.message).toContain('is text')
    expect(unfinishedSteps({ transform })).toBeUndefined()
    const whole = [...transform, ...steps('onehot(2)')]
    expect(unfinishedSteps({ type: 'category', transform: whole })).toBeUndefined()
  })
})

test('what comes out: columns, numbers in the row, and whether a value may be missing', () => {
  const facts = (...texts: readonly string[]) => {
    const transform = steps(...texts)
    return [columnParts(transform), rowNumbers(transform), mayBeMissing({ transform })]
  }
  expect(facts()).toEqual([['value'], 1, false])
  expect(facts('standard')).toEqual([['value'], 3, false])
  expect(facts('impute(0, indicator)', 'cyclic(24)')).toEqual([['sin', 'cos', 'missing'], 4, true])
  expect(facts('onehot(3)')).toEqual([[0, 1, 2], 6, true])
  expect(facts('buckets(4)')).toEqual([[0, 1, 2, 3], 7, true])
  expect(facts('ordinal(-1, 5)', 'minmax')).toEqual([['value'], 8, true])
  expect(facts('target(1, 5)')).toEqual([['value'], 12, true])
})
