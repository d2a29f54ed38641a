import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../../src/base/clock.ts'
import type { Digest } from '../../src/base/digest.ts'
import { SeededRandom } from '../../src/base/random.ts'
import type { FamilyRoutes } from '../../src/fleet/index.ts'
import { openBlobs } from '../../src/registry/index.ts'
import { openDataPlane } from '../../src/serve/index.ts'
import {
  memoryBlobs,
  type SampleBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from '../../src/serve/sample-family.fixture.ts'
import { conditions, tell } from '../conditions.ts'
import { round } from '../ratio.ts'

/*
 * PERFORMANCE.md S5: resident bytes of a model with a million linear members of 16 standardised
 * features (49 float32 a row) in one family, and calls checked against what each model must answer.
 *
 *   node bench/serving/memory.ts [members=1000000] [checked calls=100000] [resident share=1]
 *
 * With a share below 1 packs lie in a folder of blobs, and parameters in memory are capped at that
 * share of the fleet's bytes.
 */

const [members = 1_000_000, calls = 100_000, share = 1] = process.argv.slice(2).map(Number)
const inputs = 16

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/**
 * After collections: the proportional set size of the process, and what of it JavaScript still
 * reaches.
 */
async function settle(): Promise<{ resident: number; live: number }> {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  const pss = /^Pss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))![1]
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { resident: Number(pss) * 1_024, live: heapUsed + arrayBuffers }
}

const nameOf = (member: number) =>
  `bench.k${String(Math.floor(member / 1_000)).padStart(3, '0')}.m${String(member % 1_000).padStart(3, '0')}`

/** A plane with so many members. The blobs are forgotten as they are read, as a disk's would be. */
async function load(count: number, blueprint: string) {
  const blobs = memoryBlobs()
  const biases = new Map([[blueprint, -1]])
  for (let i = 0; i < count; i++) biases.set(nameOf(i), i)
  const routes = sampleFamily(blobs, biases, { blueprint, inputs, digests: false })
  if (share < 1) return loadPaged(routes, blobs)
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

async function loadPaged(routes: FamilyRoutes, memory: SampleBlobs) {
  folder ??= mkdtempSync(join(tmpdir(), 'muster-bench-'))
  const blobs = await openBlobs(folder)
  let fleetBytes = 0
  for (const bytes of memory.kept.values()) {
    await blobs.put(bytes)
    fleetBytes = Math.max(fleetBytes, bytes.length)
  }
  memory.kept.clear()
  const residentBytesMax = Math.floor(fleetBytes * share)
  const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', residentBytesMax })
  const started = performance.now()
  await plane.replaceFamily(routes, sampleFacts(inputs))
  plane.markSynced()
  return { plane, seconds: (performance.now() - started) / 1_000 }
}

if (!existsSync('/proc/self/smaps_rollup')) {
  console.error('this reads /proc/self/smaps_rollup, which Linux has from 4.14 on')
  process.exit(1)
}
let folder: string | undefined
const conditionsBefore = conditions()
const small = await load(0, 'bench')
const before = await settle()
const { plane, seconds } = await load(members, 'bench')
const after = await settle()
small.plane.close()

let wrong = 0
const random = new SeededRandom(5)
const checkedAt = performance.now()
for (let done = 0; done < calls; done += 256) {
  const chosen = Array.from({ length: 256 }, () => random.below(members))
  const answers = await Promise.all(
    chosen.map(member => plane.inferRows({ model: nameOf(member), body: sampleBody([0], inputs) })),
  )
  for (const [i, answer] of answers.entries()) if (answer.values[0] !== chosen[i]) wrong += 1
}
const callUs = ((performance.now() - checkedAt) * 1_000) / calls
if (wrong > 0) throw new Error(`${wrong} of ${calls} answers were another model's: no figure holds`)

const status = plane.list()[0]!
const live = after.live - before.live
const bytesEach = {
  live: round(live / members),
  parameters: round(status.parameterBytes / members),
  namesAndRoutes: round(status.indexBytes / members),
  else: round((live - status.parameterBytes - status.indexBytes) / members),
  /** Node 24 keeps the pages of the heap that routes passed through, for the next loading. */
  resident: round((after.resident - before.resident) / members),
}
const mebibytes = {
  resident: round(after.resident / 2 ** 20),
  live: round(after.live / 2 ** 20),
  /** The bench's own objects included. */
  peakWhileLoading: round(process.resourceUsage().maxRSS / 1_024),
}
console.log(`${members} members, ${inputs} features, loaded and proved in ${seconds.toFixed(1)} s`)
for (const [what, bytes] of Object.entries(bytesEach)) {
  console.log(`  ${what.padEnd(18)} ${bytes} B a model`)
}
for (const [what, size] of Object.entries(mebibytes)) {
  console.log(`  ${what.padEnd(18)} ${size} MiB in all`)
}
const { wholeBytes, pageBytes, pagesRead } = plane.residency
if (share < 1) {
  const heldMib = round((wholeBytes + pageBytes) / 2 ** 20)
  console.log(`  parameters held    ${heldMib} MiB, ${pagesRead} pages read`)
}
console.log(`${calls} calls checked, none wrong, ${callUs.toFixed(1)} us each with its body`)
tell('memory', conditionsBefore, {
  workload: { members, inputs, share },
  residency: plane.residency,
  checkedCalls: calls,
  wrong,
  loadSeconds: round(seconds),
  bytesEach,
  mebibytes,
  target: { members: 1_000_000, gibibytes: 4 },
})
plane.close()
if (folder !== undefined) rmSync(folder, { recursive: true })
