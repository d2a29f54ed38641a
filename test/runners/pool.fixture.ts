import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/base/clock.ts'
import { type Digest, digestOf } from '../../src/base/digest.ts'
import type { Tensor } from '../../src/fleet/index.ts'
import { checkModel } from '../../src/onnx/index.ts'
import {
  type LostEvent,
  type RunnerLimits,
  type RunnerModel,
  RunnerPool,
  type RunnerPoolParts,
  trySandbox,
} from '../../src/runners/index.ts'

/* A pool of real runners over models that are held in memory. */

export const runnerEntry = fileURLToPath(
  new URL('../../src/runners/start-runner.ts', import.meta.url),
)

export interface TestPool extends AsyncDisposable {
  readonly command: RunnerPoolParts['command']
  readonly pool: RunnerPool
  readonly lost: LostEvent[]
  /** How often the bytes of each model were read. */
  readonly reads: Map<Digest, number>
  /** Takes a model in; with `shard`, only when it belongs to that one. */
  add(bytes: Uint8Array, more?: Partial<RunnerModel>): RunnerModel
  run(model: RunnerModel, inputs: readonly Tensor[], withinMs?: number): Promise<readonly Tensor[]>
}

export async function openTestPool(
  limits: Partial<RunnerLimits> = {},
  readMs = 0,
): Promise<TestPool> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-runners-'))
  const { before } = await trySandbox({ node: process.execPath, entry: runnerEntry })
  const files = new Map<Digest, Uint8Array>()
  const reads = new Map<Digest, number>()
  const lost: LostEvent[] = []
  const command = { node: process.execPath, entry: runnerEntry, before, folder }
  const pool = new RunnerPool({
    clock: systemClock,
    command,
    limits,
    async bytesOf(digest) {
      reads.set(digest, (reads.get(digest) ?? 0) + 1)
      await new Promise(resolve => setTimeout(resolve, readMs))
      return files.get(digest)!
    },
    lost: event => lost.push(event),
  })
  return {
    command,
    pool,
    lost,
    reads,
    add(bytes, more = {}) {
      const digest = digestOf(bytes)
      files.set(digest, bytes)
      const outputs = checkModel(bytes).signature.outputs.map(each => each.name)
      const label = `model ${digest.slice(7, 13)}`
      return { digest, label, sizeBytes: bytes.length, outputs, tier: 'on-demand', ...more }
    },
    run: (model, inputs, withinMs = 20_000) =>
      pool.run(model, inputs, systemClock.monotonicMs() + withinMs),
    async [Symbol.asyncDispose]() {
      pool[Symbol.dispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** x [1, n], FP32. */
export function floats(values: readonly number[], name = 'x', shape = [1, values.length]): Tensor {
  return { name, datatype: 'FP32', shape, data: Float32Array.from(values) }
}

/** A model of `make` that belongs to another runner than `model` does, or to the same. */
export function neighbour(
  of: TestPool,
  model: RunnerModel,
  where: 'same' | 'other',
  make: (seed: number) => Uint8Array,
): RunnerModel {
  for (let seed = 1; ; seed++) {
    const made = of.add(make(seed))
    const same = of.pool.shardNumber(made.digest) === of.pool.shardNumber(model.digest)
    if (same === (where === 'same')) return made
  }
}
