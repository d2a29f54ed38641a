import { expect, test } from 'vitest'
import { Restarts } from './restarts.ts'

const end = { signal: 'SIGKILL', exitCode: null }

test('pauses grow while runners are lost one after the other, whatever they did between', () => {
  const restarts = new Restarts()
  const pauses: number[] = []
  for (let nowMs = 0; pauses.length < 7; nowMs += 500) {
    restarts.up(nowMs)
    pauses.push(restarts.pauseMs(true, nowMs + 400))
  }
  expect(pauses).toEqual([0, 100, 200, 400, 800, 1_000, 1_000])
  restarts.up(10_000)
  expect(restarts.pauseMs(true, 19_999)).toBe(1_000)
  restarts.up(20_000)
  expect(restarts.pauseMs(true, 30_000), 'one that held for ten seconds was well').toBe(0)
})

test('what the server ends by itself is no loss', () => {
  const restarts = new Restarts()
  restarts.up(0)
  expect([restarts.pauseMs(true, 1), restarts.pauseMs(false, 2)]).toEqual([0, 0])
  restarts.up(3)
  expect(restarts.pauseMs(true, 4)).toBe(100)
})

test('after three that were never up, callers are told', () => {
  const restarts = new Restarts()
  const told = [1, 2, 3].map(() => restarts.failed(end)?.code)
  expect(told).toEqual([undefined, undefined, 'E_RUNNER_LOST'])
  restarts.up(0)
  expect(restarts.failed(end)).toBeUndefined()
})
