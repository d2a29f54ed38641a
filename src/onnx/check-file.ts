import { Worker } from 'node:worker_threads'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import { type CheckedModel, checkModelSize, modelLimits } from './check-model.ts'

/*
 * The structural check of a file, in a thread of its own: a forest of a million splits is looked at
 * for half a second, in which this thread serves. What is not trusted is read there, and only what
 * it declares comes back.
 */

export interface CheckAsk {
  readonly path: string
}

export type CheckAnswer =
  | { readonly checked: CheckedModel }
  | {
      readonly code: ErrorCode
      readonly message: string
      readonly hint: string | undefined
      readonly field: string | undefined
    }

/** MiB. What is kept of a file are names of its inputs, outputs and values. */
const heapMb = 1_024

/** As `checkModel`; E_MODEL_SIZE too where the thread has not memory enough for it. */
export async function checkModelFile(path: string, sizeBytes: number): Promise<CheckedModel> {
  checkModelSize(sizeBytes)
  const answer = await inThread({ path })
  if ('checked' in answer) return answer.checked
  const { code, message, hint, field } = answer
  throw new MusterError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(field === undefined ? {} : { field }),
  })
}

async function inThread(workerData: CheckAsk): Promise<CheckAnswer> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const thread = new Worker(new URL(`./check-thread.${extension}`, import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  })
  try {
    return await new Promise((resolve, reject) => {
      thread.once('message', resolve)
      thread.once('error', reject)
      thread.once('exit', () => reject(new Error('the check of a model ended by itself')))
    })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw cause
    throw new MusterError('E_MODEL_SIZE', 'the names in the model take too much memory', {
      hint: `a smaller model: at most ${modelLimits.nodesMax} operators`,
      cause,
    })
  } finally {
    await thread.terminate()
  }
}
