import { getPriority } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { ErrorCode, MusterError } from '../../src/base/errors.ts'
import {
  asLargeAsAsked,
  constantOfShape,
  endlessLoop,
  heavy,
  linear,
  logarithm,
} from '../../src/onnx/odd-models.fixture.ts'
import type { RunSeen } from '../../src/runners/index.ts'
import { floats, neighbour, openTestPool, type TestPool } from './pool.fixture.ts'

let open: TestPool | undefined
afterEach(async () => {
  await open?.[Symbol.asyncDispose]()
  open = undefined
})
const numbers = (outputs: readonly { readonly data: unknown }[]) => [
  ...(outputs[0]!.data as Float32Array),
]
const refusal = (of: Promise<unknown>): Promise<MusterError> =>
  of.then(
    () => {
      throw new Error('it answered')
    },
    error => error as MusterError,
  )
const codeOf = async (of: Promise<unknown>): Promise<ErrorCode> => (await refusal(of)).code
const simple = (seed: number) => linear([seed, 1], 0.5)

test('a model answers, and so does one with the same bytes under another name', async () => {
  open = await openTestPool()
  const model = open.add(linear([1, 2, 3], 0.5))
  expect(numbers(await open.run(model, [floats([1, 1, 1])]))).toEqual([6.5])
  const twin = { ...model, label: 'twin' }
  expect(numbers(await open.run(twin, [floats([2, 0, 0])]))).toEqual([2.5])
  expect(open.reads.get(model.digest)).toBe(1)
  const seen: RunSeen[] = []
  const ask = { seen: (run: RunSeen) => void seen.push(run) }
  await open.pool.run(model, [floats([2, 0, 0])], systemClock.monotonicMs() + 20_000, ask)
  const [{ pid, waitedMs, ranMs }] = seen as [RunSeen]
  expect(open.pool.status().map(shard => shard.pid)).toContain(pid)
  expect([waitedMs >= 0, ranMs > 0]).toEqual([true, true])
})

test('500 callers of a cold model: one load (I15)', async () => {
  open = await openTestPool({}, 20)
  const model = open.add(simple(3))
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, i) => open!.run(model, [floats([i, 0])])),
  )
  expect(answers.map(numbers)).toEqual(answers.map((_, i) => [3 * i + 0.5]))
  expect(open.reads.get(model.digest)).toBe(1)
  expect(open.pool.status().reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
})

test('a failed load is remembered, with its cause', async () => {
  open = await openTestPool()
  // Well formed, and of an operator that there is not.
  const bytes = linear([1])
  const odd = Uint8Array.from(Buffer.from(bytes).toString('latin1').replace('Gemm', 'Gemn'), c =>
    c.charCodeAt(0),
  )
  const model = open.add(odd)
  const refusals = await Promise.all(
    Array.from({ length: 20 }, () => refusal(open!.run(model, [floats([1])]))),
  )
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['E_MODEL_LOAD']))
  expect(refusals[0]!.message).toContain('Gemn')
  expect(refusals[0]!.message).not.toMatch(/[/\\]\w+[/\\]/)
  expect(await codeOf(open.run(model, [floats([1])]))).toBe('E_MODEL_LOAD')
  expect(open.reads.get(model.digest)).toBe(1)
})

test('a runner killed with a call in it: 503 to that one, the rest runs on (F5, I13)', async () => {
  open = await openTestPool({ runMaxMs: 60_000 })
  const loop = open.add(endlessLoop())
  const mate = neighbour(open, loop, 'same', simple)
  const other = neighbour(open, loop, 'other', simple)
  for (const model of [mate, other]) await open.run(model, [floats([1, 1])])
  const before = open.pool.status().map(({ pid }) => pid)
  const shard = open.pool.shardNumber(loop.digest)
  const stuck = refusal(open.run(loop, [floats([1], 'x', [1])]))
  const behind = Promise.all(Array.from({ length: 5 }, () => open!.run(mate, [floats([1, 1])])))
  // Once the loop is in, and not only on its way.
  while (open.pool.status()[shard]!.loads < 2) await new Promise(r => setTimeout(r, 10))
  await new Promise(resolve => setTimeout(resolve, 100))
  process.kill(before[shard]!, 'SIGKILL')
  expect(await stuck).toMatchObject({ code: 'E_RUNNER_LOST', extra: { retryable: true } })
  expect((await behind).length).toBe(5)
  const after = open.pool.status()
  expect(after[shard]!.pid).not.toBe(before[shard])
  expect(after[1 - shard]!.pid).toBe(before[1 - shard])
  expect(numbers(await open.run(other, [floats([1, 1])]))).toHaveLength(1)
  expect(open.lost).toMatchObject([{ model: { label: loop.label }, how: 'died' }])
})

test('a model that does not end: 504, runner killed; the third time quarantined (F6)', async () => {
  open = await openTestPool({ runMaxMs: 300 })
  const loop = open.add(endlessLoop())
  const mate = neighbour(open, loop, 'same', simple)
  const call = () => open!.run(loop, [floats([1], 'x', [1])])
  for (let i = 0; i < 3; i++) {
    const [stuck, beside] = await Promise.all([refusal(call()), open.run(mate, [floats([1, 1])])])
    expect(stuck.code).toBe('E_DEADLINE_PAST')
    expect(beside).toHaveLength(1)
  }
  const refused = await refusal(call())
  expect(refused).toMatchObject({ code: 'E_MODEL_QUARANTINED' })
  expect(refused.message).toContain('300 ms')
  expect(open.lost.map(({ model }) => model.label)).toEqual([loop.label, loop.label, loop.label])
  open.pool.unload(loop)
  const again = codeOf(call())
  const pid = () => open!.pool.status()[open!.pool.shardNumber(loop.digest)]!.pid ?? process.pid
  // Whoever is not root cannot take it back, and so is left one step below from the start.
  const steps = process.getuid?.() === 0 ? 10 : 1
  await expect.poll(() => getPriority(pid()), { interval: 5 }).toBe(getPriority() + steps)
  expect(await again).toBe('E_DEADLINE_PAST')
})

test('calls that wait behind a model that is quarantined are told so', async () => {
  open = await openTestPool({ runMaxMs: 200 })
  const loop = open.add(endlessLoop())
  const codes = await Promise.all(
    Array.from({ length: 20 }, () => codeOf(open!.run(loop, [floats([1], 'x', [1])]))),
  )
  expect(codes.filter(code => code === 'E_DEADLINE_PAST')).toHaveLength(3)
  expect(codes.filter(code => code === 'E_MODEL_QUARANTINED')).toHaveLength(17)
})

test('a caller with a deadline has its answer by then, whatever the runner does', async () => {
  open = await openTestPool({ runMaxMs: 2_000 })
  const loop = open.add(endlessLoop())
  const started = performance.now()
  expect(await codeOf(open.run(loop, [floats([1], 'x', [1])], 150))).toBe('E_DEADLINE_PAST')
  expect(performance.now() - started).toBeLessThan(1_900)
})

test('more memory than there is: that call is refused, its mates run on (F7)', async () => {
  const mebibyte = 1_048_576
  open = await openTestPool({ budgetBytes: 128 * mebibyte, capBytes: 256 * mebibyte })
  const huge = open.add(constantOfShape())
  const mate = neighbour(open, huge, 'same', simple)
  await open.run(mate, [floats([1, 1])])
  const pids = open.pool.status().map(({ pid }) => pid)
  expect(await codeOf(open.run(huge, []))).toBe('E_MODEL_MEMORY')
  expect(await open.run(mate, [floats([1, 1])])).toHaveLength(1)
  const asked = open.add(asLargeAsAsked())
  const of = (elements: bigint) => ({
    name: 's',
    datatype: 'INT64' as const,
    shape: [1],
    data: BigInt64Array.of(elements),
  })
  expect(await codeOf(open.run(asked, [of(1_000_000_000n)]))).toBe('E_MODEL_MEMORY')
  expect(await open.run(asked, [of(10n)])).toHaveLength(1)
  expect(open.pool.status().map(({ pid }) => pid ?? 0)).toEqual(
    expect.arrayContaining(pids.filter(pid => pid !== undefined)),
  )
})

test('a model that can never fit is refused with its size', async () => {
  open = await openTestPool({ budgetBytes: 4 * 1_048_576 })
  const refused = await refusal(open.run(open.add(heavy(2_000_000, 1)), [floats([1])]))
  expect(refused.code).toBe('E_MODEL_MEMORY')
  expect(refused.status).toBe(507)
  expect(refused.message).toMatch(/takes 1\d\.\d MiB; a runner has 4\.0/)
})

test('more models than fit: the budget holds, all answer (F33)', async () => {
  open = await openTestPool({ shards: 1, budgetBytes: 16 * 1_048_576 })
  const models = Array.from({ length: 40 }, (_, seed) => open!.add(heavy(250_000, seed + 1)))
  for (let round = 0; round < 2; round++) {
    for (const [seed, model] of models.entries()) {
      expect(numbers(await open.run(model, [floats([1])]))).toEqual([seed + 2])
    }
  }
  const [status] = open.pool.status()
  expect(status!.evictions).toBeGreaterThan(40)
  expect(status!.residentBytes).toBeLessThanOrEqual(16 * 1_048_576)
  expect(status!.loads).toBe(status!.evictions + status!.resident)
  for (const count of open.reads.values()) expect(count).toBeLessThanOrEqual(2)
})

test('pinned models stay; idle ones and idle runners go', async () => {
  open = await openTestPool({ shards: 1, idleAfterMs: 400, tickMs: 20 })
  const resident = () => open!.pool.status()[0]!.resident
  const until = async (holds: () => boolean) => {
    for (let i = 0; i < 500 && !holds(); i++) await new Promise(r => setTimeout(r, 20))
    expect(holds()).toBe(true)
  }
  const pinned = open.add(simple(1), { tier: 'pinned' })
  const other = open.add(simple(2))
  open.pool.preload(pinned)
  await until(() => resident() === 1)
  await open.run(other, [floats([1, 1])])
  expect(resident()).toBe(2)
  await until(() => resident() === 1)
  open.pool.unload(pinned)
  await until(() => open!.pool.status()[0]!.pid === undefined)
  expect(await open.run(other, [floats([1, 1])])).toHaveLength(1)
})

test('numbers that are none come through as they are; the caller checks', async () => {
  open = await openTestPool({ shards: 1 })
  expect(numbers(await open.run(open.add(logarithm()), [floats([-1])]))).toEqual([Number.NaN])
  const wrong = await refusal(open.run(open.add(simple(4)), [floats([1, 2, 3])]))
  expect(wrong.code).toBe('E_MODEL_RUN')
  expect(wrong.message).not.toMatch(/[/\\]\w+[/\\]/)
})
