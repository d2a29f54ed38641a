import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { must } from '../../src/base/assert.ts'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { openBlobs, readPack } from '../../src/registry/index.ts'
import { openDataPlane } from '../../src/serve/index.ts'
import {
  memoryBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from '../../src/serve/sample-family.fixture.ts'
import { conditions, tell } from '../conditions.ts'
import { interval, intervalText, round } from '../ratio.ts'

/*
 * PERFORMANCE.md S6: the first answer of a model that is not in memory (its pack on the disk, the
 * page cache warm), against creating an ONNX Runtime session of the same graph and running it with
 * the same parameters. Nothing is kept in memory here, so that every answer is a first one. Sides
 * alternate; both are checked against each other before anything is timed.
 *
 *   node bench/serving/cold.ts [members=20000] [pairs=12] [calls a window=500]
 */

const [members = 20_000, pairs = 12, calls = 500] = process.argv.slice(2).map(Number)
const inputs = 16
const checkedCalls = 1_000
const nameOf = (member: number) => `bench.m${String(member).padStart(6, '0')}`
/** As `onnx/session.ts` has them. */
const options: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableCpuMemArena: false,
  enableMemPattern: false,
  logSeverityLevel: 3,
}

const folder = mkdtempSync(join(tmpdir(), 'muster-bench-'))
const blobs = await openBlobs(folder)
const memory = memoryBlobs()
const biases = new Map([['bench', -1]])
for (let i = 0; i < members; i++) biases.set(nameOf(i), i)
const routes = sampleFamily(memory, biases, { blueprint: 'bench', inputs, digests: false })
for (const bytes of memory.kept.values()) await blobs.put(bytes)
const { graph, pack } = must(routes.routes[0], 'there are routes')
const graphBytes = await memory.get(graph)
const { rows, width } = readPack(await memory.get(pack))

const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', residentBytesMax: 0 })
await plane.replaceFamily(routes, sampleFacts(inputs))
plane.markSynced()
const body = sampleBody([0.5], inputs)
const x = new Float32Array(inputs)
x[0] = 0.5

async function ours(member: number): Promise<number> {
  return (await plane.inferRows({ model: nameOf(member), body })).values[0]!
}

async function createAndRun(member: number): Promise<number> {
  const session = await InferenceSession.create(graphBytes, options)
  // The root is the first row.
  const parameters = rows.subarray((member + 1) * width, (member + 2) * width)
  const { y } = await session.run({
    x: new Tensor('float32', x, [1, inputs]),
    parameters: new Tensor('float32', parameters, [1, width]),
  })
  await session.release()
  return (must(y, 'it answers').data as Float32Array)[0]!
}

const random = new SeededRandom(11)
for (let call = 0; call < checkedCalls; call++) {
  const member = random.below(members)
  const [own, theirs] = [await ours(member), await createAndRun(member)]
  if (own !== theirs || own !== Math.fround(member + 0.5)) {
    throw new Error(`model ${member}: ${own} and ${theirs}: nothing is timed`)
  }
}
console.log(`${checkedCalls} answers of both sides are equal and right`)

async function medianUs(ask: (member: number) => Promise<number>): Promise<number> {
  const taken: number[] = []
  for (let call = 0; call < calls; call++) {
    const member = random.below(members)
    const from = performance.now()
    await ask(member)
    taken.push((performance.now() - from) * 1_000)
  }
  return taken.sort((a, b) => a - b)[calls >> 1]!
}

const before = conditions()
const { pagesRead } = plane.residency
const found = { ours: [] as number[], theirs: [] as number[] }
for (let pair = 0; pair < pairs; pair++) {
  const first = pair % 2 === 0
  if (first) found.ours.push(await medianUs(ours))
  found.theirs.push(await medianUs(createAndRun))
  if (!first) found.ours.push(await medianUs(ours))
}
const isCold = plane.residency.pagesRead - pagesRead >= pairs * calls
if (!isCold) throw new Error('some answers came from memory: no figure holds')
const ratio = interval(found.theirs.map((us, i) => us / found.ours[i]!))
const p50Us = round(found.ours.toSorted((a, b) => a - b)[pairs >> 1]!)
const theirsUs = round(found.theirs.toSorted((a, b) => a - b)[pairs >> 1]!)
console.log(`cold first answer p50 ${p50Us} us; create and run ${theirsUs} us`)
console.log(`create and run / ours ${intervalText(ratio)}; target 10, and 100 us`)
tell('cold', before, { workload: { members, inputs, calls }, p50Us, theirsUs, ratio })
plane.close()
rmSync(folder, { recursive: true })
