import { parentPort } from 'node:worker_threads'
import { must } from '../base/assert.ts'
import { asMusterError } from '../base/errors.ts'
import { readArrowRows, readJsonLines } from '../sources/index.ts'
import type { ReadAnswer, ReadAsk } from './rows-reader.ts'

/* The thread of a `RowsReader`. */

function answer({ bytes, format, columns, rowsMax }: ReadAsk): ReadAnswer {
  try {
    const read =
      format === 'arrow' ? readArrowRows(bytes, columns, rowsMax) : readJsonLines(bytes, columns)
    return { read }
  } catch (error) {
    const { code, message, hint, field } = asMusterError(error)
    return { code, message, hint, field }
  }
}

const port = must(parentPort, 'this is a thread')
port.on('message', (ask: ReadAsk) => port.postMessage(answer(ask)))
