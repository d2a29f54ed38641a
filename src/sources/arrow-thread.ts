import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { must } from '../base/assert.ts'
import { asMusterError } from '../base/errors.ts'
import type { ArrowAnswer, ArrowAsk } from './arrow-reader.ts'
import { readArrow } from './arrow-texts.ts'
import { writeTextRows } from './text-rows.ts'

/* The thread of an `ArrowReader`. */

async function convert({ bytes, path, rowsMax }: ArrowAsk): Promise<ArrowAnswer> {
  try {
    const { columns, rows } = readArrow(bytes, rowsMax)
    await using written = await writeTextRows(columns, dirname(path), [], async add => {
      for (const row of rows) add(row)
    })
    await rename(written.path, path)
    return undefined
  } catch (error) {
    const { code, message, hint, field } = asMusterError(error)
    return { code, message, hint, field }
  }
}

const port = must(parentPort, 'this is a thread')
port.on('message', async (ask: ArrowAsk) => port.postMessage(await convert(ask)))
