import type { FastifyInstance } from 'fastify'
import { expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Digest } from '../../src/base/digest.ts'
import type { ModelName } from '../../src/base/ids.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { type Blobs, type FitOutput, readJson, type StepInput } from '../../src/fleet/index.ts'
import {
  buildMemberModel,
  type Crosses,
  codeOf,
  dictionaryOf,
  openFamilySession,
  openModelSession,
  readCategories,
  rowLayout,
  transformRow,
} from '../../src/onnx/index.ts'
import { drawView } from '../../src/onnx/random-view.fixture.ts'
import { carryOut, graphHead, signatureOf } from '../../src/pipelines/index.ts'
import {
  aFamily,
  type HandLeaf,
  putFrame,
  someBlobs,
} from '../../src/pipelines/small-family.fixture.ts'
import { readPack } from '../../src/registry/index.ts'
import { createStrictApp, openDataPlane, serveRoutes } from '../../src/serve/index.ts'
import {
  isEncoder,
  mayBeMissing,
  unknownIfMissing,
  type ViewFeature,
} from '../../src/spec/index.ts'

/*
 * The same raw rows by every path that there is: the design of the fit, in float64, with what was
 * packed; the family's graph; the member as an exported file; and a call over HTTP, as JSON and as
 * binary tensors. Views, training rows and callers' rows are drawn at random, with missing values,
 * texts that training never saw, and numbers at the ends of what may be sent.
 */

const texts = ['AA', 'DL', 'é ü', '日本', 'with "quotes"', 'b,c', 'UA', 'ZZ']
const unseen = 'never seen'
const keys = [
  ['a', 'x'],
  ['b', 'y'],
]
const rowsAsked = 200

type Value = number | string | null

/** What a row may hold of a feature: numbers that encoders know again, else of any size. */
function drawValue(feature: ViewFeature, isAsked: boolean, random: SeededRandom): Value {
  if (mayBeMissing(feature) && random.below(8) === 0) return null
  if (feature.type === 'category') {
    return isAsked && random.below(6) === 0 ? unseen : texts[random.below(texts.length)]!
  }
  const isBounded = feature.transform.some(
    ({ kind }) => kind === 'clip' || kind === 'log' || kind === 'buckets',
  )
  if (feature.transform.some(isEncoder)) return random.below(isAsked ? 14 : 11) - 1
  if (isAsked && isBounded && random.below(10) === 0) {
    const ends = [3.4028234663852886e38, -3.4028234663852886e38, 1e-30, -0, 0, -1e9]
    return ends[random.below(ends.length)]!
  }
  // Whole ones often fall on the very edge of a bucket.
  const size = random.normal() * 8
  return random.below(2) === 0 ? Math.round(size) : Math.fround(size)
}

function drawLeaves(features: readonly ViewFeature[], binary: boolean, random: SeededRandom) {
  const codes = dictionaryOf(texts)
  return keys.map(
    (key): HandLeaf => ({
      key,
      rows: Array.from({ length: 300 }, (_, i) => {
        const x = features.map(feature => {
          const value = drawValue(feature, false, random)
          if (value === null) return Number.NaN
          return typeof value === 'string' ? codeOf(codes, value) : value
        })
        const line = x.reduce((sum, value, f) => sum + (value || 0) * Math.cos(f), random.normal())
        return { day: Math.floor(i / 3), x, y: binary ? Number(line > 0) : line }
      }),
    }),
  )
}

interface Trained {
  readonly graph: Digest
  readonly pack: Digest
  readonly names: readonly string[]
  readonly rows: Float32Array
  readonly width: number
}

interface Drawn {
  readonly features: readonly ViewFeature[]
  readonly crosses: Crosses
  readonly id: 'ridge@1' | 'logistic@1'
  readonly fitPer: 'member' | undefined
}

async function train(
  { features, crosses, id, fitPer }: Drawn,
  random: SeededRandom,
  blobs: Blobs,
): Promise<readonly Trained[]> {
  const categories = Object.fromEntries(
    features.flatMap(({ name, type }) => (type ? [[name, texts]] : [])),
  )
  const binary = id === 'logistic@1'
  const names = features.map(feature => feature.name)
  const leaves = drawLeaves(features, binary, random)
  const data = await putFrame(leaves, { features: names, binary, categories }, blobs)
  const pipeline = { id, parameters: { penalty: 1 } }
  const family = await aFamily(
    keys,
    { features, crosses, pipeline, ...(fitPer && { fitPer }) },
    blobs,
  )
  const run = (input: StepInput) => carryOut(input, { blobs, progress: () => {} })
  const trunk = await run({ kind: 'trunk', family, ...data })
  const fits = [trunk, await run({ kind: 'leaves', family, ...data, trunk, part: 0 })]
  const outputs = await Promise.all(fits.map(fit => readJson<FitOutput>(blobs, fit)))
  for (const { members } of outputs) {
    for (const member of members) expect(member).toMatchObject({ state: 'fitted' })
  }
  return Promise.all(
    outputs.map(async ({ graph, pack }) => {
      const { names: packed, rows, width } = readPack(await blobs.get(pack))
      return { graph, pack, names: packed, rows, width }
    }),
  )
}

async function openServer(drawn: Drawn, fitted: readonly Trained[], blobs: Blobs) {
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod' })
  const routes = fitted.flatMap(({ graph, pack, names }) =>
    names.map((model, row) => ({
      model: model as ModelName,
      version: 1,
      versionDigest: pack,
      graph,
      pack,
      row,
    })),
  )
  const head = graphHead({ id: drawn.id, parameters: {} }, drawn.features)
  await plane.replaceFamily(
    {
      environment: 'prod',
      generation: 1,
      blueprint: 'demand',
      keyLength: 2,
      routes,
      inherited: [],
    },
    { signature: signatureOf(drawn.features, head, undefined), purpose: '' },
  )
  plane.markSynced()
  const app = createStrictApp({ requestTimeoutMs: 5_000, bodyBytesMax: 8_388_608 })
  serveRoutes(app, plane, { version: '0.0.0' })
  return {
    app,
    async [Symbol.asyncDispose]() {
      await app.close()
      plane.close()
    },
  }
}

async function postJson(app: FastifyInstance, drawn: Drawn, model: string, columns: Value[][]) {
  const inputs = drawn.features.map(({ name, type }, f) => ({
    name,
    shape: [columns[f]!.length, 1],
    datatype: type ? 'BYTES' : 'FP32',
    data: columns[f],
  }))
  const answer = await app.inject({
    method: 'POST',
    url: `/v2/models/${model}/infer`,
    payload: { inputs },
  })
  expect(answer.statusCode, answer.body).toBe(200)
  const { outputs, parameters } = answer.json()
  return { values: outputs[0].data as number[], told: parameters.out_of_range as string[] }
}

async function postBinary(app: FastifyInstance, drawn: Drawn, model: string, columns: Value[][]) {
  const tensors = drawn.features.map(({ type }, f) =>
    type ? textBytes(columns[f]!) : floatBytes(columns[f]!),
  )
  const inputs = drawn.features.map(({ name, type }, f) => ({
    name,
    shape: [columns[f]!.length, 1],
    datatype: type ? 'BYTES' : 'FP32',
    parameters: { binary_data_size: tensors[f]!.length },
  }))
  const head = Buffer.from(JSON.stringify({ inputs }))
  const answer = await app.inject({
    method: 'POST',
    url: `/v2/models/${model}/infer`,
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    payload: Buffer.concat([head, ...tensors]),
  })
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json().outputs[0].data as number[]
}

function floatBytes(column: readonly Value[]): Buffer {
  return Buffer.from(Float32Array.from(column, value => Number(value ?? Number.NaN)).buffer)
}

function textBytes(column: readonly Value[]): Buffer {
  return Buffer.concat(
    column.flatMap(value => {
      const text = Buffer.from(String(value ?? ''))
      const length = Buffer.alloc(4)
      length.writeUInt32LE(text.length)
      return [length, text]
    }),
  )
}

test.each(Array.from({ length: 12 }, (_, seed) => seed))(
  'every path gives the same answers: view %i',
  async seed => {
    const random = new SeededRandom(100 + seed)
    const features = drawView(3 + random.below(8), random)
    const named = (): string => features[random.below(features.length)]!.name
    const crosses: Crosses = Array.from({ length: random.below(3) }, () => [named(), named()])
    const drawn: Drawn = {
      features,
      crosses,
      id: seed % 3 === 0 ? 'logistic@1' : 'ridge@1',
      fitPer: seed % 4 === 1 ? 'member' : undefined,
    }
    await using blobs = await someBlobs()
    const fitted = await train(drawn, random, blobs)
    await using server = await openServer(drawn, fitted, blobs)
    for (const each of fitted) await compare(drawn, each, random, blobs, server.app)
  },
)

async function compare(
  { features, crosses, id, ...more }: Drawn,
  { graph, names, rows, width }: Trained,
  random: SeededRandom,
  blobs: Blobs,
  app: FastifyInstance,
): Promise<void> {
  const drawn = { features, crosses, id, ...more }
  const head = graphHead({ id, parameters: {} }, features)
  const layout = rowLayout(features, head, crosses)
  const bytes = await blobs.get(graph)
  const categories = readCategories(bytes)
  const codes = features.map(({ name }) => dictionaryOf(categories[name] ?? []))
  await using family = await openFamilySession(bytes)
  for (const [m, name] of names.entries()) {
    const row = rows.slice(m * width, (m + 1) * width)
    const columns = features.map(feature =>
      Array.from({ length: rowsAsked }, () => drawValue(feature, true, random)),
    )
    const raw = Array.from({ length: rowsAsked }, (_, r) =>
      columns.map((column, f) => {
        const value = column[r]!
        if (value === null) return Number.NaN
        return typeof value === 'string' ? codeOf(codes[f]!, value) : value
      }),
    )
    const byGraph = await family.run(Float32Array.from(raw.flat()), row, rowsAsked, 1)

    for (const [r, values] of raw.entries()) {
      const design = transformRow(features, layout, values, row)
      const terms = Array.from(design, (z, c) => z * row[c]!)
      const sum = terms.reduce((total, term) => total + term, row[layout.bias]!)
      const size = terms.reduce((total, term) => total + Math.abs(term), 1)
      const answer = head.output === 'sigmoid' ? 1 / (1 + Math.exp(-sum)) : sum
      expect(Math.abs(byGraph[r]! - answer) / size, `${name}, row ${r}`).toBeLessThan(2e-6)
    }

    const about = { name, version: 1, doc: '' }
    await using model = await openModelSession(
      buildMemberModel(features, head, row, about, { crosses, categories }),
    )
    const inputs = columns.map((column, f) =>
      features[f]!.type
        ? column.map(value => String(value ?? ''))
        : Float32Array.from(column, value => Number(value ?? Number.NaN)),
    )
    expect(await model.run(inputs, rowsAsked)).toEqual(byGraph)

    const answers = [...byGraph]
    const { values, told } = await postJson(app, drawn, name, columns)
    expect(values).toEqual(answers)
    expect(await postBinary(app, drawn, name, columns)).toEqual(answers)
    for (const [f, feature] of features.entries()) {
      const missed = unknownIfMissing(feature) && columns[f]!.some(isMissing)
      const unlike = missed || columns[f]!.includes(unseen)
      expect(must(told ?? [], 'a list').includes(feature.name)).toBe(unlike)
    }
  }
}

function isMissing(value: string | number | null): boolean {
  return value === null || value === '' || Number.isNaN(value)
}
