import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exporterPython, runPeer } from '../../bench/peers/python.ts'
import { systemClock } from '../../src/base/clock.ts'
import { digestOf } from '../../src/base/digest.ts'
import { checkModel } from '../../src/onnx/index.ts'
import { probe } from '../../src/runners/index.ts'
import {
  createStrictApp,
  ImportedFleet,
  openDataPlane,
  serveRoutes,
} from '../../src/serve/index.ts'
import { openTestPool, type TestPool } from '../runners/pool.fixture.ts'
import { skipBecause } from '../strict.ts'

/*
 * Files as scikit-learn, LightGBM, XGBoost and PyTorch export them, over HTTP, against what each
 * framework predicts itself. Those of PyTorch lie here with their answers, made by the same script:
 * its wheel for Linux brings gigabytes of CUDA.
 */

interface Exported {
  readonly name: string
  readonly inputs: readonly V2Tensor[]
  readonly outputs: readonly V2Tensor[]
}
interface V2Tensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: readonly (number | string)[]
}

const fixtures = join(import.meta.dirname, '../fixtures/models')
let python: ReturnType<typeof exporterPython>
let folder: string
let open: TestPool
beforeAll(async () => {
  python = exporterPython()
  folder = await mkdtemp(join(tmpdir(), 'muster-exported-'))
  if ('python' in python) runPeer(python.python, 'export_models.py', folder)
  open = await openTestPool({ shards: 1 })
}, 300_000)
afterAll(async () => {
  await open?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const trained = [
  'sklearn-ridge',
  'sklearn-forest',
  'sklearn-zipmap',
  'sklearn-mlp',
  'lightgbm',
  'xgboost',
  'torch',
]

test.for(trained)('%s answers as the framework does', async (name, context) => {
  const from = existsSync(join(fixtures, `${name}.onnx`)) ? fixtures : folder
  if (from === folder && 'missing' in python) skipBecause(context, python.missing)
  const all: Exported[] = JSON.parse(await readFile(join(from, 'models.json'), 'utf8'))
  const { inputs, outputs } = all.find(each => each.name === name)!
  const bytes = new Uint8Array(await readFile(join(from, `${name}.onnx`)))
  const checked = checkModel(bytes)
  const { signature } = checked
  const { command } = open
  const parts = { clock: systemClock, command, budgetBytes: 512 * 1_048_576 }
  const made = await probe({ bytes, digest: digestOf(bytes), signature }, undefined, parts)
  expect(made.runs).toBe(2)

  open.add(bytes)
  const fleet = new ImportedFleet(open.pool)
  fleet.take([
    {
      name,
      version: 1,
      digest: digestOf(bytes),
      sizeBytes: bytes.length,
      signature,
      purpose: '',
      tier: 'on-demand',
      state: 'serving',
      because: null,
    },
  ])
  const blobs = { get: async () => new Uint8Array(), path: async () => '' }
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', imported: fleet })
  const app = createStrictApp()
  serveRoutes(app, plane, { version: '0' })
  const answer = await app.inject({
    method: 'POST',
    url: `/v2/models/${name}/infer`,
    headers: { host: 'localhost' },
    payload: { inputs },
  })
  expect(answer.statusCode, answer.body).toBe(200)
  const found: readonly V2Tensor[] = answer.json().outputs
  for (const expected of outputs) {
    const { shape, data } = found.find(output => output.name === expected.name)!
    expect(shape).toEqual(expected.shape)
    data.forEach((value, i) => {
      if (typeof value === 'number') expect(value).toBeCloseTo(Number(expected.data[i]), 4)
      else expect(value).toBe(expected.data[i])
    })
  }
  if (name === 'sklearn-zipmap') expect(checked.leftOut).toHaveLength(1)
  await app.close()
  plane.close()
})
