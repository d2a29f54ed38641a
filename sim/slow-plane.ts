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
 * A real data plane whose graph takes its time a row, as a heavy one would. Model `i` answers
 * `i + 0.5` to `slowBody`. One call takes 16 ms, and a quarter of a second of work may wait.
 */

const inputs = 16
const callMs = 16
const waitingMs = 256

export const slowBody = sampleBody([0.5], inputs)
export const slowName = (i: number) => `bench.m${String(i).padStart(5, '0')}`

export async function openSlowPlane(models: number, rowMs: number): Promise<DataPlane> {
  const blobs = memoryBlobs()
  const rows = callMs / rowMs
  const plane = openDataPlane({
    blobs,
    clock: systemClock,
    environment: 'prod',
    limits: {
      ...serveLimits,
      waitingRowsMax: waitingMs / rowMs,
      rowsPerRequestMax: rows,
      rowsPerCallMax: rows,
    },
    openSession: async graph => {
      const session = await openFamilySession(graph)
      const { inputs, width, categories } = session
      const run: typeof session.run = async (x, parameters, rows, parameterRows) => {
        const y = await session.run(x, parameters, rows, parameterRows)
        // After it, and so where ONNX Runtime computes: in a turn of its own of the event loop.
        // Before it, the answers of the last call would wait for this one.
        const until = performance.now() + rows * rowMs
        while (performance.now() < until);
        return y
      }
      return { inputs, width, categories, run, close: () => session.close() }
    },
  })
  const names = Array.from({ length: models }, (_, i) => [slowName(i), i] as const)
  const about = { blueprint: 'bench', inputs, digests: false }
  const biases = new Map([['bench', -1], ...names])
  await plane.replaceFamily(sampleFamily(blobs, biases, about), sampleFacts(inputs))
  plane.markSynced()
  return plane
}
