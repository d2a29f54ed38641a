import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../src/base/clock.ts'
import { openFamilySession } from '../src/onnx/index.ts'
import { type DataPlane, openDataPlane, serveLimits } from '../src/serve/index.ts'
import {
  memoryBlobs,
  sampleBody,
  sampleFacts,
  sampleFamily,
} from '../src/serve/sample-family.fixture.ts'

/*
 * F31: an open loop of callers on a real data plane, in its process, so that what is offered is not
 * bounded by sockets. The graph is real and takes a millisecond a row more, as a heavy one would:
 * else the callers, who share the thread, could not offer ten times of it. First its capacity, by
 * callers who wait for their answers; then 1, 2, 5 and 10 times that, each call with 100 ms to
 * live. What the callers and the refusals cost counts against it.
 *
 *   node sim/overload.ts [seconds=10] [models=1000]
 */

const [seconds = 10, models = 1_000] = process.argv.slice(2).map(Number)
const inputs = 16
const deadlineMs = 100
const names = Array.from({ length: models }, (_, i) => `bench.m${String(i).padStart(5, '0')}`)
const biases = new Map([['bench', -1], ...names.map((name, i) => [name, i] as const)])
const body = sampleBody([0.5], inputs)

const blobs = memoryBlobs()
const rowMs = 1
const plane: DataPlane = openDataPlane({
  blobs,
  clock: systemClock,
  environment: 'prod',
  limits: { ...serveLimits, waitingRowsMax: 256, rowsPerRequestMax: 16, rowsPerCallMax: 16 },
  openSession: async graph => {
    const session = await openFamilySession(graph)
    const { inputs, width, categories } = session
    const run: typeof session.run = (x, parameters, rows, parameterRows) => {
      const until = performance.now() + rows * rowMs
      while (performance.now() < until);
      return session.run(x, parameters, rows, parameterRows)
    }
    return { inputs, width, categories, run, close: () => session.close() }
  },
})
const about = { blueprint: 'bench', inputs, digests: false }
await plane.replaceFamily(sampleFamily(blobs, biases, about), sampleFacts(inputs))
plane.markSynced()

interface Found {
  readonly offered: number
  readonly good: number
  readonly afterDeadline: number
  readonly refused: Readonly<Record<string, number>>
  readonly wrong: number
}

async function offer(perSecond: number): Promise<Found> {
  const refused: Record<string, number> = {}
  let [offered, good, afterDeadline, wrong, open] = [0, 0, 0, 0, 0]
  const startedMs = performance.now()
  const endMs = startedMs + seconds * 1_000
  for (let nowMs = startedMs; nowMs < endMs; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startedMs) / 1_000) * perSecond)
    for (; offered < due; offered++) {
      const member = offered % models
      const sentMs = performance.now()
      open += 1
      plane
        .inferRows({ model: names[member]!, body, deadlineMs })
        .then(
          ({ values }) => {
            if (values[0] !== member + 0.5) wrong += 1
            if (performance.now() - sentMs <= deadlineMs) good += 1
            else afterDeadline += 1
          },
          (error: { code: string }) => {
            refused[error.code] = (refused[error.code] ?? 0) + 1
          },
        )
        .finally(() => {
          open -= 1
        })
    }
    await turn()
  }
  while (open > 0) await turn()
  return { offered, good, afterDeadline, refused, wrong }
}

async function capacityOf(): Promise<number> {
  const until = performance.now() + seconds * 1_000
  let done = 0
  const callers = Array.from({ length: 64 }, async (_, caller) => {
    for (let i = caller; performance.now() < until; i++, done++) {
      await plane.inferRows({ model: names[i % models]!, body })
    }
  })
  await Promise.all(callers)
  return done / seconds
}

await offer(500)
const capacity = await capacityOf()
console.log(`capacity ${Math.round(capacity)} calls a second`)
console.log('offered   a second  good a second  of capacity  finished late  refused  RSS MiB')
for (const times of [1, 2, 5, 10]) {
  const { offered, good, afterDeadline, refused, wrong } = await offer(capacity * times)
  if (wrong > 0) throw new Error(`${wrong} answers were another model's`)
  const row = [
    `${times}x`.padStart(7),
    String(Math.round(offered / seconds)).padStart(10),
    String(Math.round(good / seconds)).padStart(14),
    `${Math.round((100 * good) / seconds / capacity)} %`.padStart(12),
    String(afterDeadline).padStart(14),
    Object.entries(refused)
      .map(([code, count]) => `${code} ${count}`)
      .join(', ') || 'none',
    String(Math.round(process.memoryUsage.rss() / 2 ** 20)),
  ]
  console.log(row.join('  '))
}
plane.close()
