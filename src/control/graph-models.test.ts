import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import type { MusterError } from '../base/errors.ts'
import type { ModelCall } from '../graphs/index.ts'
import { openDataPlane } from '../serve/index.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../serve/sample-family.fixture.ts'
import { planeModels } from './graph-models.ts'

const open: Disposable[] = []
afterEach(() => {
  for (const one of open.splice(0)) one[Symbol.dispose]()
})

/** A data plane with a family of two tools, ten sensors each; a model answers its bias and f0. */
async function plane() {
  const blobs = memoryBlobs()
  const names = ['wafer-cd', 'wafer-cd.t1', 'wafer-cd.t2'].concat(
    ['t1', 't2'].flatMap(tool => Array.from({ length: 10 }, (_, i) => `wafer-cd.${tool}.s${i}`)),
  )
  const biases = new Map(names.sort().map((name, i) => [name, 100 * i]))
  const opened = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  open.push(opened)
  const family = sampleFamily(blobs, biases, {
    blueprint: 'wafer-cd',
    inherited: { 'wafer-cd.t1.s99': 'too few rows' },
  })
  await opened.replaceFamily(family, sampleFacts())
  opened.markSynced()
  return { opened, models: planeModels(opened), biases }
}

const call = (model: string, more: Partial<ModelCall> = {}): ModelCall => ({
  model,
  kind: 'family',
  values: { f0: 2, f1: 0.5, tool: 't1', other: [1, 2] },
  inputs: {},
  deadlineMs: 1_000,
  asker: { priority: 'interactive', requestId: 'r-1' },
  signal: new AbortController().signal,
  ...more,
})

test('what the message has by name is sent, and what is written down over it', async () => {
  const { models, biases } = await plane()
  const bias = biases.get('wafer-cd.t1.s3')!
  const plain = await models.infer(call('wafer-cd.t1.s3'))
  expect(plain).toMatchObject({ value: bias + 2.5, answeredBy: 'wafer-cd.t1.s3', how: 'itself' })
  const written = await models.infer(call('wafer-cd.t1.s3', { inputs: { f0: 10 } }))
  expect(written.value).toBe(bias + 10.5)
  const missing = await models.infer(call('wafer-cd.t1.s3', { values: { f0: 1, f1: null } }))
  expect(missing.value).toBe(bias + 1)
})

const code = (of: Promise<unknown>) =>
  of.then(
    () => undefined,
    (error: MusterError) => error.code,
  )

test('what does not fit is refused by the data plane, in its words', async () => {
  const { models } = await plane()
  const model = 'wafer-cd.t1.s3'
  expect(await code(models.infer(call(model, { values: {} })))).toBe('E_TENSOR_MISSING')
  expect(await code(models.infer(call(model, { inputs: { f7: 1 } })))).toBe('E_TENSOR_UNKNOWN')
  expect(await code(models.infer(call(model, { inputs: { f0: 'x' } })))).toBe('E_TENSOR_DATA')
  expect(await code(models.infer(call('wafer-dc.t1')))).toBe('E_MODEL_UNKNOWN')
  const imported = call('resnet', { kind: 'imported' })
  expect(await code(models.infer(imported))).toBe('E_MODEL_UNKNOWN')
})

test('members below a name, those that an ancestor answers for among them', async () => {
  const { models } = await plane()
  expect(models.members('wafer-cd.t2', 100)).toHaveLength(10)
  expect(models.members('wafer-cd.t1', 100)).toContain('wafer-cd.t1.s99')
  expect(models.members('wafer-cd', 100)).toHaveLength(21)
  expect(models.members('wafer-cd.t1', 4)).toEqual([0, 1, 2, 3].map(i => `wafer-cd.t1.s${i}`))
  expect(models.members('wafer-cd.t', 4)).toEqual([])
  const inherited = await models.infer(call('wafer-cd.t1.s99'))
  expect(inherited).toMatchObject({ answeredBy: 'wafer-cd.t1', how: 'ancestor' })
})

test('a model that is set aside is stood in for, and the part says so', async () => {
  const { models, opened } = await plane()
  opened.quarantine('wafer-cd.t1.s3', 1, 'it crashed three times')
  const stood = await models.infer(call('wafer-cd.t1.s3'))
  expect(stood).toMatchObject({ answeredBy: 'wafer-cd.t1', how: 'ancestor' })
  expect(stood.because).toContain('crashed three times')
})

test('the name of a graph is no model, and its caller is told where it is', async () => {
  const { opened } = await plane()
  opened.nameGraphs(new Set(['wafer-health']))
  await expect(opened.infer({ model: 'wafer-health', body: {} })).rejects.toMatchObject({
    code: 'E_MODEL_UNKNOWN',
    hint: 'send it a message: POST /api/v1/graphs/wafer-health/infer',
  })
})
