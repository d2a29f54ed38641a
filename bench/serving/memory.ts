import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../../src/base/clock.ts'
import type { Digest } from '../../src/base/digest.ts'
import { openDataPlane } from '../../src/serve/index.ts'
import {
  memoryBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from '../../src/serve/sample-family.ts'

/*
 * PERFORMANCE.md S5: resident bytes of a model with a million linear members of 16 standardised features (49
 * float32 a row) in one family, and calls checked against what each model must answer.
 *
 *   node bench/serving/memory.ts [members=1000000] [checked calls=100000]
 */

const [members = 1_000_000, calls = 100_000] = process.argv.slice(2).map(Number)
const inputs = 16

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Proportional set size of this process, after a collection. */
async function residentBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))![1]) * 1_024
}

const nameOf = (member: number) =>
  `bench.k${String(Math.floor(member / 1_000)).padStart(3, '0')}.m${String(member % 1_000).padStart(3, '0')}`

/** A plane with so many members. The blobs are forgotten as they are read, as a disk's would be. */
async function load(count: number, blueprint: string) {
  const blobs = memoryBlobs()
  const biases = new Map([[blueprint, -1]])
  for (let i = 0; i < count; i++) biases.set(nameOf(i), i)
  const routes = sampleFamily(blobs, biases, { blueprint, inputs, digests: false })
  const get = async (digest: Digest) => {
    const bytes = await blobs.get(digest)
    blobs.kept.delete(digest)
    return bytes
  }
  const plane = openDataPlane({ blobs: { get }, clock: systemClock, environment: 'prod' })
  const started = performance.now()
  await plane.replaceFamily(routes, sampleFacts(inputs))
  plane.markSynced()
  return { plane, seconds: (performance.now() - started) / 1_000 }
}

const small = await load(0, 'bench')
const before = await residentBytes()
const { plane, seconds } = await load(members, 'bench')
const after = await residentBytes()
small.plane.close()

const status = plane.list()[0]!
const each = (bytes: number) => `${(bytes / members).toFixed(1)} B`
console.log(`${members} members, ${inputs} features, loaded and proved in ${seconds.toFixed(1)} s`)
console.log(`resident a model      ${each(after - before)}`)
console.log(`  parameters          ${each(status.parameterBytes)}`)
console.log(`  names and routes    ${each(status.indexBytes)}`)
console.log(
  `  else                ${each(after - before - status.parameterBytes - status.indexBytes)}`,
)
console.log(
  `resident in all       ${(after / 2 ** 20).toFixed(0)} MiB, peak ${(process.resourceUsage().maxRSS / 1_024).toFixed(0)} MiB`,
)

let wrong = 0
const checkedAt = performance.now()
for (let done = 0; done < calls; done += 256) {
  const chosen = Array.from({ length: 256 }, () => Math.floor(Math.random() * members))
  const answers = await Promise.all(
    chosen.map(member => plane.infer({ model: nameOf(member), body: sampleBody([0], inputs) })),
  )
  for (const [i, answer] of answers.entries()) if (answer.values[0] !== chosen[i]) wrong += 1
}
const each1 = ((performance.now() - checkedAt) * 1_000) / calls
console.log(
  `checked calls         ${calls}, wrong ${wrong}, ${each1.toFixed(1)} us each with its body`,
)
plane.close()
