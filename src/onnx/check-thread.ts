import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { must } from '../base/assert.ts'
import { asMusterError } from '../base/errors.ts'
import type { CheckAnswer, CheckAsk } from './check-file.ts'
import { checkModel } from './check-model.ts'

/* The thread of `checkModelFile`. */

function answer({ path }: CheckAsk): CheckAnswer {
  try {
    return { checked: checkModel(readFileSync(path)) }
  } catch (error) {
    const { code, message, hint, field } = asMusterError(error)
    return { code, message, hint, field }
  }
}

must(parentPort, 'this is a thread').postMessage(answer(workerData as CheckAsk))
