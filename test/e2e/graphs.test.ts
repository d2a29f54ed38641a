import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  declarationOf,
  sensorName,
  type ToolsSize,
  type WaferMessage,
  wafers,
  writeTools,
} from '../fleets/tools/tools.ts'
import { freePort, interrupt, type Launch, launch, ready, run, temporaryHome } from './program.ts'
import { trainTools } from './trained-tools.ts'

/*
 * One message to the forty models of a tool: declared, trained, sent over HTTP, and every
 * consolidated value held against direct calls of the models, merged here.
 */

const size: ToolsSize = { tools: 3, sensors: 40, days: 30 }

interface Part {
  readonly model: string
  readonly state: string
  readonly value: number
  readonly receipt: string
  readonly answeredBy: string
  readonly code: string | null
}
interface Answer {
  readonly graph: string
  readonly id: string
  readonly value: Readonly<Record<string, number | string>>
  readonly parts: readonly Part[]
}

const home = temporaryHome('tools')
let where: Launch
let url: string
let server: ReturnType<typeof launch>
beforeAll(async () => {
  await writeTools(home.path, size)
  const port = await freePort()
  where = { home: join(home.path, 'state'), port, cwd: home.path }
  url = `http://127.0.0.1:${port}`
  server = launch(['up'], where)
  await ready(port, server)
  expect(await trainTools(url, where, size)).toContain('124 models')
}, 180_000)
afterAll(async () => {
  if (server) await interrupt(server)
  home[Symbol.dispose]()
})

async function post(
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: answer.status, ...((await answer.json()) as object) }
}

const send = (message: object, headers: Readonly<Record<string, string>> = {}) =>
  post('/api/v1/graphs/wafer-health/infer', message, headers) as unknown as Promise<
    Answer & { readonly status: number; readonly code?: string; readonly detail?: string }
  >

/** The answer of one model, asked as an application asks. */
async function direct({ tool, celsius, readings }: WaferMessage, sensor: string): Promise<number> {
  const input = (name: string, value: unknown) => ({
    name,
    datatype: 'FP32',
    shape: [1],
    data: [value],
  })
  const inputs = [input('reading', readings[sensor]), input('kelvin', celsius + 273.15)]
  const said = await post(`/v2/models/wafer-cd.${tool}.${sensor}/infer`, { inputs })
  expect(said.status).toBe(200)
  return (said as unknown as { outputs: { data: number[] }[] }).outputs[0]!.data[0]!
}

test('every consolidated value is that of direct calls, merged', async () => {
  const sent = wafers(size, 6)
  const answers = await Promise.all(sent.map(message => send(message)))
  const heard = new Set<number>()
  for (const [i, message] of sent.entries()) {
    const { status, id, value, parts } = answers[i]!
    expect([status, id, parts.length]).toEqual([200, message.wafer, 40])
    const values: number[] = []
    for (const [s, part] of parts.entries()) {
      const own = await direct(message, sensorName(s))
      expect(part).toMatchObject({
        model: `wafer-cd.${message.tool}.${sensorName(s)}`,
        state: 'answered',
        value: own,
        receipt: expect.stringMatching(/^[0-9A-Z]{26}$/),
      })
      values.push(own)
      heard.add(own)
    }
    const highest = Math.max(...values)
    const votes = values.filter(v => v > 60).length
    expect(value).toEqual({
      mean: values.reduce((a, b) => a + b, 0) / 40,
      worst: parts[values.indexOf(highest)]!.model,
      highest,
      drifting: votes > 20 ? 1 : 0,
      answered: 40,
    })
  }
  // Each model answers for itself: two hundred and forty numbers, hardly one of them twice.
  expect(heard.size).toBeGreaterThan(230)
})

test('what one part lacks is told, and the others are merged', async () => {
  const [message] = wafers(size, 1)
  const { [sensorName(7)]: _, ...readings } = message!.readings
  const { value, parts } = await send({ ...message, readings })
  expect(value.answered).toBe(39)
  expect(parts[7]).toMatchObject({
    model: 'wafer-cd.T000.s007',
    state: 'failed',
    value: null,
    receipt: null,
    code: 'E_FEATURE_VALUE',
    because: expect.stringContaining('reads `s007`, which is not there'),
  })
  const few = await send({ ...message, readings: { [sensorName(0)]: 12 } })
  expect(few).toMatchObject({
    status: 422,
    code: 'E_FEATURE_VALUE',
    detail: expect.stringContaining('1 of 40 parts of node root answered, and 30 must'),
  })
  expect(few.parts).toHaveLength(40)
})

test('refusals say what, where and what to do', async () => {
  const [message] = wafers(size, 1)
  const refused = async (body: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const { status, code, hint } = await post('/api/v1/graphs/wafer-health/infer', body, headers)
    return { status, code, hint }
  }
  expect(await refused({ ...message, tool: 'T999' })).toMatchObject({ code: 'E_MODEL_UNKNOWN' })
  expect(await refused([1])).toMatchObject({ status: 400, code: 'E_USAGE' })
  expect(await refused({ ...message, celsius: 'warm' })).toMatchObject({ status: 422 })
  const none = { 'x-request-deadline-ms': '0' }
  expect(await refused(message, none)).toMatchObject({ status: 400, code: 'E_DEADLINE' })
  let deep: unknown = 1
  for (let i = 0; i < 500; i++) deep = [deep]
  expect(await refused({ ...message, deep })).toMatchObject({ status: 413, code: 'E_TOO_LARGE' })
  expect(await post('/api/v1/graphs/wafer-helth/infer', {})).toMatchObject({
    status: 404,
    hint: 'nearest: wafer-health',
  })
  expect(await post('/v2/models/wafer-health/infer', { inputs: [] })).toMatchObject({
    error: expect.stringContaining('is a graph, not a model'),
  })
})

test('from the terminal', async () => {
  const [message] = wafers(size, 1)
  writeFileSync(join(home.path, 'wafer.json'), JSON.stringify(message))
  expect((await run(['graphs'], where)).stdout).toMatch(/^wafer-health\t1\t2000 ms\twafer-cd/)
  const shown = await run(['graphs', 'show', 'wafer-health'], where)
  expect(shown.stdout).toContain('wafer-cd.{tool}.* (at most 256)')
  const args = ['graphs', 'run', 'wafer-health', '--message', 'wafer.json', '--json', '--parts']
  const ran = JSON.parse((await run(args, where)).stdout) as Answer
  const sent = await send(message!)
  expect(ran).toMatchObject({ value: sent.value, id: message!.wafer })
  expect(ran.parts.map(part => part.value)).toEqual(sent.parts.map(part => part.value))
})

test('a changed graph is followed when it is applied, and a broken one is refused', async () => {
  const declared = declarationOf(size)
  const write = (text: string) => writeFileSync(join(home.path, 'muster.yaml'), text)
  write(declared.replace("{'mean': mean(values),", "{'mean': men(values),"))
  const wrong = await run(['validate'], where)
  expect(wrong.stderr).toContain('use `mean`')
  write(declared.replace("{'mean': mean(values),", "{'least': min(values), 'mean': mean(values),"))
  const applied = await run(['apply'], where)
  expect(applied.code).toBe(0)
  const [message] = wafers(size, 1)
  await expect
    .poll(async () => Object.keys((await send(message!)).value), { timeout: 20_000 })
    .toContain('least')
  const { value, parts } = await send(message!)
  expect(value.least).toBe(Math.min(...parts.map(part => part.value)))
})
