import type { Clock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { Tensor, TensorShape, TensorSignature } from '../fleet/index.ts'
import { smokeInputs } from '../onnx/index.ts'
import { RunnerPool } from './pool.ts'
import type { RunnerCommand } from './runner-process.ts'

/*
 * The first run of a model that somebody brought: in a process of its own, with little memory and
 * two seconds, and held against what it declares. Only what comes out of here whole is recorded.
 */

export interface Smoke {
  readonly inputs: readonly Tensor[]
  /** What it is to answer, by name; absent: anything of its shape. */
  readonly outputs?: readonly Tensor[]
}

export interface ProbationReport {
  readonly runs: number
  /** Of loading and the first run. */
  readonly firstMs: number
  readonly slowestMs: number
}

export interface ProbationParts {
  readonly clock: Clock
  readonly command: Omit<RunnerCommand, 'capBytes'>
  /** Of one runner when it serves: nothing may take more. */
  readonly budgetBytes: number
}

/** Of a run, on top of what the model takes; a row or three need far less. */
const workBytes = 192 * 1_048_576
const fileFactor = 4
const runMaxMs = 2_000
const loadMaxMs = 10_000
/** Steps of nice: whoever waits for an answer goes before an import. */
const probationNice = 10
/** Of an expected number: exporters compute in float32, and in another order. */
const tolerance = 1e-4

/** What went wrong in a runner, in the words of a probation. */
const codes: { readonly [Code in ErrorCode]?: ErrorCode } = {
  E_MODEL_MEMORY: 'E_MODEL_PROBATION_MEMORY',
  E_DEADLINE_PAST: 'E_MODEL_PROBATION_TIMEOUT',
  E_MODEL_RUN: 'E_MODEL_SMOKE',
}

export interface ModelOnProbation {
  readonly bytes: Uint8Array
  /** Of the bytes. */
  readonly digest: Digest
  readonly signature: TensorSignature
}

/**
 * Runs a model on the smoke inputs given, else on made-up ones. Throws E_MODEL_PROBATION (it does
 * not load, or ended its process), E_MODEL_PROBATION_MEMORY, E_MODEL_PROBATION_TIMEOUT and
 * E_MODEL_SMOKE (it fails on them, answers NaN, another shape, or not what was expected).
 */
export async function probe(
  { bytes, digest, signature }: ModelOnProbation,
  given: readonly Smoke[] | undefined,
  { clock, command, budgetBytes }: ProbationParts,
): Promise<ProbationReport> {
  const smoke = given ?? smokeInputs(signature)?.map(inputs => ({ inputs }))
  if (smoke === undefined) {
    throw new MusterError('E_MODEL_SMOKE', 'its inputs are too large to be made up', { hint: own })
  }
  const capBytes = Math.min(workBytes + bytes.length * fileFactor, budgetBytes + workBytes)
  using pool = new RunnerPool({
    clock,
    command: { ...command, nice: probationNice },
    limits: {
      shards: 1,
      budgetBytes: Math.min(capBytes, budgetBytes),
      capBytes,
      runMaxMs,
      loadMaxMs,
    },
    bytesOf: async () => bytes,
  })
  const model = {
    digest,
    label: 'the model',
    sizeBytes: bytes.length,
    outputs: signature.outputs.map(({ name }) => name),
    tier: 'on-demand',
  } as const
  const tookMs: number[] = []
  for (const { inputs, outputs } of smoke as readonly Smoke[]) {
    const startedMs = clock.monotonicMs()
    let answered: readonly Tensor[]
    try {
      answered = await pool.run(model, inputs, Number.POSITIVE_INFINITY)
    } catch (error) {
      throw probationRefusal(error, given !== undefined)
    }
    tookMs.push(clock.monotonicMs() - startedMs)
    checkAnswer(answered, signature.outputs, given !== undefined)
    if (outputs !== undefined) checkExpected(answered, outputs)
  }
  const [firstMs = 0] = tookMs
  return { runs: smoke.length, firstMs, slowestMs: Math.max(0, ...tookMs.slice(1)) }
}

const own = 'give inputs that it is made for: --smoke FILE, a JSON body of an infer call'

function probationRefusal(error: unknown, isGiven: boolean): unknown {
  if (!(error instanceof MusterError)) return error
  const code = codes[error.code] ?? 'E_MODEL_PROBATION'
  if (code === 'E_MODEL_SMOKE' && !isGiven) {
    return new MusterError(code, `on made-up inputs, ${error.message}`, { hint: own })
  }
  return new MusterError(code, error.message, {
    hint:
      code === 'E_MODEL_PROBATION_TIMEOUT'
        ? `a call may take ${runMaxMs} ms: look for a Loop without an end, or send smaller inputs`
        : code === 'E_MODEL_PROBATION_MEMORY'
          ? 'what it computes between its inputs and outputs is far larger than they are'
          : 'run it with onnxruntime by itself, and export it again',
  })
}

function checkAnswer(
  outputs: readonly Tensor[],
  declared: readonly TensorShape[],
  isGiven: boolean,
): void {
  for (const [i, { name, datatype, shape, data }] of outputs.entries()) {
    const wanted = declared[i]!
    if (datatype !== wanted.datatype || !fits(shape, wanted.shape)) {
      throw new MusterError(
        'E_MODEL_SMOKE',
        `output \`${name}\` is ${datatype} ${JSON.stringify(shape)}, and it declares ` +
          `${wanted.datatype} ${JSON.stringify(wanted.shape)}`,
        { field: name, hint: 'correct the shapes that the file declares, or the model' },
      )
    }
    if (!isFloat(data) || !data.some(value => Number.isNaN(value))) continue
    throw new MusterError('E_MODEL_SMOKE', `output \`${name}\` has a value that is no number`, {
      field: name,
      ...(isGiven ? {} : { hint: own }),
    })
  }
}

function fits(shape: readonly number[], declared: readonly number[] | null): boolean {
  if (declared === null) return true
  return shape.length === declared.length && declared.every((d, i) => d === -1 || d === shape[i])
}

function isFloat(data: Tensor['data']): data is Float32Array | Float64Array {
  return data instanceof Float32Array || data instanceof Float64Array
}

function checkExpected(outputs: readonly Tensor[], expected: readonly Tensor[]): void {
  for (const { name, data } of expected) {
    const found = outputs.find(output => output.name === name)?.data
    const at =
      found?.length === data.length ? [...data].findIndex((v, i) => !isNear(v, found[i]!)) : 0
    if (at < 0) continue
    throw new MusterError(
      'E_MODEL_SMOKE',
      `output \`${name}\` is ${found?.[at]} at ${at}, and ${data[at]} is expected`,
      { field: name, hint: 'compare the export with the model that it was made of' },
    )
  }
}

function isNear(expected: unknown, found: unknown): boolean {
  if (typeof expected !== 'number' || typeof found !== 'number') return expected === found
  return Math.abs(expected - found) <= tolerance * Math.max(1, Math.abs(expected))
}
