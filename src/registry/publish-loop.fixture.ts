import { writeSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeededRandom } from '../base/random.ts'
import { openBlobs } from './blobs.ts'

/*
 * The program that the crash tests kill: `publish-loop.ts <folder> <seed> <count>` publishes blobs
 * of up to 100 kB, half by bytes and half by file, and writes each digest to standard output once
 * it is acknowledged.
 */

const [folder = '', seed = '0', count = '1'] = process.argv.slice(2)
const random = new SeededRandom(Number(seed))
const blobs = await openBlobs(folder)

for (let i = 0; i < Number(count); i++) {
  const bytes = new Uint8Array(random.below(100_000)).map(() => random.uint32())
  let digest: string
  if (i % 2 === 0) digest = await blobs.put(bytes)
  else {
    const draft = join(blobs.scratch, `draft-${i}`)
    await writeFile(draft, bytes)
    digest = await blobs.putFile(draft)
  }
  writeSync(1, `${digest}\n`)
}
