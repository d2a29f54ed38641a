import { tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DocksServer, startDocks } from '../docks.ts'
import { run } from './program.ts'

let docks: DocksServer
beforeAll(async () => {
  docks = await startDocks()
}, 120_000)
afterAll(() => docks?.[Symbol.asyncDispose]())

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${docks.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
const starts = '2026-11-01T08:00:00Z'
const trip = [`starts=${starts}`, 'lat=37.77', 'lon=-122.4', 'to_lat=37.8', 'to_lon=-122.37']

async function predicted(...input: readonly string[]) {
  const { stdout, stderr } = await run(
    ['predict', 'demand.70', '--json', '--input', ...input],
    docks.where,
  )
  expect(stderr).toBe('')
  return JSON.parse(stdout) as {
    prediction: number
    featuresLookedUp: number
    oldestFeatureMs: number
  }
}

test('what was pushed a moment ago is in the next prediction', async () => {
  await docks.push(70, 0, 'open')
  const few = await predicted(...trip)
  expect(few).toMatchObject({ featuresLookedUp: 2, oldestFeatureMs: expect.any(Number) })
  await docks.push(70, 8, 'open')
  const many = await predicted(...trip)
  expect(many.prediction).toBeGreaterThan(few.prediction + 8)
  await docks.push(70, 8, 'full')
  const full = await predicted(...trip)
  expect(full.prediction).toBeGreaterThan(many.prediction + 3)
  // All that is looked up and computed, sent: the same answer.
  const hour = 8
  const vectors = await post('/api/v1/features/online', {
    view: 'at-station@1',
    entities: {
      station: [70],
      starts: [starts],
      lat: [37.77],
      lon: [-122.4],
      to_lat: [37.8],
      to_lon: [-122.37],
    },
  })
  const { features } = (await vectors.json()) as { features: { name: string; values: unknown[] }[] }
  const value = Object.fromEntries(features.map(f => [f.name, f.values[0]]))
  expect(value).toMatchObject({ hour, 'docks.free': 8, 'docks.state': 'full' })
  const sent = await predicted(...Object.entries(value).map(([name, v]) => `${name}=${v}`))
  expect(sent.prediction).toBe(full.prediction)
  expect(sent).not.toHaveProperty('featuresLookedUp')
})

test('what is deleted is online no more when its deletion is answered', async () => {
  await docks.push(72, 5, 'open')
  const ask = { features: ['docks.free'], entities: { station: [72] } }
  const status = async () => {
    const answer = await post('/api/v1/features/online', ask)
    const { features } = (await answer.json()) as { features: { statuses: string[] }[] }
    return features[0]!.statuses[0]
  }
  expect(await status()).toBe('PRESENT')
  const call = ['predict', 'demand.72', '--json', '--input', ...trip]
  const { receipt } = JSON.parse((await run(call, docks.where)).stdout)
  const entities = [{ station: 71_000 }, { station: '072' }]
  const gone = await post('/api/v1/sources/readings/delete', { entities })
  expect(gone.status).toBe(200)
  expect(await status()).toBe('NOT_FOUND')
  // What was predicted for it too, with the reason when somebody asks.
  expect((await gone.json()) as object).toMatchObject({
    predictions: {
      ...{ rows: 1, items: [{ entity: 1, rows: 1 }], unreadable: 0 },
      notHeld: [{ blueprint: 'demand', levels: ['root'] }],
    },
  })
  const replayed = await run(['replay', receipt], docks.where)
  expect(replayed.stderr).toContain('was erased on request')
})

test('the metadata says it, and what is not said is asked for by name', async () => {
  const answer = await fetch(`${docks.url}/v2/models/demand.70`)
  const facts = (await answer.json()) as { inputs: { name: string; parameters: object }[] }
  const told = facts.inputs.map(({ name, parameters }) => [name, parameters])
  expect(Object.fromEntries(told)).toMatchObject({
    hour: { optional: true, follows_from: 'starts' },
    'docks.free': { optional: true, may_be_missing: true },
    starts: { optional: true, column: 'TIMESTAMP' },
    station: { optional: true, column: 'INTEGER', given_by: 'name' },
  })
  const { code, stderr } = await run(['predict', 'demand.70'], docks.where)
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/`hour`, `far` are missing[\s\S]*send `starts`/)
  const root = await run(['predict', 'demand', '--input', ...trip, 'station=71'], docks.where)
  expect(root.stderr).toContain('2 features looked up')
})

test('a training frame as Arrow, by the data of then and of now', async () => {
  const ask = {
    view: 'at-station',
    label: 'demand',
    span: { from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' },
  }
  const answer = await post('/api/v1/features/frame', ask)
  expect(answer.headers.get('content-type')).toBe('application/vnd.apache.arrow.stream')
  const table = tableFromIPC(new Uint8Array(await answer.arrayBuffer()))
  expect(table.numRows).toBe(3 * 24)
  expect(table.get(0)?.toJSON()).toMatchObject({
    station: '70',
    event_time: Date.UTC(2026, 2, 1),
    label: expect.any(Number),
    hour: 0,
    'docks.free': expect.any(Number),
    'docks.state': expect.stringMatching(/open|full/),
  })
  const rows = [
    { station: 70, eventTime: '2026-01-01T05:59:00Z' },
    { station: 70, eventTime: '2026-01-01T06:00:00Z' },
    { station: 99, eventTime: '2026-01-01T06:00:00Z' },
  ]
  const spine = await post('/api/v1/features/frame', {
    view: 'at-station@1',
    features: ['docks.free', 'docks.state'],
    rows,
  })
  const joined = tableFromIPC(new Uint8Array(await spine.arrayBuffer())).toArray()
  expect(joined.map(row => [row.station, row['docks.free'], row['docks.state']])).toEqual([
    [70n, 70 % 9, 'full'],
    [70n, 71 % 9, 'open'],
    [99n, null, null],
  ])
})

test('rows of the caller have times as JSON does, and are refused by column and row', async () => {
  const row = (starts: unknown) => ({ station: 70, starts, eventTime: '2026-01-01T06:00:00Z' })
  const ask = (...rows: object[]) =>
    post('/api/v1/features/frame', { view: 'at-station@1', features: ['hour', 'docks.free'], rows })
  const joined = await ask(row('2026-01-05T08:30:00+01:00'), row(null))
  const table = tableFromIPC(new Uint8Array(await joined.arrayBuffer())).toArray()
  expect(table.map(one => [one.hour, one['docks.free']])).toEqual([
    [7, 71 % 9],
    [null, 71 % 9],
  ])
  for (const odd of ['noon', 1_767_225_600]) {
    expect(await (await ask(row(null), row(odd))).json()).toMatchObject({
      code: 'E_FEATURE_VALUE',
      field: 'starts',
      detail: expect.stringMatching(/^value 1 of `starts` is .*TIMESTAMP/),
    })
  }
})

test('frames refuse what they cannot give', async () => {
  const problem = async (body: object) =>
    (await (await post('/api/v1/features/frame', body)).json()) as Record<string, unknown>
  expect(await problem({ view: 'at-statoin' })).toMatchObject({
    code: 'E_NOT_FOUND',
    hint: /at-station/,
  })
  expect(await problem({ view: 'at-station', features: ['hours'] })).toMatchObject({
    hint: 'nearest: hour',
  })
  expect(await problem({ view: 'at-station', label: 'demnd' })).toMatchObject({
    code: 'E_DATA_SCHEMA',
  })
  const early = { view: 'at-station', asOf: '2020-01-01T00:00:00Z' }
  expect(await problem(early)).toMatchObject({ code: 'E_NOT_FOUND' })
  // A reader that does not read holds up nobody: not the next, and not the end of the server.
  await post('/api/v1/features/frame', { view: 'at-station' })
})
