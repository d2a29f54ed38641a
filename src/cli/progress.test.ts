import { expect, test } from 'vitest'
import { runStory, someRun, someStep } from '../../test/control/memory-desk.ts'
import {
  bar,
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
    'run r-7: route-late frame done in 1.5 s (3,000 of 3,000 rows)',
    'run r-7: route-late leaves done in 1.5 s (5 of 5 members)',
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
