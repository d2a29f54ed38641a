import { join } from 'node:path'
import { convertSegment } from '../journal/index.ts'
import { openBlobs } from '../registry/index.ts'
import { openStore } from '../store/index.ts'
import type { ConvertStart } from './journal.ts'

/* The process that turns segments of the journal into files: told which, and ends when it has. */

async function convert({ databaseUrl, home, segments }: ConvertStart): Promise<void> {
  await using store = await openStore(databaseUrl, { connections: 1 })
  const blobs = await openBlobs(join(home, 'blobs'))
  for (const path of segments) await convertSegment(path, { store, blobs })
}

process.once('message', start => {
  convert(start as ConvertStart).then(
    () => process.exit(0),
    error => {
      process.stderr.write(`muster: the journal was not turned into files: ${String(error)}\n`)
      process.exit(1)
    },
  )
})
// Nobody is left who would wait for it; what it was at, the next start does again.
process.once('disconnect', () => process.exit(1))
