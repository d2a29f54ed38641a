import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock, systemClock } from '../base/clock.ts'
import { openFamilySession } from '../onnx/index.ts'
import { type DataPlane, type DataPlaneOptions, openDataPlane } from './data-plane.ts'
import { serveLimits } from './limits.ts'
import {
  memoryBlobs,
  type SampleBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from './sample-family.fixture.ts'

let blobs: SampleBlobs
let calls: { rows: number; parameterRows: number }[]
let open: number
let planes: DataPlane[]

beforeEach(() => {
  blobs = memoryBlobs()
  calls = []
  open = 0
  planes = []
})
afterEach(async () => {
  for (const plane of planes) plane.close()
  await new Promise(resolve => setTimeout(resolve, 5))
  expect(open, 'every session was closed').toBe(0)
})

/** The real session, counted. */
async function openSession(graph: Uint8Array) {
  const session = await openFamilySession(graph)
  open += 1
  return {
    inputs: session.inputs,
    width: session.width,
    categories: session.categories,
    run: (x: Float32Array, parameters: Float32Array, rows: number, parameterRows = rows) => {
      calls.push({ rows, parameterRows })
      return session.run(x, parameters, rows, parameterRows)
    },
    close: () => {
      open -= 1
      return session.close()
    },
  }
}

function plane(more: Partial<DataPlaneOptions> = {}): DataPlane {
  const opened = openDataPlane({
    blobs,
    clock: systemClock,
    environment: 'prod',
    openSession,
    ...more,
  })
  planes.push(opened)
  return opened
}

const biases = new Map([
  ['route-delay', 1_000],
  ['route-delay.ATL', 2_000],
  ['route-delay.ATL.LAX', 3_000],
  ['route-delay.ATL.LGA', 4_000],
])
const inherited = {
  'route-delay.ATL.XNA': 'not better than its parent',
  'route-delay.BOS': 'refused: baseline',
}

async function sample(more: Partial<DataPlaneOptions> = {}): Promise<DataPlane> {
  const opened = plane(more)
  await opened.replaceFamily(sampleFamily(blobs, biases, { inherited }), sampleFacts())
  opened.markSynced()
  calls.length = 0
  return opened
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  return answer.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  )
}

test('a model answers for itself, with version, receipt and id', async () => {
  const answer = await (await sample()).inferRows({
    model: 'route-delay.ATL.LAX',
    body: sampleBody([5]),
  })
  expect(answer).toMatchObject({
    model: 'route-delay.ATL.LAX',
    answeredBy: 'route-delay.ATL.LAX',
    version: 1,
    because: undefined,
    output: 'prediction',
    receipt: expect.stringMatching(/^[0-9A-Z]{26}$/),
  })
  expect([...answer.values]).toEqual([3_005])
  expect(answer.id).toBe(answer.receipt)
})

describe('who answers', () => {
  test.each([
    ['route-delay', 'route-delay', undefined, 1_000],
    ['route-delay.ATL.XNA', 'route-delay.ATL', 'not better than its parent', 2_000],
    ['route-delay.BOS', 'route-delay', 'refused: baseline', 1_000],
    [
      'route-delay.ATL.QQQ',
      'route-delay.ATL',
      'not a member: too few rows, or never seen in the data',
      2_000,
    ],
    [
      'route-delay.QQQ.QQQ',
      'route-delay',
      'not a member: too few rows, or never seen in the data',
      1_000,
    ],
    [
      'route-delay.BOS.QQQ',
      'route-delay',
      'not a member: too few rows, or never seen in the data',
      1_000,
    ],
    [
      'route-delay.~C3~A9',
      'route-delay',
      'not a member: too few rows, or never seen in the data',
      1_000,
    ],
  ])('%s by %s', async (model, answeredBy, because, value) => {
    const answer = await (await sample()).inferRows({ model, body: sampleBody([0]) })
    expect(answer).toMatchObject({ model, answeredBy, because })
    expect(answer.values[0]).toBe(value)
  })

  test.each([
    ['rout-delay', ['route-delay']],
    ['rout-delay.ATL.LAX', ['route-delay.ATL.LAX']],
    [
      'route-delay.ATL.LAX.X',
      ['route-delay.ATL.LAX', 'route-delay.ATL.LGA', 'route-delay.ATL.XNA'],
    ],
    ['route-delay.AT L', ['route-delay.ATL', 'route-delay.ATL.LAX', 'route-delay.ATL.LGA']],
    ['route-delay.', ['route-delay', 'route-delay.ATL', 'route-delay.BOS']],
    ['route-delay.~zz', ['route-delay.ATL', 'route-delay.BOS', 'route-delay']],
    ['', []],
    ['__proto__', []],
  ])('%s is unknown, nearest %j', async (model, near) => {
    await expect((await sample()).inferRows({ model, body: {} })).rejects.toMatchObject({
      code: 'E_MODEL_UNKNOWN',
      extra: { nearest: near },
    })
  })

  test('a name too long is refused by its length', async () => {
    const served = await sample()
    expect(
      await codeOf(served.inferRows({ model: `route-delay.${'A'.repeat(600)}`, body: {} })),
    ).toBe('E_NAME')
  })

  test('nothing serves up to the root', async () => {
    const served = plane()
    const none = sampleFamily(blobs, new Map(), {
      inherited: { 'route-delay': 'failed: singular' },
    })
    await served.replaceFamily({ ...none, routes: [] }, sampleFacts())
    expect(await codeOf(served.inferRows({ model: 'route-delay.ATL', body: {} }))).toBe(
      'E_NOT_SERVING',
    )
  })

  test('before its routes are read and loaded, no name is unknown', async () => {
    const served = plane()
    expect(served.isReady).toBe(false)
    expect(await codeOf(served.inferRows({ model: 'route-delay', body: {} }))).toBe('E_NOT_SERVING')
    served.markSynced()
    expect(await codeOf(served.inferRows({ model: 'route-delay', body: {} }))).toBe(
      'E_MODEL_UNKNOWN',
    )
    const loading = served.replaceFamily(sampleFamily(blobs, biases), sampleFacts())
    expect(served.isReady).toBe(false)
    expect(await codeOf(served.inferRows({ model: 'route-delay', body: {} }))).toBe('E_NOT_SERVING')
    await loading
    expect(served.isReady).toBe(true)
  })

  test('a version is answered only if it is the one that serves', async () => {
    const served = await sample()
    const body = sampleBody([0])
    expect((await served.inferRows({ model: 'route-delay.ATL', version: '1', body })).version).toBe(
      1,
    )
    for (const version of ['0', '2', '01', '-1', '1e0', '../1', '']) {
      await expect(
        served.inferRows({ model: 'route-delay.ATL', version, body }),
      ).rejects.toMatchObject({
        code: 'E_NOT_FOUND',
        extra: { serving: { model: 'route-delay.ATL', version: '1' } },
      })
    }
    await expect(
      served.inferRows({ model: 'route-delay.ATL.XNA', version: '1', body }),
    ).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      extra: { serving: { model: 'route-delay.ATL', version: '1' } },
    })
  })
})

describe('batches', () => {
  test('requests of one turn that share a graph are one call, whatever their models', async () => {
    const served = await sample()
    const names = [...biases.keys(), 'route-delay.ATL.XNA', 'route-delay.QQQ']
    const answers = await Promise.all(
      names.flatMap(model =>
        [1, 2].map(row => served.inferRows({ model, body: sampleBody([row, row * 10]) })),
      ),
    )
    expect(calls).toEqual([{ rows: 24, parameterRows: 24 }])
    expect(answers.map(answer => [...answer.values])).toEqual(
      [1_000, 2_000, 3_000, 4_000, 2_000, 1_000].flatMap(bias => [
        [bias + 1, bias + 10],
        [bias + 2, bias + 20],
      ]),
    )
  })

  test('requests for one version pass its parameters once', async () => {
    const served = await sample()
    const ask = (row: number) =>
      served.inferRows({ model: 'route-delay.ATL', body: sampleBody([row]) })
    const answers = await Promise.all([ask(1), ask(2), ask(3)])
    expect(calls).toEqual([{ rows: 3, parameterRows: 1 }])
    expect(answers.map(answer => answer.values[0])).toEqual([2_001, 2_002, 2_003])
  })

  test('a call has at most its rows, and the rest goes next', async () => {
    const served = await sample({
      limits: { ...serveLimits, rowsPerRequestMax: 3, rowsPerCallMax: 4 },
    })
    const ask = (bias: number) =>
      served.inferRows({ model: 'route-delay', body: sampleBody([bias, 0, 0]) })
    const answers = await Promise.all([ask(1), ask(2), ask(3)])
    expect(calls.map(call => call.rows)).toEqual([3, 3, 3])
    expect(answers.map(answer => answer.values[0])).toEqual([1_001, 1_002, 1_003])
  })

  test('past the cap of waiting rows the caller is told to come back', async () => {
    const served = await sample({ limits: { ...serveLimits, waitingRowsMax: 4 } })
    const ask = () => codeOf(served.inferRows({ model: 'route-delay', body: sampleBody([1, 2]) }))
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['answered', 'answered', 'E_BUSY'])
    expect(await ask()).toBe('answered')
  })

  test('a missing value is imputed, and what overflows in the graph is refused', async () => {
    const served = await sample()
    const withNull = sampleBody([1])
    ;(withNull.inputs as { data: unknown[] }[])[1]!.data = [null]
    expect((await served.inferRows({ model: 'route-delay', body: withNull })).values[0]).toBe(1_001)
    const huge = sampleBody([3e38])
    ;(huge.inputs as { data: unknown[] }[])[1]!.data = [3e38]
    expect(await codeOf(served.inferRows({ model: 'route-delay', body: huge }))).toBe(
      'E_FEATURE_VALUE',
    )
  })
})

describe('C46: deadlines', () => {
  test.each([0, -1, 1e12, 1.5, Number.NaN])('%s is refused', async deadlineMs => {
    const served = await sample()
    const answer = served.inferRows({ model: 'route-delay', deadlineMs, body: sampleBody([1]) })
    expect(await codeOf(answer)).toBe('E_DEADLINE')
  })

  test('a request past its deadline when its turn comes is answered without running', async () => {
    const clock = new ManualClock(0)
    const served = await sample({ clock })
    const ask = (deadlineMs?: number) =>
      codeOf(served.inferRows({ model: 'route-delay', deadlineMs, body: sampleBody([1, 2]) }))
    const answers = [ask(5), ask(6), ask()]
    clock.advance(5)
    expect(await Promise.all(answers)).toEqual(['E_DEADLINE_PAST', 'answered', 'answered'])
    expect(calls.map(call => call.rows)).toEqual([4])
    const late = ask(1)
    clock.advance(1)
    expect(await late).toBe('E_DEADLINE_PAST')
    expect(calls).toHaveLength(1)
  })
})

describe('generations', () => {
  test('an older or equal one is stale, also after a removal', async () => {
    const served = plane()
    const take = (generation: number) =>
      served.replaceFamily(sampleFamily(blobs, biases, { generation }), sampleFacts())
    expect(await take(5)).toBe('applied')
    expect(await take(5)).toBe('stale')
    expect(await take(4)).toBe('stale')
    expect(await Promise.all([take(7), take(6)])).toContain('applied')
    expect(served.list()[0]!.generation).toBe(7)
    expect(served.removeFamily('route-delay', 7)).toBe('stale')
    expect(served.removeFamily('route-delay', 8)).toBe('applied')
    expect(await take(8)).toBe('stale')
    expect(served.list()).toEqual([])
  })

  test('what cannot be loaded or is not as recorded leaves the old one answering', async () => {
    const served = await sample()
    const answers = async () =>
      (await served.inferRows({ model: 'route-delay', body: sampleBody([0]) })).values[0]
    const next = sampleFamily(blobs, new Map([['route-delay', 9]]), { generation: 2 })
    const swapped = sampleFamily(blobs, biases, { generation: 2 })
    const rows = swapped.routes.map(route => ({ ...route, row: 3 - route.row }))
    await expect(
      served.replaceFamily({ ...swapped, routes: rows }, sampleFacts()),
    ).rejects.toMatchObject({
      code: 'E_DIGEST_MISMATCH',
    })
    await expect(served.replaceFamily(next, sampleFacts(3))).rejects.toThrow('inputs of the graph')
    const pack = blobs.kept.get(next.routes[0]!.pack)!
    blobs.kept.delete(next.routes[0]!.pack)
    await expect(served.replaceFamily(next, sampleFacts())).rejects.toThrow('is there')
    expect(await answers()).toBe(1_000)
    blobs.kept.set(next.routes[0]!.pack, pack)
    expect(await served.replaceFamily(next, sampleFacts())).toBe('applied')
    expect(await answers()).toBe(9)
  })

  test('I10: through 200 swaps under load each answer is exactly one version', async () => {
    const served = plane()
    const take = (version: number) =>
      served.replaceFamily(
        sampleFamily(
          blobs,
          new Map([...biases.keys()].map((name, i) => [name, version * 1_000 + i])),
          { generation: version, version },
        ),
        sampleFacts(),
      )
    await take(1)
    const names = [...biases.keys()]
    let swapping = true
    let answered = 0
    const seen = new Set<number>()
    const hammer = async (worker: number) => {
      for (let i = 0; swapping; i++) {
        const index = (worker + i) % names.length
        const answer = await served.inferRows({ model: names[index]!, body: sampleBody([0, 1, 2]) })
        const value = answer.version * 1_000 + index
        expect([...answer.values]).toEqual([value, value + 1, value + 2])
        seen.add(answer.version)
        answered += 1
      }
    }
    const hammers = Array.from({ length: 16 }, (_, worker) => hammer(worker))
    for (let version = 2; version <= 201; version++) expect(await take(version)).toBe('applied')
    swapping = false
    await Promise.all(hammers)
    expect(answered).toBeGreaterThan(200)
    expect(seen.size).toBeGreaterThan(100)
  })
})

test('metadata tells the digest of the bytes that answer', async () => {
  const served = plane()
  const routes = sampleFamily(blobs, biases, { inherited })
  await served.replaceFamily(routes, sampleFacts())
  expect(await served.metadata('route-delay.ATL.XNA')).toMatchObject({
    answeredBy: 'route-delay.ATL',
    because: 'not better than its parent',
    version: 1,
    versionDigest: routes.routes[1]!.versionDigest,
  })
})

test('C47: ten thousand unknown names leave nothing behind', async () => {
  const served = await sample()
  const before = JSON.stringify(served.list())
  for (let i = 0; i < 10_000; i++) {
    const model = `${i % 2 ? 'route-delay.!' : 'x'}${(i * 2654435761).toString(36)}`
    expect(await codeOf(served.inferRows({ model, body: {} }))).toBe('E_MODEL_UNKNOWN')
  }
  expect(JSON.stringify(served.list())).toBe(before)
  expect(calls).toEqual([])
})
