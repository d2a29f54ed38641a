import { execFile } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { peerPython } from '../../bench/peers/python.ts'
import { systemClock } from '../../src/base/clock.ts'
import { createStrictApp, openDataPlane, serveRoutes } from '../../src/serve/index.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../../src/serve/sample-family.fixture.ts'
import { skipBecause } from '../strict.ts'

/*
 * The standard v2 client for Python, as pip installs it, against the server: what it sends by
 * default decides what "speaks the protocol" means.
 */

interface Reply {
  readonly values: readonly number[]
  readonly binary: boolean
  readonly id: string
  readonly parameters: Readonly<Record<string, unknown>>
}
interface Refusal {
  readonly status: string
  readonly message: string
}
interface Found {
  readonly live: boolean
  readonly ready: boolean
  readonly extensions: readonly string[]
  readonly inputs: readonly string[]
  readonly [asked: string]: unknown
}

let client: ReturnType<typeof peerPython>
beforeAll(() => {
  client = peerPython()
}, 600_000)

/** Runs the client's script against a family of two members, the second of which has ranges. */
async function askAll(python: string): Promise<Found> {
  const blobs = memoryBlobs()
  using plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  const biases = new Map([
    ['route-delay', 1_000],
    ['route-delay.ATL', 2_000],
  ])
  const inherited = { 'route-delay.ATL.XNA': 'not better than its parent' }
  const { signature, purpose } = sampleFacts()
  const inputs = signature.inputs.map(input => ({ ...input, min: -400, max: 400 }))
  await plane.replaceFamily(sampleFamily(blobs, biases, { inherited }), {
    purpose,
    signature: { ...signature, inputs },
  })
  plane.markSynced()
  const app = createStrictApp()
  serveRoutes(app, plane, { version: '0.1.0' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const script = fileURLToPath(new URL('./v2_client.py', import.meta.url))
  try {
    const { stdout } = await promisify(execFile)(python, [script, `127.0.0.1:${port}`])
    return JSON.parse(stdout) as Found
  } finally {
    await app.close()
  }
}

test('the standard Python client gets answers, in binary and in JSON alike', async context => {
  if ('missing' in client) return skipBecause(context, client.missing)
  const found = await askAll(client.python)
  expect(found).toMatchObject({
    live: true,
    ready: true,
    extensions: ['binary_tensor_data', 'model_repository', 'fleet_inference'],
    inputs: ['f0', 'f1'],
  })
  const reply = (asked: string) => found[asked] as Reply
  const value = Math.fround(2_002 + Math.fround(0.1))
  expect(reply('one')).toMatchObject({ values: [value], binary: true, id: 'q-1' })
  expect(reply('one json')).toMatchObject({ values: [value], binary: false })
  expect(reply('json in, binary out')).toMatchObject({ values: [value], binary: true })
  expect(reply('binary in, json out')).toMatchObject({ values: [value], binary: false })
  for (const asked of ['one fp64', 'one fp64 json', 'version']) {
    expect(reply(asked).values).toEqual([value])
  }
  expect(reply('many').values).toHaveLength(1_000)
  expect(reply('many').values[0]).toBe(1_997)
  expect(reply('many fp64').values).toEqual(reply('many').values)
  expect(reply('one').parameters).not.toHaveProperty('out_of_distribution')
  expect(reply('inherited').parameters).toMatchObject({
    answered_by: 'route-delay.ATL',
    answered_how: 'ancestor',
    because: 'not better than its parent',
  })
  expect(reply('out of range').parameters).toMatchObject({
    out_of_distribution: true,
    out_of_range: ['f0'],
  })

  const refusal = (asked: string) => found[asked] as Refusal
  const refused = (asked: string) => `${refusal(asked).status}: ${refusal(asked).message}`
  expect(refused('unknown model')).toMatch(/404.*nearest: route-delay/)
  expect(refused('unknown version')).toMatch(/404.*/)
  expect(refused('wrong input')).toMatch(/400.*`f9` is not an input.*the inputs are f0, f1/)
  expect(refused('missing value')).toMatch(/422.*value 0 of input `f0` is missing/)
  expect(refused('nan as json')).toMatch(/422.*`f1`.*send null for a missing value/)
  expect(refused('whole numbers')).toMatch(/400.*INT32.*send FP32/)
})
