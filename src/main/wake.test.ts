import { expect, test } from 'vitest'
import { Wakes } from './wake.ts'

test.for([
  [{ kind: 'progress', key: 'k' }, ['watchers']],
  [{ kind: 'step', key: 'k', runs: [] }, ['watchers', 'steps']],
  [{ kind: 'run', run: 'r-1' }, ['watchers', 'steps', 'others']],
  [{ kind: 'resync' }, ['watchers', 'steps', 'others']],
  [undefined, ['watchers', 'steps', 'others']],
] as const)('%j wakes %j', async ([notice, woken]) => {
  const wakes = new Wakes()
  const ending = new AbortController()
  const heard: string[] = []
  const waits = (['watchers', 'steps', 'others'] as const).map(async who => {
    await wakes[who].next(ending.signal)
    if (!ending.signal.aborted) heard.push(who)
  })
  wakes.hear(notice)
  await Promise.resolve()
  await Promise.resolve()
  ending.abort()
  await Promise.all(waits)
  expect(heard).toEqual(woken)
})
