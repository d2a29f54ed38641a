import { readdirSync } from 'node:fs'
import {
  Bool,
  Dictionary,
  Float64,
  Int32,
  makeData,
  RecordBatch,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { deliveriesOf, openWorld, type World } from '../../test/loop/world.ts'
import { apiRoutes, type ControlDesk } from '../api/index.ts'
import { systemClock } from '../base/clock.ts'
import { keptSnapshot } from '../intake/index.ts'
import { createStrictApp } from '../serve/index.ts'
import { readConnections } from '../sources/index.ts'
import { type FleetSpec, readFleet } from '../spec/index.ts'
import { backlogOf } from '../store/index.ts'
import { type CurrentFleet, openDesk } from './index.ts'

const yaml = `apiVersion: muster/v1
fleet: weather
defaults: { owner: me }
environments: [prod]
---
kind: Source
name: readings
push: {}
eventTime: at
columns: { station: VARCHAR, at: TIMESTAMP, value: DOUBLE, ok: BOOLEAN, n: BIGINT }
---
kind: Source
name: files
files: sales/*.csv
`

const jsonLines = 'application/x-ndjson'
const arrow = 'application/vnd.apache.arrow.stream'

let world: World
let app: FastifyInstance
let desk: ControlDesk
let spec: FleetSpec

beforeAll(() => {
  const read = readFleet([{ path: 'muster.yaml', text: yaml }])
  expect(read.problems).toEqual([])
  spec = read.spec!
})

beforeEach(async () => {
  world = await openWorld(inject('postgresUrl'))
  const { store, blobs, folder: fleetFolder } = world
  const deliveries = deliveriesOf(world)
  desk = openDesk({
    store,
    blobs,
    clock: systemClock,
    fleet: { spec: async () => spec } as CurrentFleet,
    fleetFolder,
    connections: readConnections({}),
    deliveries,
    startedAt: systemClock.now(),
    version: '0.1.0',
    wake: () => {},
    changed: () => new Promise(() => {}),
  })
  app = createStrictApp()
  await apiRoutes(app, { desk, version: '0.1.0' })
  return async () => {
    await app.close()
    await deliveries[Symbol.asyncDispose]()
    expect(readdirSync(blobs.scratch)).toEqual([])
    await world[Symbol.asyncDispose]()
  }
})

interface Sent {
  readonly type?: string
  readonly path?: string
  readonly headers?: Record<string, string>
}

async function send(payload: string | Uint8Array, sent: Sent = {}) {
  const answer = await app.inject({
    method: 'POST',
    url: `/api/v1/sources/${sent.path ?? 'readings/rows'}`,
    headers: { 'content-type': sent.type ?? jsonLines, host: 'localhost', ...sent.headers },
    payload: typeof payload === 'string' ? payload : Buffer.from(payload),
  })
  return { status: answer.statusCode, body: answer.json() }
}

const lines = (...rows: readonly object[]) => rows.map(row => JSON.stringify(row)).join('\n')
const reading = { station: '70', at: '2026-01-01T00:00:00Z', value: 1.5, ok: true, n: 7 }

const snapshot = () =>
  keptSnapshot(spec.sources.get('readings')!, {
    ...world,
    clock: systemClock,
    fleetFolder: world.folder,
    connections: readConnections({}),
  })

test('JSON lines are durable when they are answered, and rows of the next snapshot', async () => {
  const body = lines(reading, reading).replace('7}', '9007199254740993}')
  expect(await send(body)).toEqual({ status: 202, body: { accepted: 2, batch: 1, again: false } })
  expect(await backlogOf(world.store, 'readings')).toMatchObject({ batches: 1 })
  expect(await snapshot()).toMatchObject({ rows: 2, fromMs: Date.UTC(2026, 0, 1) })
})

test('a delivery that is repeated under its key has no second effect', async () => {
  const headers = { 'idempotency-key': 'a-1' }
  await send(lines(reading), { headers })
  expect((await send(lines(reading), { headers })).body).toMatchObject({ again: true, batch: 1 })
  const other = await send(lines({ ...reading, value: 2 }), { headers })
  expect(other).toMatchObject({ status: 422, body: { code: 'E_IDEMPOTENCY' } })
  expect(await snapshot()).toMatchObject({ rows: 1 })
})

test('declarations are checked against what was pushed, too', async () => {
  await send(lines(reading))
  const text = yaml.replace('push: {}', 'push: {}\nexpect:\n  - { column: value, max: 1 }')
  const ask = {
    files: [{ path: 'muster.yaml', text: text.split('---\n').slice(0, 2).join('---\n') }],
  }
  const answer = await desk.validate({ ...ask, fleetFolder: world.folder })
  expect(answer.problems.map(problem => problem.code)).toEqual(['E_EXPECTATION'])
  expect(await backlogOf(world.store, 'readings')).toMatchObject({ batches: 0 })
})

function someTable(): Table {
  const micros = new BigInt64Array([1_767_225_600_000_001n, -1n])
  const at = makeData({ type: new TimestampMicrosecond(), length: 2, data: micros })
  return new Table({
    station: vectorFromArray(['70', 'Zürich "B"\n'], new Dictionary(new Utf8(), new Int32())),
    at: new Table(new RecordBatch({ at })).getChild('at')!,
    value: vectorFromArray([Number.NaN, null], new Float64()),
    ok: vectorFromArray([true, false], new Bool()),
    n: vectorFromArray([1, 2], new Int32()),
  })
}

test('an Arrow stream is taken as exactly, to the microsecond', async () => {
  const sent = await send(tableToIPC(someTable(), 'stream'), { type: arrow })
  expect(sent).toEqual({ status: 202, body: { accepted: 2, batch: 1, again: false } })
  const { fromMs, toMs } = await snapshot()
  expect({ fromMs, toMs }).toEqual({ fromMs: -0.001, toMs: Date.UTC(2026, 0, 1) + 0.001 })
})

test('what does not fit is told with its row and its column, and nothing is taken', async () => {
  const good = lines(reading, reading)
  const bad = [
    `${good}\n{"station": `,
    `${good}\n[1]`,
    lines(reading, { ...reading, speed: 1 }),
    lines(reading, { ...reading, value: 'much' }),
    lines(reading, { ...reading, n: 1.5 }),
    lines(reading, { ...reading, at: 'yesterday' }),
    lines(reading, { ...reading, at: null }),
    lines(reading, { ...reading, ok: 'maybe' }),
    lines(reading, { ...reading, station: { a: 1 } }),
  ]
  const told: string[] = []
  for (const body of bad) {
    const answer = await send(body)
    told.push(`${answer.status} ${answer.body.code}: ${answer.body.detail}; ${answer.body.hint}`)
  }
  expect(told).toMatchInlineSnapshot(`
    [
      "422 E_DATA_CORRUPT: line 3 is not JSON; send one JSON object a line, in UTF-8",
      "422 E_DATA_SCHEMA: row 3 is not a JSON object; send one object a line: {"station": "70", "at": "2026-01-01T00:00:00Z", "value": 70, "ok": true, "n": 70}",
      "422 E_DATA_SCHEMA: row 2 has \`speed\`, which is not declared; the source has station, at, value, ok, n",
      "422 E_DATA_SCHEMA: row 2: \`value\` is "much", not DOUBLE; write it as DOUBLE, or declare another type",
      "422 E_DATA_SCHEMA: row 2: \`n\` is 1.5, not BIGINT; write it as BIGINT, or declare another type",
      "422 E_DATA_SCHEMA: row 2: \`at\` is "yesterday", not TIMESTAMP; write times as ISO 8601: 2026-01-31T08:00:00Z, or with another offset from UTC",
      "422 E_DATA_SCHEMA: row 2 has no \`at\`; send the time at which each row happened",
      "422 E_DATA_SCHEMA: row 2: \`ok\` is "maybe", not BOOLEAN; write it as BOOLEAN, or declare another type",
      "422 E_DATA_SCHEMA: row 2: \`station\` is {"a":1}, not VARCHAR; write it as VARCHAR, or declare another type",
    ]
  `)
  const wrongs = [
    tableToIPC(someTable(), 'stream').subarray(0, 300),
    tableToIPC(someTable().select(['station', 'at']), 'stream'),
    tableToIPC(new Table({ n: vectorFromArray([{ a: 1 }]) }), 'stream'),
    Buffer.from('hello'),
  ]
  const toldOfArrow: string[] = []
  for (const body of wrongs) {
    const answer = await send(body, { type: arrow })
    toldOfArrow.push(`${answer.status} ${answer.body.code}: ${answer.body.detail}`)
  }
  expect(toldOfArrow).toMatchInlineSnapshot(`
    [
      "422 E_DATA_CORRUPT: this is not an Arrow IPC stream that can be read",
      "422 E_DATA_SCHEMA: column \`value\` is missing",
      "422 E_DATA_SCHEMA: column \`n\` is Struct<{a:Float64}>, which is not read",
      "422 E_DATA_CORRUPT: this is not an Arrow IPC stream that can be read",
    ]
  `)
  expect(await backlogOf(world.store, 'readings')).toMatchObject({ batches: 0 })
})

test('what cannot be a delivery is refused', async () => {
  const huge = Buffer.alloc(33 * 1_048_576, '\n')
  const endless = new RecordBatch({ n: makeData({ type: new Int32(), length: 0 }) })
  const answers = {
    type: await send('a,b\n', { type: 'text/csv' }),
    json: await send('{}', { type: 'application/json' }),
    unknown: await send(lines(reading), { path: 'reading/rows' }),
    files: await send(lines(reading), { path: 'files/rows' }),
    known: await send(lines(reading), { path: 'readings/rows?known=maybe' }),
    key: await send(lines(reading), { headers: { 'idempotency-key': 'a b' } }),
    gzip: await send(lines(reading), { headers: { 'content-encoding': 'gzip' } }),
    huge: await send(huge),
    nothing: await send(''),
    noRows: await send(tableToIPC(new Table(endless), 'stream'), { type: arrow }),
  }
  expect(
    Object.entries(answers).map(([what, { status, body }]) => `${what}: ${status} ${body.code}`),
  ).toMatchInlineSnapshot(`
  [
    "type: 415 E_MEDIA_TYPE",
    "json: 415 E_MEDIA_TYPE",
    "unknown: 404 E_NOT_FOUND",
    "files: 422 E_SOURCE",
    "known: 400 E_QUERY",
    "key: 400 E_USAGE",
    "gzip: 415 E_MEDIA_TYPE",
    "huge: 413 E_TOO_LARGE",
    "nothing: 202 undefined",
    "noRows: 422 E_DATA_SCHEMA",
  ]
`)
})

test('whatever is sent, the answer is a refusal or the rows are taken', async () => {
  const valid = tableToIPC(someTable(), 'stream')
  const value = fc.oneof(fc.jsonValue(), fc.string(), fc.double(), fc.constant('2026-01-01'))
  const names = fc.constantFrom('station', 'at', 'value', 'ok', 'n', '__proto__', 'muster row', '')
  const row = fc.dictionary(names, value).map(r => JSON.stringify({ ...reading, ...r }))
  const text = fc.array(fc.oneof(row, fc.string(), fc.json()), { maxLength: 4 })
  const flipped = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 6,
  })
  const bodies = fc.oneof(
    text.map(parts => ({ type: jsonLines, bytes: Buffer.from(parts.join('\n')) })),
    fc.uint8Array({ maxLength: 300 }).map(bytes => ({ type: jsonLines, bytes })),
    flipped.map(flips => {
      const bytes = Buffer.from(valid)
      for (const [at, byte] of flips) bytes[at] = byte
      return { type: arrow, bytes }
    }),
    fc.nat(valid.length).map(length => ({ type: arrow, bytes: valid.subarray(0, length) })),
  )
  let taken = 0
  await fc.assert(
    fc.asyncProperty(bodies, async ({ type, bytes }) => {
      const { status, body } = await send(bytes, { type })
      expect(status, JSON.stringify(body)).toBeLessThan(500)
      if (status === 202) taken += body.accepted
      else expect(body.hint, body.detail).toBeTruthy()
    }),
    { numRuns: 60, seed: 7 },
  )
  const all = taken === 0 ? 0 : (await snapshot()).rows
  expect(all).toBe(taken)
})
