import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { openDataPlane, openServeMetrics } from '../../src/serve/index.ts'
import { inferMany } from '../../src/serve/infer-many.ts'
import { memoryBlobs, sampleFacts, sampleFamily } from '../../src/serve/sample-family.fixture.ts'
import { conditions, tell } from '../conditions.ts'
import { round, spread } from '../ratio.ts'

/*
 * Fleet inference: processor time of 10,000 rows of 16 features over 3,000 models, from the request
 * as columns to the last answer, without HTTP and JSON. Every number is checked in every round.
 *
 *   node bench/serving/fleet.ts [rounds=30] [rows=10000] [models=3000]
 */

const [rounds = 30, rows = 10_000, models = 3_000] = process.argv.slice(2).map(Number)
const features = 16
/** Before it counts: V8 has then compiled what it will. */
const warmRounds = 10

const blobs = memoryBlobs()
const metrics = openServeMetrics()
const plane = openDataPlane({ blobs, clock: systemClock, environment: 'prod', metrics })
const nameOf = (model: number) => `bench.m${String(model).padStart(5, '0')}`
const biases = new Map([['bench', 0]])
for (let model = 0; model < models; model++) biases.set(nameOf(model), model)
const about = { blueprint: 'bench', inputs: features, digests: false }
await plane.replaceFamily(sampleFamily(blobs, biases, about), sampleFacts(features))
plane.markSynced()

const random = new SeededRandom(1)
const asked = Array.from({ length: rows }, () => random.below(models))
const values = Array.from({ length: features }, () =>
  Array.from({ length: rows }, () => random.below(1_000) / 8),
)
const request = {
  models: asked.map(nameOf),
  inputs: values.map((data, i) => ({ name: `f${i}`, datatype: 'FP32', data })),
}
const expected = asked.map((model, row) => values.reduce((sum, data) => sum + data[row]!, model))

function check(said: Awaited<ReturnType<typeof inferMany>>): void {
  let answered = 0
  for (const { rows, said: answer } of said) {
    if (answer instanceof Error) throw answer
    for (const [i, row] of rows.entries()) {
      if (Math.abs(answer.values[i]! - expected[row]!) > 0.01) throw new Error(`row ${row}`)
      answered += 1
    }
  }
  if (answered !== rows) throw new Error(`${answered} of ${rows} rows were answered`)
}

const before = conditions()
const cpuMs: number[] = []
for (let round = 0; round < warmRounds + rounds; round++) {
  const began = process.cpuUsage()
  const said = await inferMany(plane, request)
  const { user, system } = process.cpuUsage(began)
  check(said)
  if (round >= warmRounds) cpuMs.push((user + system) / 1_000)
}
const { median, min, max } = spread(cpuMs)
console.log(
  `${rows} rows, ${models} models: ${round(median)} ms of processor time ` +
    `(${round(min)} to ${round(max)}) in ${rounds} rounds, all ${rows} right`,
)
tell('fleet-inference', before, {
  workload: { rows, models, features },
  rounds,
  cpuMs: spread(cpuMs),
})
