import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import { openFamilySession } from '../onnx/index.ts'
import { defaultServing, type ServingSpec } from '../spec/index.ts'
import type { Answer, InferRequest } from './answer.ts'
import { type DataPlane, openDataPlane } from './data-plane.ts'
import type { FeatureSource } from './feature-source.ts'
import { memoryBlobs, sampleBody, sampleFacts, sampleFamily } from './sample-family.fixture.ts'

/*
 * Real graphs and packs. A version fails by a bias that is no number (its answers are not finite),
 * or by a session that throws on a call with its parameters.
 */

let plane: DataPlane
afterEach(() => plane.close())

/** A family's answer. */
async function infer(request: InferRequest): Promise<Answer> {
  return (await plane.infer(request)) as Answer
}

const root = 1_000
const segment = 2_000
const leaf = 3_000

interface World {
  readonly clock: ManualClock
  /** Biases of which a call throws. */
  readonly failing: Set<number>
  readonly calls: number[]
  take(
    biases: Readonly<Record<string, number>>,
    serving?: Partial<ServingSpec>,
    source?: FeatureSource,
  ): Promise<void>
  ask(model: string, row?: number): Promise<Answer>
}

function world(): World {
  const blobs = memoryBlobs()
  const clock = new ManualClock(1_000_000)
  const failing = new Set<number>()
  const calls: number[] = []
  plane = openDataPlane({
    blobs,
    clock,
    environment: 'prod',
    openSession: async graph => {
      const session = await openFamilySession(graph)
      const run: typeof session.run = (x, parameters, rows, parameterRows) => {
        calls.push(rows)
        const hit = [...failing].some(bias => parameters.includes(bias))
        if (hit) return Promise.reject(new Error('it crashed'))
        return session.run(x, parameters, rows, parameterRows)
      }
      const { inputs, width, categories } = session
      return { inputs, width, categories, run, close: () => session.close() }
    },
  })
  plane.markSynced()
  let generation = 0
  return {
    clock,
    failing,
    calls,
    async take(biases, serving = {}, source) {
      generation += 1
      const about = { generation, version: generation }
      const routes = sampleFamily(blobs, new Map(Object.entries(biases)), about)
      const facts = { ...sampleFacts(), source, serving: { ...defaultServing('low'), ...serving } }
      const inputs = facts.signature.inputs.map(input => ({ ...input, min: -100, max: 1e6 }))
      expect(
        await plane.replaceFamily(routes, { ...facts, signature: { ...facts.signature, inputs } }),
      ).toBe('applied')
    },
    ask: (model, row = 1) => infer({ model, body: sampleBody([row]) }),
  }
}

const biases = { 'route-delay': root, 'route-delay.ATL': segment, 'route-delay.ATL.LAX': leaf }
const name = 'route-delay.ATL.LAX'
const bad = (bias: number) => ({ ...biases, [name]: bias })

test('the version before answers when the new one fails, and the answer says so', async () => {
  const { take, ask } = world()
  await take(biases)
  await take(bad(Number.NaN))
  const answer = await ask(name)
  expect(answer).toMatchObject({
    model: name,
    answeredBy: name,
    version: 1,
    how: 'previous',
    because: 'row 0 gives a number that is not finite',
  })
  expect(answer.values[0]).toBe(leaf + 1)
  expect((await ask('route-delay.ATL')).how, 'nobody else is touched').toBe('itself')
})

test('without a version before it is the nearest ancestor that can', async () => {
  const { take, ask, failing } = world()
  await take(bad(Number.NaN))
  expect(await ask(name)).toMatchObject({ how: 'ancestor', answeredBy: 'route-delay.ATL' })
  failing.add(segment)
  const answer = await ask(name)
  expect(answer).toMatchObject({ how: 'ancestor', answeredBy: 'route-delay' })
  expect(answer.values[0]).toBe(root + 1)
  expect(answer.because).toContain('not finite')
})

test('the declared order holds: cached, then rule; with age, and version 0 of a rule', async () => {
  const { take, ask, clock, failing } = world()
  const serving = {
    fallback: ['cached', 'rule'],
    cachedForMs: 60_000,
    rule: 'inputs.f0 * 2.0',
  } as const
  await take(biases, serving)
  expect(await ask(name, 7)).toMatchObject({ how: 'itself' })
  failing.add(leaf)
  clock.advance(5_000)
  const cached = await ask(name, 7)
  expect(cached).toMatchObject({ how: 'cached', ageMs: 5_000, version: 1, answeredBy: name })
  expect(cached.values[0]).toBe(leaf + 7)
  const ruled = await ask(name, 8)
  expect(ruled).toMatchObject({ how: 'rule', version: 0, because: 'the graph failed on this call' })
  expect(ruled.values[0]).toBe(16)
  clock.advance(60_000)
  expect((await ask(name, 7)).how, 'too old').toBe('rule')
})

test('without anybody to stand in the failure is told', async () => {
  const { take, ask, failing } = world()
  await take(biases, { fallback: [] })
  failing.add(leaf)
  await expect(ask(name)).rejects.toMatchObject({ code: 'E_INTERNAL' })
  await take(bad(Number.NaN), { fallback: [] })
  await expect(ask(name)).rejects.toMatchObject({ code: 'E_FEATURE_VALUE' })
})

test('bad input is refused, also by a model that fails; a version is that one', async () => {
  const { take, failing } = world()
  await take(biases, { fallback: ['ancestor', 'rule'], rule: 5 })
  failing.add(leaf)
  const ask = (more: object, body: object = sampleBody([1])) =>
    plane.infer({ model: name, body, ...more })
  await expect(ask({}, { inputs: [] })).rejects.toMatchObject({ code: 'E_TENSOR_MISSING' })
  await expect(ask({}, sampleBody([Number.NaN]))).rejects.toMatchObject({ code: 'E_FEATURE_VALUE' })
  await expect(ask({ version: '1' })).rejects.toMatchObject({ code: 'E_INTERNAL' })
  expect((await ask({})).how).toBe('ancestor')
})

test('in a batch only who is at fault is told, or stood in for', async () => {
  const { take, ask, failing, calls } = world()
  await take(biases, { fallback: [] })
  failing.add(leaf)
  calls.length = 0
  const answers = await Promise.allSettled([ask(name), ask('route-delay'), ask('route-delay.ATL')])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  expect(calls, 'all at once, then one by one').toEqual([3, 1, 1, 1])
})

test('after five failures it is set aside, and probed after a while', async () => {
  const { take, ask, failing, calls, clock } = world()
  await take(biases)
  failing.add(leaf)
  for (let i = 0; i < 5; i++) expect((await ask(name)).how).toBe('ancestor')
  calls.length = 0
  const answer = await ask(name)
  expect(answer).toMatchObject({ how: 'ancestor', answeredBy: 'route-delay.ATL' })
  expect(answer.because).toBe('version 1 is set aside for a moment: the graph failed on this call')
  expect(calls, 'the ancestor alone').toEqual([1])
  expect(plane.ejected()).toMatchObject([{ model: name, version: 1, state: 'open' }])
  failing.clear()
  clock.advance(5_000)
  expect((await ask(name)).how).toBe('itself')
  expect(plane.ejected()).toEqual([])
})

test('a probe whose input is refused, or that there is no room for, spoils no other', async () => {
  const { take, ask, failing, clock } = world()
  await take(biases, { rowsInFlightMax: 1 })
  failing.add(leaf)
  for (let i = 0; i < 5; i++) await ask(name)
  failing.clear()
  clock.advance(5_000)
  await expect(infer({ model: name, body: { inputs: [] } })).rejects.toMatchObject({
    code: 'E_TENSOR_MISSING',
  })
  const late = infer({ model: name, body: sampleBody([1]), signal: { aborted: true } })
  await expect(late).rejects.toMatchObject({ code: 'E_CANCELLED' })
  expect((await ask(name)).how).toBe('itself')
})

test('quarantined it is not probed until it is lifted, nor after a restart', async () => {
  const { take, ask, failing, clock } = world()
  await take(biases)
  plane.quarantine(name, 1, 'it crashed three times')
  clock.advance(1e9)
  expect((await ask(name)).because).toBe('version 1 is quarantined: it crashed three times')
  expect([plane.lift(name, 1), plane.lift(name, 1)]).toEqual([true, false])
  expect((await ask(name)).how).toBe('itself')
  failing.add(leaf)
  for (let i = 0; i < 5; i++) await ask(name)
  for (const waitMs of [5_000, 10_000]) {
    clock.advance(waitMs)
    await ask(name)
  }
  expect(plane.ejected()).toMatchObject([{ state: 'quarantined' }])
  await take({ ...biases, [name]: 4_000 })
  expect((await ask(name)).how, 'a new version begins anew').toBe('itself')
  expect(plane.ejected(), 'the version before it still is').toMatchObject([{ version: 1 }])
  for (let i = 0; i < 1_000; i++) await ask(name)
  plane.tend()
  await take({ ...biases, [name]: 5_000 })
  expect(plane.ejected(), 'nobody could ask it any more').toEqual([])
})

test('one caller with wild inputs takes the model from nobody', async () => {
  const { take, ask } = world()
  await take(biases)
  const body = sampleBody([3e38])
  const wild = { inputs: (body.inputs as object[]).map(input => ({ ...input, data: [3e38] })) }
  for (let i = 0; i < 20; i++) {
    const answer = plane.infer({ model: name, body: wild })
    await expect(answer).rejects.toMatchObject({ code: 'E_FEATURE_VALUE' })
  }
  expect(plane.ejected()).toEqual([])
  expect((await ask(name)).how).toBe('itself')
})

test('I9: the version before is kept until the new one has proven itself', async () => {
  const { take, ask, clock, failing } = world()
  await take(biases)
  await take(bad(5_000))
  clock.advance(9 * 60_000)
  plane.tend()
  failing.add(5_000)
  for (let i = 0; i < 5; i++) expect((await ask(name)).how).toBe('previous')
  clock.advance(20 * 60_000)
  plane.tend()
  failing.delete(5_000)
  expect((await ask(name)).how, 'the probe').toBe('itself')
  failing.add(5_000)
  expect((await ask(name)).how, 'what failed meanwhile has proven nothing').toBe('previous')
  failing.clear()
  for (let i = 0; i < 1_000; i++) await ask(name)
  plane.tend()
  failing.add(5_000)
  expect((await ask(name)).how, 'after a thousand good answers').toBe('ancestor')
})

test('of versions that never proved themselves the last good one stays', async () => {
  const { take, ask } = world()
  await take(biases)
  await take(bad(Number.NaN))
  await take(bad(Number.NaN))
  expect(await ask(name)).toMatchObject({ how: 'previous', version: 1 })
})

test('features that cannot be had: an answer to the same question, or the rule', async () => {
  const { take, clock } = world()
  let isAway = false
  const source: FeatureSource = {
    columns: [{ name: 'station', datatype: 'INT64', type: 'INTEGER' }],
    follows: [undefined, ['station']],
    named: () => new Map([['station', 70n]]),
    async fill() {
      if (isAway) throw new MusterError('E_FEATURES_AWAY', 'the online store does not answer')
      return [{ values: new Float32Array([100]) }]
    },
  }
  const serving = { fallback: ['previous', 'ancestor', 'cached', 'rule'], rule: 9 } as const
  await take(biases, { ...serving, cachedForMs: 60_000 }, source)
  const ask = (row: number) => {
    const { inputs } = sampleBody([row]) as { inputs: object[] }
    return infer({ model: name, body: { inputs: [inputs[0]] } })
  }
  expect((await ask(1)).values[0]).toBe(leaf + 101)
  isAway = true
  clock.advance(1_000)
  expect(await ask(1)).toMatchObject({ how: 'cached', ageMs: 1_000 })
  expect(await ask(2)).toMatchObject({ how: 'rule', because: 'the online store does not answer' })
  expect(plane.ejected(), 'no model is at fault').toEqual([])
})

test('never trained: the rule answers where nothing serves', async () => {
  const { take, ask } = world()
  await take({}, { fallback: ['ancestor', 'rule'], rule: 12.5 })
  const answer = await ask('route-delay.ATL')
  expect(answer).toMatchObject({ how: 'rule', version: 0 })
  expect(answer.values[0]).toBe(12.5)
  expect(answer.because).toBe('nothing from route-delay.ATL up to route-delay serves yet')
})
