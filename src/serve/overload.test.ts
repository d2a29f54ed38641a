import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import type { Priority } from './answer.ts'
import { Batcher, type GraphSession } from './batcher.ts'
import { serveLimits } from './limits.ts'

/*
 * F31 and I12 by arithmetic: an open loop of callers, a graph that takes its time on a clock turned
 * by hand, and every deadline looked at when a call begins.
 */

const callMs = 1
const rowMs = 0.1
const rowsPerCallMax = 64
const limits = { ...serveLimits, rowsPerRequestMax: 1, rowsPerCallMax, waitingRowsMax: 4_096 }
/** Rows a millisecond in full calls. */
const capacity = rowsPerCallMax / (callMs + rowsPerCallMax * rowMs)

interface Found {
  good: number
  late: number
  busy: number
  /** Rows that ran although their deadline had passed. */
  ranLate: number
  waitedMost: number
  /** How long after its deadline a caller was told at most, and a caller without one answered. */
  toldLateMs: number
  patientMs: number
}

/** One caller of so many sets no deadline. */
const patientEvery = 50

/** What an answer takes back through its socket. */
const wayBackMs = 2

/**
 * So many times what it can do, for so many milliseconds of the clock. Over sockets a deadline
 * counts from when a request is seen, which is between two calls, and an answer has its way back;
 * its caller counts from when it was due.
 */
async function offer(times: number, forMs: number, from: 'sockets' | 'memory') {
  const clock = new ManualClock(0)
  const found: Found = {
    good: 0,
    late: 0,
    busy: 0,
    ranLate: 0,
    waitedMost: 0,
    toldLateMs: 0,
    patientMs: 0,
  }
  const total = { rows: 0 }
  const block = new Float32Array(1)
  let arrivals = 0
  const arrive = () => {
    for (; arrivals < Math.min(clock.monotonicMs(), forMs) * capacity * times; arrivals++) {
      const dueMs = arrivals / (capacity * times)
      const isPatient = arrivals % patientEvery === 0
      const given = (from === 'sockets' ? clock.monotonicMs() : dueMs) + 100
      const deadlineMs = isPatient ? Number.POSITIVE_INFINITY : given
      const untilMs = dueMs + 100 - (from === 'sockets' ? wayBackMs : 0)
      const x = new Float32Array([deadlineMs])
      batcher.run({ x, rows: 1, block, width: 1, row: 0, deadlineMs }).then(
        () => {
          if (isPatient) found.patientMs = Math.max(found.patientMs, clock.monotonicMs() - dueMs)
          if (isPatient || clock.monotonicMs() <= untilMs) found.good += 1
        },
        (error: { code: string }) => {
          if (error.code === 'E_BUSY') found.busy += 1
          else {
            found.late += 1
            found.toldLateMs = Math.max(found.toldLateMs, clock.monotonicMs() - deadlineMs)
          }
        },
      )
    }
    found.waitedMost = Math.max(found.waitedMost, total.rows)
  }
  const session: GraphSession = {
    inputs: 1,
    width: 1,
    categories: {},
    run: async (x, _parameters, rows) => {
      // float32 rounds a deadline by a few microseconds.
      const nowMs = clock.monotonicMs() - 0.01
      for (let i = 0; i < rows; i++) if (x[i]! < nowMs) found.ranLate += 1
      clock.advance(callMs + rows * rowMs)
      arrive()
      return new Float32Array(rows)
    },
    close: () => undefined,
  }
  const batcher = new Batcher(session, { clock, limits, total, onCall: () => undefined })
  while (clock.monotonicMs() < forMs) {
    if (total.rows === 0) clock.advance(0.25)
    arrive()
    await new Promise(resolve => setImmediate(resolve))
  }
  for (let turns = 0; turns < 1_000 && total.rows > 0; turns++) {
    await new Promise(resolve => setImmediate(resolve))
  }
  return { ...found, leftRows: total.rows }
}

const offers = [1, 1.1, 2, 5, 10].flatMap(times => [
  { times, from: 'memory' as const },
  { times, from: 'sockets' as const },
])
test.each(offers)('$times times its capacity from $from: as much good as ever', async offered => {
  const { times, from } = offered
  const forMs = 2_000
  const found = await offer(times, forMs, from)
  const { good, late, busy, ranLate, waitedMost, toldLateMs, patientMs } = found
  expect(ranLate, 'nothing runs after its deadline').toBe(0)
  expect(found.leftRows, 'no room is lost').toBe(0)
  expect(waitedMost).toBeLessThanOrEqual(limits.waitingRowsMax)
  expect(toldLateMs, 'whoever is too late hears of it at once').toBeLessThan(20)
  expect(patientMs, 'and who set no deadline is not passed by').toBeLessThan(600)
  expect(good).toBeGreaterThan(0.9 * forMs * capacity)
  if (times > 1) expect(late + busy).toBeGreaterThan(0.9 * (times - 1) * forMs * capacity * 0.9)
})

test('batch and shadow fill a part of the line, so that interactive calls find room', async () => {
  const clock = new ManualClock(0)
  const total = { rows: 0 }
  const block = new Float32Array(1)
  const order: number[] = []
  const session: GraphSession = {
    inputs: 1,
    width: 1,
    categories: {},
    run: async (x, _parameters, rows) => {
      order.push(...x.subarray(0, rows))
      return new Float32Array(rows)
    },
    close: () => undefined,
  }
  const small = { ...limits, waitingRowsMax: 8, rowsPerCallMax: 4 }
  const batcher = new Batcher(session, { clock, limits: small, total, onCall: () => undefined })
  const ask = (id: number, priority: Priority) =>
    batcher
      .run({
        x: new Float32Array([id]),
        rows: 1,
        block,
        width: 1,
        row: 0,
        deadlineMs: Number.POSITIVE_INFINITY,
        priority,
      })
      .then(
        () => 'ran',
        (error: { code: string }) => error.code,
      )
  const asked = [
    ...[1, 2, 3].map(id => ask(id, 'shadow')),
    ...[11, 12, 13].map(id => ask(id, 'batch')),
    ...[21, 22, 23, 24, 25].map(id => ask(id, 'interactive')),
  ]
  expect(await Promise.all(asked)).toEqual([
    ...['ran', 'ran', 'E_BUSY'],
    ...['ran', 'ran', 'E_BUSY'],
    ...['ran', 'ran', 'ran', 'ran', 'E_BUSY'],
  ])
  expect(order).toEqual([21, 22, 23, 24, 11, 12, 1, 2])
})

test('one call that took long turns nobody away after it', async () => {
  const clock = new ManualClock(0)
  const costs = [5_000, ...new Array<number>(20).fill(1)]
  const session: GraphSession = {
    inputs: 1,
    width: 1,
    categories: {},
    run: async (_x, _parameters, rows) => {
      clock.advance(costs.shift()!)
      return new Float32Array(rows)
    },
    close: () => undefined,
  }
  const total = { rows: 0 }
  const small = { ...limits, rowsPerCallMax: 4 }
  const batcher = new Batcher(session, { clock, limits: small, total, onCall: () => undefined })
  const ask = () => {
    const deadlineMs = clock.monotonicMs() + 100
    const block = new Float32Array(1)
    const job = { x: new Float32Array(1), rows: 1, block, width: 1, row: 0, deadlineMs }
    return batcher.run(job).then(
      () => 'ran',
      () => 'late',
    )
  }
  expect(await ask()).toBe('ran')
  expect(await ask(), 'alone').toBe('ran')
  const crowd = () => Promise.all(Array.from({ length: 12 }, ask))
  await crowd()
  expect(await crowd(), 'in a crowd').toEqual(new Array(12).fill('ran'))
})

test('a caller that went away is not run for', async () => {
  const leaving = new AbortController()
  const clock = new ManualClock(0)
  const runs: number[] = []
  const session: GraphSession = {
    inputs: 1,
    width: 1,
    categories: {},
    run: async (_x, _parameters, rows) => {
      runs.push(rows)
      return new Float32Array(rows)
    },
    close: () => undefined,
  }
  const total = { rows: 0 }
  const batcher = new Batcher(session, { clock, limits, total, onCall: () => undefined })
  const job = { x: new Float32Array(1), rows: 1, block: new Float32Array(1), width: 1, row: 0 }
  const deadlineMs = Number.POSITIVE_INFINITY
  const gone = batcher.run({ ...job, deadlineMs, signal: leaving.signal })
  const there = batcher.run({ ...job, deadlineMs })
  leaving.abort()
  await expect(gone).rejects.toMatchObject({ code: 'E_CANCELLED' })
  await there
  expect([runs, total.rows]).toEqual([[1], 0])
})
