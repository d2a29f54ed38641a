import { expect, test } from 'vitest'
import { runStory, someRun, someStep } from '../../test/control/memory-desk.ts'
import type { StepRow } from '../contract/index.ts'
import { levelsText } from './plan-text.ts'
import {
  bar,
  doneWords,
  endLine,
  liveLines,
  newFollowed,
  plainLine,
  reasonsText,
  stagesOf,
  take,
} from './progress.ts'

test('a pipe gets a line when a stage or a run ends, and nothing twice', () => {
  const followed = newFollowed()
  const lines = [...runStory, ...runStory.slice(-2)].map(event => {
    const line = plainLine(followed, event)
    take(followed, event)
    return line
  })
  expect(lines.filter(line => line !== undefined)).toEqual([
    'run r-7 started: route-late, 8 models',
    'run r-7: route-late frame done in 1.5 s',
    'run r-7: route-late leaves done in 1.5 s',
    'run r-7 finished: route-late: 3 serve, 1 answered by an ancestor, 1 refused, 1 failed',
  ])
})

test('a terminal gets a bar for the stage that runs', () => {
  const followed = newFollowed()
  for (const event of runStory.slice(0, 4)) take(followed, event)
  expect(liveLines(followed, 120)).toEqual([
    'route-late  ━━━━━━━━────────────  ✓ frame  ▸ leaves  2 of 5 members',
  ])
  expect(liveLines(followed, 40)[0]).toHaveLength(39)
  for (const event of runStory.slice(4)) take(followed, event)
  expect(liveLines(followed, 120)).toEqual([])
})

test('parts of a kind count together', () => {
  const parts = [
    someStep('leaves', 'done', 5, 5),
    { ...someStep('leaves', 'running', 1, 7), part: 1 },
  ]
  expect(stagesOf(parts)).toMatchObject([{ kind: 'leaves', state: 'running', done: 6, total: 12 }])
})

test('what an earlier run left is found, and its time was not spent now', () => {
  const [first, second] = [someStep('frame', 'done'), { ...someStep('frame', 'done'), part: 1 }]
  const told = (steps: readonly StepRow[]) => stagesOf(steps).map(doneWords)
  expect(told([first])).toEqual(['done in 1.5 s'])
  expect(
    told([
      { ...first, found: true },
      { ...second, found: true },
    ]),
  ).toEqual(['found done'])
  expect(told([{ ...first, found: true }, second])).toEqual(['done in 1.5 s'])
})

test('bars keep their width', () => {
  expect(bar(0, 0, 4)).toBe('────')
  expect(bar(9, 4, 4)).toBe('━━━━')
  expect(bar(1, 2, 4)).toBe('━━──')
})

test('a failed run says why', () => {
  const run = { ...someRun('failed'), because: 'the source cannot be read' }
  expect(endLine(run)).toBe('run r-7 failed: route-late: the source cannot be read')
})

test('reasons are counted, most first', () => {
  expect(reasonsText({ b: 2, a: 2, c: 1_200 })).toBe('c 1,200 · a 2 · b 2')
})

test('segments of a key that nobody knows any more are segments', () => {
  const level = { level: 'segment' as const, key: '', members: 3 }
  expect(levelsText([{ ...level, level: 'root', members: 1 }, level])).toBe('1 root, 3 segments')
  expect(levelsText([{ ...level, members: 1 }])).toBe('1 segment')
  expect(levelsText([{ ...level, key: 'shop.product' }])).toBe('3 products')
})
