import { expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import { checkMessage } from './message.ts'
import { runGraph } from './run.ts'
import type { GraphAsk } from './running.ts'
import { type FakeModel, FakeModels, planOf, TurnedTime } from './world.fixture.ts'

interface Given {
  readonly models?: Readonly<Record<string, FakeModel>>
  readonly ask?: Partial<GraphAsk>
}

async function run(body: string | object, message: unknown, given: Given = {}) {
  const time = new TurnedTime()
  const models = new FakeModels(time, new Map(Object.entries(given.models ?? {})))
  const ask = { models, clock: time.clock, alarm: time.alarm, chance: () => 0.5, ...given.ask }
  const startMs = time.clock.monotonicMs()
  const ended = await time.run(
    runGraph(planOf(body), message, ask).then(
      result => ({ result, error: undefined }),
      error => ({ result: undefined, error: error as MusterError }),
    ),
  )
  return { ...ended, models, time, tookMs: time.clock.monotonicMs() - startMs }
}

const sensors = (count: number, model: (i: number) => FakeModel = () => ({})) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`cd.t1.s${i + 10}`, model(i)]))

const perTool = {
  routerType: 'Ensemble',
  steps: [
    {
      models: { blueprint: 'cd', key: { tool: 'message.tool' } },
      inputs: { reading: 'message.readings[key.sensor]' },
    },
  ],
}
const readings = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`s${i + 10}`, i]))
const wafer = { tool: 't1', wafer: 'w7', readings }

test('one message to all 40 models of a tool, prepared once, merged', async () => {
  const graph = {
    prepare: { doubled: 'message.factor * 2.0' },
    nodes: {
      root: { ...perTool, merge: { cel: "{'mean': mean(values), 'worst': highest.model}" } },
    },
  }
  const models = {
    ...sensors(40, () => ({
      value: ({ inputs, values }) => Number(inputs.reading) + Number(values.doubled),
    })),
    'cd.t2.s10': {},
  }
  const ask = { asker: { tenant: 'fab', caller: 'mes' } }
  const { result, models: asked } = await run(graph, { ...wafer, factor: 5 }, { models, ask })
  expect(result?.value).toEqual({ mean: 29.5, worst: 'cd.t1.s49' })
  expect(result?.parts).toHaveLength(40)
  expect(result?.parts[3]).toMatchObject({
    node: 'root',
    step: 'cd',
    model: 'cd.t1.s13',
    state: 'answered',
    value: 13,
    receipt: 'receipt-of-cd.t1.s13',
    answeredBy: 'cd.t1.s13',
    version: 1,
  })
  expect(asked.calls).toHaveLength(40)
  expect(asked.mostInFlight).toBe(40)
  expect(new Set(asked.calls.map(call => call.values)).size).toBe(1)
  expect(asked.calls.every(call => call.asker.tenant === 'fab')).toBe(true)
})

test('parts that are late or fail are told, and the others merged', async () => {
  const graph = (require: unknown) => ({
    nodes: { root: { ...perTool, merge: 'mean', require, deadline: '50ms' } },
  })
  const models = sensors(4, i => ({
    delayMs: i === 1 ? 500 : 10,
    value: () => i,
    ...(i === 2 && { fails: new MusterError('E_NOT_SERVING', 'it is quarantined') }),
  }))
  const some = await run(graph(2), wafer, { models })
  expect(some.tookMs).toBe(50)
  expect(some.result?.value).toBe(1.5)
  expect(some.result?.parts.map(({ state, code }) => [state, code])).toEqual([
    ['answered', undefined],
    ['late', 'E_DEADLINE_PAST'],
    ['failed', 'E_NOT_SERVING'],
    ['answered', undefined],
  ])
  expect(some.models.calls[1]).toMatchObject({ deadlineMs: 50, signal: { aborted: true } })
  const all = await run(graph('all'), wafer, { models })
  expect(all.error).toMatchObject({ code: 'E_DEADLINE_PAST', extra: { parts: { length: 4 } } })
  expect(all.error?.message).toContain('2 of 4 parts of node root answered, and 4 must')
  expect((await run(graph(3), wafer, { models })).error?.code).toBe('E_DEADLINE_PAST')
  const any = await run(graph('any'), { tool: 't1', readings: {} }, { models })
  expect(any.error).toMatchObject({ code: 'E_FEATURE_VALUE' })
  expect(any.error?.message).toContain('reads `s10`, which is not there')
  expect(any.models.calls).toEqual([])
})

test('a branch gets the less of its deadline and the rest, and nothing runs after', async () => {
  const graph = {
    deadline: '100ms',
    nodes: {
      root: {
        routerType: 'Sequence',
        steps: [
          { name: 'first', model: 'cd.t1.s10', dependency: 'Soft', deadline: '30ms' },
          { name: 'second', model: 'cd.t1.s11' },
          { name: 'third', model: 'cd.t1.s12' },
        ],
      },
    },
  }
  const slow = await run(graph, wafer, { models: sensors(3, () => ({ delayMs: 60 })) })
  // 30 for the first, which is late; 60 for the second; 10 are left.
  expect(slow.models.calls.map(call => call.deadlineMs)).toEqual([30, 70, 10])
  expect(slow.tookMs).toBe(100)
  expect(slow.error).toMatchObject({ code: 'E_DEADLINE_PAST', status: 504 })
  const hurried = await run(graph, wafer, {
    models: sensors(3, () => ({ delayMs: 60 })),
    ask: { deadlineMs: 30 },
  })
  expect(hurried.tookMs).toBe(30)
  expect(hurried.models.calls).toHaveLength(1)
  expect(hurried.time.waiting).toBe(1) // The model's own; no alarm is left behind.
})

test('an answer that comes on the stroke is late, whoever rings first', async () => {
  const graph = {
    deadline: '20ms',
    nodes: { root: { routerType: 'Sequence', steps: [{ model: 'cd' }] } },
  }
  const at = (delayMs: number) => run(graph, {}, { models: { cd: { delayMs } } })
  expect((await at(19)).result?.value).toBe(1)
  expect((await at(20)).error?.code).toBe('E_DEADLINE_PAST')
})

test('who gives up is told at once, and the models are told too', async () => {
  const time = new TurnedTime()
  const leaving = new AbortController()
  const models = new FakeModels(time, new Map([['cd', { delayMs: 500 }]]))
  const graph = { nodes: { root: { routerType: 'Sequence', steps: [{ model: 'cd' }] } } }
  const { clock, alarm } = time
  const ask = { models, clock, alarm, chance: () => 0, signal: leaving.signal }
  time.alarm(5, () => leaving.abort())
  await expect(time.run(runGraph(planOf(graph), {}, ask))).rejects.toMatchObject({
    code: 'E_CANCELLED',
    message: expect.stringContaining('nobody waits'),
  })
  expect(time.clock.monotonicMs()).toBe(1_005)
  expect(models.calls[0]?.signal.aborted).toBe(true)
})

test('a Sequence hands on what a step gave, by name and by condition', async () => {
  const graph = {
    nodes: {
      root: {
        routerType: 'Sequence',
        steps: [
          { name: 'first', model: 'cd.t1.s10' },
          {
            name: 'second',
            imported: 'resnet',
            data: '$response',
            condition: 'response > 3.0',
            inputs: { score: 'response', before: 'steps.first' },
          },
          { name: 'third', model: 'cd.t1.s11', data: '$response', condition: 'response.go' },
        ],
      },
    },
  }
  const models = (first: number, go: boolean) => ({
    'cd.t1.s10': { value: () => first },
    resnet: { value: () => ({ go, logits: [1, 2] }) },
    'cd.t1.s11': { value: () => 'end' },
  })
  const whole = await run(graph, { a: 1 }, { models: models(4, true) })
  expect(whole.result?.value).toBe('end')
  expect(
    whole.models.calls.map(({ model, kind, values, inputs }) => [model, kind, values, inputs]),
  ).toEqual([
    ['cd.t1.s10', 'family', { a: 1 }, {}],
    ['resnet', 'imported', {}, { score: 4, before: 4 }],
    ['cd.t1.s11', 'family', { go: true, logits: [1, 2] }, {}],
  ])
  const short = await run(graph, {}, { models: models(4, false) })
  expect(short.result?.value).toEqual({ go: false, logits: [1, 2] })
  expect((await run(graph, {}, { models: models(2, true) })).result?.value).toBe(2)
})

test('a Switch takes the first that holds, a Splitter the same for the same id', async () => {
  const chosen = (routerType: string, steps: object[]) => ({
    messageId: 'message.id',
    nodes: { root: { routerType, steps } },
  })
  const models = { 'cd.t1.s10': { value: () => 'a' }, 'cd.t1.s11': { value: () => 'b' } }
  const byCondition = chosen('Switch', [
    { model: 'cd.t1.s10', condition: 'message.x > 5.0' },
    { model: 'cd.t1.s11', condition: 'message.x > 1.0' },
  ])
  const given = async (x: number) => run(byCondition, { id: 'w', x }, { models })
  expect((await given(9)).result?.value).toBe('a')
  expect((await given(3)).result?.value).toBe('b')
  expect((await given(0)).error).toMatchObject({ code: 'E_FEATURE_VALUE', status: 422 })
  const byWeight = chosen('Splitter', [
    { model: 'cd.t1.s10', weight: 90 },
    { model: 'cd.t1.s11', weight: 10 },
  ])
  const ids = Array.from({ length: 400 }, (_, i) => `wafer-${i}`)
  const ways = new Map<string, unknown>()
  for (const id of ids) ways.set(id, (await run(byWeight, { id }, { models })).result?.value)
  const share = [...ways.values()].filter(way => way === 'b').length / ids.length
  expect(Math.abs(share - 0.1)).toBeLessThan(0.04)
  for (const id of ids.slice(0, 50)) {
    const again = await run(byWeight, { id }, { models, ask: { id, chance: () => 0.99 } })
    expect(again.result).toMatchObject({ id, value: ways.get(id) })
  }
}, 30_000)

test('a selection is by key: a value, a list, a rule; never more than it may be', async () => {
  const selecting = (models: object, require: unknown = 'all') => ({
    nodes: {
      root: {
        routerType: 'Ensemble',
        require,
        steps: [{ models: { blueprint: 'cd', ...models } }],
      },
    },
  })
  const models = { ...sensors(6), 'cd.t2.s10': {}, 'cd.t10.s10': {} }
  const asked = async (select: object, message: object = wafer) => {
    const ran = await run(selecting(select), message, { models })
    return ran.error ?? ran.models.calls.map(call => call.model.slice(3))
  }
  expect(await asked({ key: { tool: 'message.tool' } })).toHaveLength(6)
  expect(await asked({})).toHaveLength(8)
  expect(await asked({ key: { tool: "['t2', 't10', 't2']" } })).toEqual(['t2.s10', 't10.s10'])
  expect(await asked({ key: { tool: 'message.tool', sensor: "['s10', 's99']" } })).toMatchObject({
    code: 'E_MODEL_UNKNOWN',
  })
  expect(await asked({ key: { tool: 'message.tool' }, where: "key.sensor >= 's14'" })).toEqual([
    't1.s14',
    't1.s15',
  ])
  expect(await asked({ key: { tool: 'message.tool' }, atMost: 5 })).toMatchObject({
    code: 'E_TOO_LARGE',
    message: expect.stringContaining('more than 5 models of cd; the limit is 5'),
  })
  expect(await asked({ key: { tool: "'t9'" } })).toMatchObject({
    code: 'E_MODEL_UNKNOWN',
    message: expect.stringContaining('no model below cd.t9'),
  })
  expect(await asked({ key: { tool: 'message.readings' } })).toMatchObject({
    code: 'E_FEATURE_VALUE',
  })
})

test('a message is an object of a bounded size', async () => {
  const refused = (message: unknown) => {
    try {
      checkMessage(message)
      return undefined
    } catch (error) {
      return (error as MusterError).code
    }
  }
  expect(refused({ a: [1, { b: 'c' }] })).toBeUndefined()
  for (const message of [null, 3, 'x', [1], undefined]) expect(refused(message)).toBe('E_USAGE')
  const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`)
  expect(refused(deep)).toBe('E_TOO_LARGE')
  expect(refused({ a: Array.from({ length: 10_001 }, () => 0) })).toBe('E_TOO_LARGE')
  expect(refused({ a: 'x'.repeat(1_048_577) })).toBe('E_TOO_LARGE')
  expect(refused(JSON.parse('{"__proto__": {"a": 1}}'))).toBeUndefined()
})

test('many calls wait for each other', async () => {
  const steps = Array.from({ length: 2 }, (_, i) => ({
    name: `s${i}`,
    models: { blueprint: 'cd', key: { tool: `'t${i + 1}'` }, atMost: 200 },
  }))
  const models = Object.fromEntries(
    Array.from({ length: 400 }, (_, i) => [`cd.t${1 + (i % 2)}.s${1000 + i}`, { delayMs: 10 }]),
  )
  const graph = { nodes: { root: { routerType: 'Ensemble', merge: 'mean', steps } } }
  const ran = await run(graph, {}, { models })
  expect(ran.result?.parts).toHaveLength(400)
  expect(ran.models.mostInFlight).toBe(256)
  expect(ran.tookMs).toBe(20)
})

test('while a rule looks at a thousand members, others have their turn', async () => {
  const models = { ...sensors(1_000), 'cd.t1.s2000': { value: () => 5 } }
  const step = {
    models: { blueprint: 'cd', key: { tool: "'t1'" }, where: "key.sensor == 's2000'" },
  }
  const graph = { nodes: { root: { routerType: 'Ensemble', merge: 'mean', steps: [step] } } }
  let [turns, over] = [0, false]
  const others = () => {
    turns += 1
    if (!over) setImmediate(others)
  }
  setImmediate(others)
  const { result } = await run(graph, {}, { models })
  over = true
  expect(result?.value).toBe(5)
  expect(turns).toBeGreaterThan(15)
})
