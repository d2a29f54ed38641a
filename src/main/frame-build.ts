import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { asMusterError } from '../base/errors.ts'
import { frameStream } from '../features/index.ts'
import { openBlobs } from '../registry/index.ts'
import type { FrameStart, FrameWord } from './frame-builds.ts'

/* The process of one frame: told what it is, says that it has it, and writes it to its output. */

function say(word: FrameWord): Promise<void> {
  return new Promise(resolve => process.send?.(word, () => resolve()))
}

async function build({ home, job }: FrameStart): Promise<void> {
  const blobs = await openBlobs(join(home, 'blobs'))
  let bytes: AsyncIterable<Uint8Array>
  try {
    bytes = await frameStream(job, blobs)
  } catch (error) {
    const { code, message, field, hint } = asMusterError(error)
    if (code === 'E_INTERNAL') process.stderr.write(`muster: a frame failed: ${String(error)}\n`)
    await say({ error: { code, message, ...(field && { field }), ...(hint && { hint }) } })
    return
  }
  await say({ ready: true })
  await pipeline(Readable.from(bytes, { objectMode: false }), process.stdout)
}

process.once('message', start => {
  build(start as FrameStart).then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
// Nobody is left who would read it.
process.once('disconnect', () => process.exit(1))
