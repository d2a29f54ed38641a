import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelCall } from '../graphs/index.ts'
import { graphFleet } from '../spec/graph-fleet.ts'
import { readFleet } from '../spec/index.ts'
import { graphsDesk } from './graphs.ts'
import { ServedGraphs } from './served-graphs.ts'

function fleetOf(text: string) {
  const { spec } = readFleet([{ path: 'muster.yaml', text }])
  return spec!
}

function serve() {
  let named: ReadonlySet<string> = new Set()
  const asked: ModelCall[] = []
  const served = new ServedGraphs({
    models: {
      members: prefix => Array.from({ length: 31 }, (_, i) => `${prefix}.s${i}`),
      async infer(call) {
        const { model } = call
        asked.push(call)
        if (model.endsWith('s3')) throw new MusterError('E_NOT_SERVING', 'it is set aside')
        const of = { answeredBy: model, version: 1, how: 'itself', because: undefined }
        return { value: 0.25, receipt: `receipt-${model}`, ...of }
      },
    },
    clock: new ManualClock(0),
    chance: () => 0.5,
    alarm: () => () => undefined,
    named: graphs => {
      named = graphs
    },
  })
  return { served, desk: graphsDesk(served), named: () => [...named], asked }
}

const message = {
  wafer: 'w1',
  tool: 't1',
  fahrenheit: 80,
  readings: Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`s${i}`, i])),
}
const ask = {
  requestId: 'r-1',
  signal: new AbortController().signal,
  headers: { 'x-muster-tenant': 'fab', 'x-muster-caller': 'mes', 'user-agent': 'curl' },
}

test('the graphs of what is followed, until something else is', async () => {
  const { served, desk, named } = serve()
  expect(await desk.graphs({ limit: 10, after: undefined })).toEqual([])
  const fleet = fleetOf(graphFleet)
  served.take(fleet)
  expect(named()).toEqual(['wafer-health'])
  const plan = served.find('wafer-health')
  served.take(fleet)
  expect(served.find('wafer-health')).toBe(plan)
  const [row] = await desk.graphs({ limit: 10, after: undefined })
  expect(row).toMatchObject({ models: ['wafer-cd', 'wafer-cd.t1', 'wafer-cd.t1.s1', 'wafer-cnn'] })
  expect(await desk.graphs({ limit: 10, after: { value: null, id: 'wafer-health' } })).toEqual([])
  await expect(desk.graph('wafer-helth')).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
    hint: 'nearest: wafer-health',
  })
  served.take(fleetOf(graphFleet.replace('name: wafer-health', 'name: other')))
  expect(named()).toEqual(['other'])
  expect((await desk.graph('other')).tree).toContain('root: Sequence')
})

test('an answer with its parts as they go over the wire', async () => {
  const { served, desk, asked } = serve()
  served.take(fleetOf(graphFleet))
  const answer = await desk.infer('wafer-health', message, ask)
  expect(answer).toMatchObject({
    graph: 'wafer-health',
    id: 'w1',
    value: { mean: 0.25, worst: 0.25 },
  })
  expect(answer.parts).toHaveLength(32)
  expect(answer.parts[3]).toMatchObject({ state: 'failed', code: 'E_NOT_SERVING', value: null })
  expect(asked).toHaveLength(32)
  expect(asked[0]!.asker).toMatchObject({ tenant: 'fab', caller: 'mes', requestId: 'r-1' })
})

test('deadline and priority come by the headers that models have', async () => {
  const { served, desk, asked } = serve()
  served.take(fleetOf(graphFleet))
  const send = (headers: Readonly<Record<string, string>>, arrivedMs?: number) =>
    desk.infer('wafer-health', message, { ...ask, headers, arrivedMs })
  await send({ 'x-request-deadline-ms': '20', 'x-muster-priority': 'batch' })
  expect(asked[0]).toMatchObject({ deadlineMs: 20, asker: { priority: 'batch' } })
  // What it waited for its body counts.
  await expect(send({ 'x-request-deadline-ms': '20' }, -20)).rejects.toMatchObject({
    code: 'E_DEADLINE_PAST',
  })
  for (const deadline of ['0', '-1', 'soon', '600001', '1.5']) {
    const refused = send({ 'x-request-deadline-ms': deadline })
    await expect(refused).rejects.toMatchObject({ code: 'E_DEADLINE', status: 400 })
  }
  await expect(send({ 'x-muster-priority': 'urgent' })).rejects.toMatchObject({ code: 'E_USAGE' })
})

test('what fails tells its parts in the same form', async () => {
  const { served, desk } = serve()
  served.take(fleetOf(graphFleet.replace('require: 30', 'require: 32')))
  const refusal = await desk.infer('wafer-health', message, ask).catch(error => error)
  expect(refusal).toMatchObject({ code: 'E_NOT_SERVING', status: 503 })
  expect(refusal.extra.parts).toHaveLength(33)
  expect(refusal.extra.parts[3]).toMatchObject({ answeredBy: null, because: 'it is set aside' })
  expect(refusal.extra.parts[32]).toMatchObject({ node: 'root', model: null, state: 'failed' })
})
