import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { ErrorCode, MusterError } from '../../src/base/errors.ts'
import { endlessLoop, heavy, linear } from '../../src/onnx/odd-models.fixture.ts'
import { RunnerPool } from '../../src/runners/index.ts'
import { ImportedFleet } from '../../src/serve/index.ts'
import { floats, neighbour, openTestPool, type TestPool } from './pool.fixture.ts'

/* Runners at their bounds: who is let in, what is pinned, what is replaced, what never starts. */

let open: TestPool | undefined
afterEach(async () => {
  await open?.[Symbol.asyncDispose]()
  open = undefined
})
const refusal = (of: Promise<unknown>): Promise<MusterError> =>
  of.then(
    () => {
      throw new Error('it answered')
    },
    error => error as MusterError,
  )
const codeOf = (of: Promise<unknown>): Promise<ErrorCode | 'answered'> =>
  of.then(
    () => 'answered',
    error => error.code,
  )
const mebibyte = 1_048_576
const simple = (seed: number) => linear([seed, 1], 0.5)
const status = () => open!.pool.status()[0]!
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !holds(); i++) await new Promise(r => setTimeout(r, 10))
  expect(holds()).toBe(true)
}

test('a runner whose memory does not come back is replaced, and no model is blamed', async () => {
  open = await openTestPool({
    shards: 1,
    budgetBytes: 16 * mebibyte,
    capBytes: 512 * mebibyte,
    tickMs: 50,
  })
  const model = open.add(simple(2))
  const pinned = open.add(simple(1), { tier: 'pinned' })
  open.pool.preload(pinned)
  await open.run(pinned, [floats([1, 1])])
  const first = status().pid
  // What it read stays in its heap until V8 collects it, which an idle process does not do.
  const data = new Float32Array(8_000_000)
  await open.run(model, [{ name: 'x', datatype: 'FP32', shape: [4_000_000, 2], data }])
  await until(() => status().pid !== undefined && status().pid !== first)
  expect(await open.run(pinned, [floats([1, 1])])).toHaveLength(1)
  expect(open.lost).toEqual([])
})

test('what is pinned leaves no room: the next is told so, and the budget holds', async () => {
  open = await openTestPool({ shards: 1, budgetBytes: 16 * mebibyte })
  const pinned = Array.from({ length: 3 }, (_, i) =>
    open!.add(heavy(1_200_000, i + 1), { tier: 'pinned' }),
  )
  const codes: string[] = []
  for (const model of pinned) codes.push(await codeOf(open.run(model, [floats([1])])))
  expect(codes).toContain('E_MODEL_MEMORY')
  expect(status().residentBytes).toBeLessThanOrEqual(16 * mebibyte)
  const refused = await refusal(open.run(pinned.at(-1)!, [floats([1])]))
  expect(refused.message).toMatch(/do not fit beside the [\d.]+ MiB of pinned models/)
})

test('a runner that never starts: callers are told, and it is said', async () => {
  open = await openTestPool()
  const ends: unknown[] = []
  using pool = new RunnerPool({
    clock: systemClock,
    command: { ...open.command, entry: '/nothing.ts' },
    limits: { shards: 1 },
    bytesOf: async () => simple(1),
    failedStart: end => ends.push(end),
  })
  const model = open.add(simple(1))
  const deadlineMs = systemClock.monotonicMs() + 60_000
  const refused = await refusal(pool.run(model, [floats([1, 1])], deadlineMs))
  expect(refused).toMatchObject({ code: 'E_RUNNER_LOST', extra: { retryable: true } })
  expect(refused.message).toContain('no runner starts')
  expect(ends).toHaveLength(3)
  // Nobody asks any more, so nothing is tried any more.
  await new Promise(resolve => setTimeout(resolve, 1_500))
  expect(ends).toHaveLength(3)
})

test('calls and bytes that wait are bounded; what is lower is shed first', async () => {
  open = await openTestPool({
    shards: 1,
    runMaxMs: 60_000,
    waitingMax: 8,
    modelWaitingMax: 4,
    waitingBytesMax: 4_096,
  })
  const loop = open.add(endlessLoop())
  const mate = neighbour(open, loop, 'same', simple)
  const third = neighbour(open, mate, 'same', seed => linear([seed, 2], 1))
  const ask = (model: typeof loop, input = floats([1, 1]), priority?: 'batch' | 'shadow') =>
    codeOf(open!.pool.run(model, [input], systemClock.monotonicMs() + 60_000, { priority }))
  const one = floats([1], 'x', [1])
  const loops = [ask(loop, one)]
  await until(() => status().loads === 1)
  for (let i = 0; i < 3; i++) loops.push(ask(loop, one))
  expect(await ask(loop, one)).toBe('E_MODEL_BUSY')
  // Four wait: that is all that batch may fill, and more than shadow may.
  expect(await ask(mate, undefined, 'batch')).toBe('E_BUSY')
  expect(await ask(mate, undefined, 'shadow')).toBe('E_BUSY')
  expect(await ask(mate, floats(Array.from({ length: 1_100 }, () => 1)))).toBe('E_BUSY')
  const mates = Array.from({ length: 4 }, () => ask(mate))
  expect(await ask(third)).toBe('E_BUSY')
  open.pool[Symbol.dispose]()
  expect(new Set(await Promise.all([...loops, ...mates]))).toEqual(new Set(['E_RUNNER_LOST']))
  expect(status().waiting).toBe(0)
})

test('a model that is pinned by a second import stays', async () => {
  open = await openTestPool({ shards: 1, idleAfterMs: 150, tickMs: 20 })
  const fleet = new ImportedFleet(open.pool)
  const { digest, sizeBytes } = open.add(simple(1))
  const version = {
    name: 'churn',
    version: 1,
    digest,
    sizeBytes,
    signature: { inputs: [], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }] },
    purpose: '',
    tier: 'on-demand',
    state: 'serving',
    because: null,
  } as const
  const infer = () =>
    fleet.find('churn')!.infer([floats([1, 1])], { deadlineMs: 1e12, priority: 'interactive' })
  fleet.take([version])
  await infer()
  fleet.take([{ ...version, tier: 'pinned' }])
  await infer()
  await new Promise(resolve => setTimeout(resolve, 400))
  expect(status().resident).toBe(1)
  fleet.take([version])
  await until(() => status().resident === 0)
})
