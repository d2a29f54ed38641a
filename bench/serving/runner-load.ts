import type { MusterError } from '../../src/base/errors.ts'
import type { SeededRandom } from '../../src/base/random.ts'
import { linear } from '../../src/onnx/odd-models.fixture.ts'
import type { RunnerModel } from '../../src/runners/index.ts'
import { floats, type TestPool } from '../../test/runners/pool.fixture.ts'
import { isSteady, spinMs } from '../conditions.ts'
import { type Interval, interval, median, round } from '../ratio.ts'

export { median }

/* Open-loop load on runners: calls are sent when they are due, answered or not. */

export interface Load {
  readonly calls: number
  readonly errors: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Between two rounds of sending. */
const roundMs = 5

export function goodModel(pool: TestPool, seed: number): RunnerModel {
  return pool.add(linear([seed, 1, 0.5, 2], seed / 7))
}

/** Sends `perSecond` calls for `seconds` to what `choose` gives, and waits for their answers. */
export async function offer(
  open: TestPool,
  choose: () => RunnerModel,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): Promise<Load> {
  const tookMs: number[] = []
  const errors: Record<string, number> = {}
  const inputs = [floats([1, 2, 3, 4])]
  const running: Promise<unknown>[] = []
  const startedMs = performance.now()
  for (let sent = 0; ; ) {
    const sinceMs = performance.now() - startedMs
    if (sinceMs >= seconds * 1_000) break
    for (const due = (sinceMs * perSecond) / 1_000; sent < due; sent++) {
      const sentMs = performance.now()
      const done = open.run(choose(), inputs).then(
        () => tookMs.push(performance.now() - sentMs),
        (error: MusterError) => {
          errors[error.code] = (errors[error.code] ?? 0) + 1
        },
      )
      running.push(done)
    }
    await new Promise(resolve => setTimeout(resolve, roundMs))
  }
  await Promise.all(running)
  tookMs.sort((a, b) => a - b)
  const at = (share: number) => tookMs[Math.floor(tookMs.length * share)] ?? Number.NaN
  return { calls: running.length, errors, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** Draws from 0 to `count` - 1 by Zipf's law with exponent 1: the i-th as 1 / (i + 1). */
export function zipf(count: number, random: SeededRandom): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let i = 0; i < count; i++) {
    sum += 1 / (i + 1)
    sums[i] = sum
  }
  return () => {
    const wanted = random.unit() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

export interface Pairs {
  readonly plain: readonly Load[]
  readonly tried: readonly Load[]
  readonly told: {
    /** Medians over windows, in milliseconds: [plain, tried]. */
    readonly p50Ms: readonly number[]
    readonly p99Ms: readonly number[]
    /** Of the 99th percentiles, tried to plain, of pairs on an equally fast machine. */
    readonly ratio: Interval
    /** Plain to plain of neighbouring pairs: what the machine does by itself. */
    readonly floor: Interval
    readonly spinMs: readonly number[]
    readonly errors: number
  }
}

/** Windows of both sides in turns: plain, tried, tried, plain. */
export async function pairsOf(
  count: number,
  sides: { plain(): Promise<Load>; tried(): Promise<Load> },
): Promise<Pairs> {
  const [plain, tried]: [Load[], Load[]] = [[], []]
  const spins: number[][] = []
  for (let i = 0; i < count; i++) {
    const pair: number[] = []
    for (const side of i % 2 ? (['tried', 'plain'] as const) : (['plain', 'tried'] as const)) {
      pair.push(spinMs())
      const found = await sides[side]()
      if (side === 'plain') plain.push(found)
      else tried.push(found)
    }
    spins.push(pair)
  }
  const steady = plain.flatMap((_, i) => (isSteady(spins[i]!) ? [i] : []))
  const kept = steady.length > 0 ? steady : [...plain.keys()]
  const p99 = (loads: readonly Load[], i: number) => loads[i]!.p99Ms
  const both = (of: 'p50Ms' | 'p99Ms') =>
    [plain, tried].map(loads => round(median(loads.map(each => each[of]))))
  return {
    plain,
    tried,
    told: {
      p50Ms: both('p50Ms'),
      p99Ms: both('p99Ms'),
      ratio: interval(kept.map(i => p99(tried, i) / p99(plain, i))),
      floor: interval(kept.map(i => p99(plain, i) / p99(plain, (i + 1) % count))),
      spinMs: [Math.min(...spins.flat()), Math.max(...spins.flat())].map(round),
      errors: tried.reduce((sum, each) => sum + errorsOf(each), 0),
    },
  }
}

export function errorsOf({ errors }: Load): number {
  return Object.values(errors).reduce((sum, each) => sum + each, 0)
}
