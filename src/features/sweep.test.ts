import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { aWindow } from '../engine/small-data.fixture.ts'
import type { WindowLength, WindowStat } from '../spec/index.ts'
import { orderEvents } from './ordered-events.ts'
import { groupAsks, sweepWindows } from './sweep.ts'
import { groupInTime } from './time-order.ts'

/*
 * The oracle: what the declaration says, read row by row from all events, in plain TypeScript. It
 * shares nothing with the sweep: neither order, nor windows, nor sums.
 */

interface Event {
  readonly row: number
  readonly entity: number
  readonly eventUs: number
  readonly knownUs: number
  readonly value: number
}

function windowOf(events: readonly Event[], entity: number, asOf: number, over: WindowLength) {
  if (entity === 0 || Number.isNaN(asOf)) return []
  const known = events
    .filter(e => e.entity === entity && !Number.isNaN(e.knownUs) && !Number.isNaN(e.eventUs))
    .map(e => ({ ...e, knownUs: Math.max(e.knownUs, e.eventUs) }))
    .filter(e => e.knownUs <= asOf)
    .sort((a, b) => a.knownUs - b.knownUs || a.eventUs - b.eventUs || a.row - b.row)
  return over.kind === 'rows'
    ? known.slice(-over.rows)
    : known.filter(e => e.knownUs > asOf - over.ms * 1000)
}

function statistic(stat: WindowStat, window: readonly Event[]): number {
  const values = window.map(e => e.value).filter(v => !Number.isNaN(v))
  const sum = values.reduce((a, b) => a + b, 0)
  const mean = sum / values.length
  if (stat === 'count') return values.length
  if (stat === 'sum') return sum
  if (values.length === 0) return Number.NaN
  if (stat === 'mean') return mean
  if (stat === 'min') return Math.min(...values)
  if (stat === 'max') return Math.max(...values)
  if (stat === 'last') return values.at(-1)!
  if (values.length < 2) return Number.NaN
  return Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1))
}

const stats = ['count', 'sum', 'mean', 'min', 'max', 'std', 'last'] as const

interface Case {
  readonly events: readonly Event[]
  readonly asks: readonly { entity: number; asOfUs: number }[]
  readonly over: WindowLength
  readonly entities: number
}

/**
 * Few distinct moments, so that ties are common; late, early, missing and lonely rows on purpose.
 */
function aCase(random: SeededRandom): Case {
  const entities = 1 + random.below(4)
  const moments = 1 + random.below(random.unit() < 0.5 ? 8 : 200)
  const offset = random.unit() < 0.3 ? 1e9 * random.normal() : 0
  const spread = random.unit() < 0.2 ? 0 : 10
  const maybe = (value: number, missing = 0.1) => (random.unit() < missing ? Number.NaN : value)
  const events = Array.from({ length: random.below(40) }, (_, row) => {
    const eventUs = 1_000_000 * random.below(moments)
    const late = random.unit() < 0.3 ? 1_000_000 * (random.below(60) - 15) : 0
    return {
      row,
      entity: random.unit() < 0.1 ? 0 : 1 + random.below(entities),
      eventUs: maybe(eventUs, 0.03),
      knownUs: maybe(eventUs + late, 0.05),
      value: maybe(offset + spread * random.normal(), 0.15),
    }
  })
  const asks = Array.from({ length: random.below(30) }, () => ({
    entity: random.unit() < 0.1 ? 0 : 1 + random.below(entities),
    asOfUs: maybe(1_000_000 * (random.below(moments + 20) - 10), 0.05),
  }))
  const over: WindowLength =
    random.unit() < 0.4
      ? { kind: 'rows', rows: 1 + random.below(6) }
      : { kind: 'time', ms: 1_000 * (1 + random.below(random.unit() < 0.5 ? 5 : 300)) }
  return { events, asks, over, entities }
}

async function swept({ events, asks, over, entities }: Case) {
  const ids = Int32Array.from(events, e => e.entity)
  const arrived = {
    count: events.length,
    rows: Int32Array.from(events, e => e.row),
    eventUs: Float64Array.from(events, e => e.eventUs),
    knownUs: Float64Array.from(events, e => Math.max(e.knownUs, e.eventUs)),
    values: new Map([['value', Float64Array.from(events, e => e.value)]]),
    entities: [ids],
  }
  const asOfUs = Float64Array.from(asks, a => a.asOfUs)
  const asking = groupAsks(
    asOfUs,
    Int32Array.from(asks, a => a.entity),
    entities,
  )
  const wanted = stats.map(stat => ({
    feature: aWindow(['e'], stat, over),
    into: new Float64Array(asks.length).fill(-7),
  }))
  const ordered = orderEvents(arrived, ids, entities)
  await sweepWindows(ordered, arrived.values, asking, wanted)
  return new Map(wanted.map(({ feature, into }) => [feature.stat, into]))
}

test('4,000 random fleets of events agree with the oracle', async () => {
  const random = new SeededRandom(20_260)
  let compared = 0
  const mismatches: string[] = []
  for (let seed = 0; seed < 4_000; seed++) {
    const one = aCase(random)
    const found = await swept(one)
    for (const [at, ask] of one.asks.entries()) {
      const window = windowOf(one.events, ask.entity, ask.asOfUs, one.over)
      const scale = window.reduce((a, e) => a + (Number.isNaN(e.value) ? 0 : Math.abs(e.value)), 0)
      for (const stat of stats) {
        const expected = statistic(stat, window)
        const actual = found.get(stat)![at]!
        const exact = stat === 'count' || stat === 'min' || stat === 'max' || stat === 'last'
        // Sums of numbers of both signs are exact to what was summed, not to what is left of it.
        const room = exact
          ? 0
          : 1e-9 * (stat === 'sum' ? scale : Math.abs(expected)) + slack(window)
        compared++
        const same =
          (Number.isNaN(expected) && Number.isNaN(actual)) || Math.abs(expected - actual) <= room
        if (!same) mismatches.push(`case ${seed}, ask ${at}, ${stat}: ${actual}, not ${expected}`)
      }
    }
  }
  expect(mismatches.slice(0, 10)).toEqual([])
  expect(compared).toBeGreaterThan(300_000)
})

/** What float64 itself cannot tell: a few units in the last place of the largest value. */
function slack(window: readonly Event[]): number {
  const largest = Math.max(0, ...window.map(e => (Number.isNaN(e.value) ? 0 : Math.abs(e.value))))
  return 32 * Number.EPSILON * largest
}

test('a sum does not drift, whatever has left the window', async () => {
  const n = 20_000
  const events = Array.from({ length: n }, (_, row) => ({
    row,
    entity: 1,
    eventUs: row * 1e6,
    knownUs: row * 1e6,
    value: row === 10 ? 1e15 : 0.1,
  }))
  const asks = [{ entity: 1, asOfUs: (n - 1) * 1e6 }]
  const every = events.map(e => ({ entity: 1, asOfUs: e.knownUs }))
  const over: WindowLength = { kind: 'rows', rows: 10 }
  const found = await swept({ events, asks: [...every, ...asks], over, entities: 1 })
  expect(found.get('mean')![n]!).toBeCloseTo(0.1, 14)
  expect(found.get('std')![n]!).toBeCloseTo(0, 14)
})

test('rows stand by group, in each stably in time, whatever order they came in', () => {
  const random = new SeededRandom(5)
  for (let round = 0; round < 300; round++) {
    const length = random.below(200)
    const count = 1 + random.below(4)
    const far = round % 3 === 0 ? 8e15 : 100
    const stretch = 1 + random.below(50)
    const rises = random.unit() < 0.5
    const groups = Int32Array.from({ length }, () => random.below(count + 1))
    const times = Float64Array.from({ length }, (_, row) => {
      if (random.unit() < 0.1) return Number.NaN
      return rises ? row % stretch : Math.floor((random.unit() - 0.5) * far)
    })
    const { rows, starts } = groupInTime(groups, count, times)
    const groupOf = (row: number) => (Number.isNaN(times[row]!) ? 0 : groups[row]!)
    for (let group = 0; group <= count; group++) {
      const expected = [...times.keys()].filter(row => groupOf(row) === group)
      if (group > 0) expected.sort((a, b) => times[a]! - times[b]! || a - b)
      expect([...rows.subarray(starts[group], starts[group + 1])]).toEqual(expected)
    }
  }
})
