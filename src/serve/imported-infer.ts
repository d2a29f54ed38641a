import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { Tensor } from '../fleet/index.ts'
import type { RunSeen } from '../runners/index.ts'
import { type ActiveSpan, inSpan } from '../telemetry/index.ts'
import type { InferRequest } from './answer.ts'
import type { ImportedModel, ImportedModels, TensorAnswer } from './imported.ts'
import type { KeptAnswers } from './kept-answers.ts'
import type { ServeLimits } from './limits.ts'
import { printable } from './resolve.ts'
import { readTensorBody, type TensorRequest } from './tensor-body.ts'

/*
 * A call to an imported model: by the version asked for, else by the newest that serves; and where
 * that one cannot be run, by the one before it, which stays as it was until the newer has proven
 * itself. A fault of the inputs is the caller's, and no other version is asked about it.
 */

export interface ImportedAsk {
  readonly limits: ServeLimits
  /** On the monotonic clock of the plane. */
  readonly deadlineMs: number
  readonly startedMs: number
  readonly kept?: KeptAnswers | undefined
  nextReceipt(): ReceiptId
}

/** What says that a version cannot be run, whatever the inputs. */
const unfit: ReadonlySet<ErrorCode> = new Set([
  'E_MODEL_LOAD',
  'E_MODEL_MEMORY',
  'E_MODEL_QUARANTINED',
  'E_BLOB_MISSING',
  'E_DIGEST_MISMATCH',
])

/** Throws E_NOT_FOUND, E_NOT_SERVING, what `readTensorBody` throws and what `infer` does. */
export async function inferImported(
  models: ImportedModels,
  request: InferRequest,
  ask: ImportedAsk,
): Promise<TensorAnswer> {
  const candidates = candidatesOf(models, request.model, request.version)
  const { deadlineMs } = ask
  const { priority = 'interactive' } = request
  let because: string | undefined
  let first: MusterError | undefined
  for (const model of candidates) {
    const read = readTensorBody(request.body, model.signature, ask.limits, request.tensors)
    try {
      const about = { 'muster.version': model.version }
      const outputs = await inSpan('runner', about, span =>
        model.infer(read.inputs, { deadlineMs, priority, seen: span && (run => told(span, run)) }),
      )
      const answer = answerOf(model, read, outputs, because, ask.nextReceipt())
      const { inputs } = read
      const { startedMs } = ask
      await ask.kept?.keepTensors({ request, startedMs }, answer, model, { inputs, outputs })
      return answer
    } catch (error) {
      if (!(error instanceof MusterError) || !unfit.has(error.code)) throw error
      first ??= error
      because ??= error.message
    }
  }
  throw first!
}

function told(span: ActiveSpan, { pid, waitedMs, ranMs }: RunSeen): void {
  span.set({
    ...(pid !== undefined && { 'muster.runner.pid': pid }),
    'muster.runner.waited_ms': waitedMs,
    'muster.runner.ran_ms': ranMs,
  })
}

/** What to ask, in this order; at least one. */
function candidatesOf(
  models: ImportedModels,
  name: string,
  version: string | undefined,
): readonly ImportedModel[] {
  const model = findImported(models, name, version)
  if (version !== undefined) return [model]
  return models.versionsOf(name).filter(each => each.state !== 'unloaded')
}

/** Throws E_NOT_FOUND for a version that is not there, E_NOT_SERVING for one that is unloaded. */
export function findImported(
  models: ImportedModels,
  name: string,
  version: string | undefined,
): ImportedModel {
  const model = models.find(name, version)
  if (model === undefined) {
    const there = models.versionsOf(name).map(each => each.version)
    throw new MusterError('E_NOT_FOUND', `${name} has no version ${printable(version ?? '')}`, {
      field: 'version',
      hint: `its versions: ${there.slice(0, 10).join(', ')}`,
    })
  }
  if (model.state !== 'unloaded') return model
  throw new MusterError('E_NOT_SERVING', `${name} was unloaded`, {
    field: 'model',
    hint: `load it: muster load ${name}`,
    extra: { retryAfterSeconds: 60 },
  })
}

function answerOf(
  model: ImportedModel,
  read: TensorRequest,
  outputs: readonly Tensor[],
  because: string | undefined,
  receipt: ReceiptId,
): TensorAnswer {
  const { outputs: wanted, binaryOutputs, id } = read
  return {
    model: model.name,
    answeredBy: model.name,
    version: model.version,
    how: because === undefined ? 'itself' : 'previous',
    because,
    receipt,
    id: id ?? receipt,
    outputs: wanted ? wanted.map(name => outputs.find(each => each.name === name)!) : outputs,
    binaryOutputs,
  }
}
