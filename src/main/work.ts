import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import type { Digest } from '../base/digest.ts'
import { carryOutStep, codeVersion } from '../reconcile/index.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections } from '../sources/index.ts'
import { openQueue, openStore } from '../store/index.ts'
import { openLog } from './log.ts'

/** What the parent sends to a worker that it started; a password has no place in an environment. */
export interface WorkerStart {
  readonly databaseUrl: string
  readonly home: string
  readonly name: string
}

/**
 * The role `work`: takes steps from the queue one at a time and carries them out, until it is told
 * to stop or its parent is gone. A process of its own, because a fit keeps its thread busy, and
 * because it may be killed.
 */
async function work(start: WorkerStart): Promise<void> {
  const log = openLog(start.home, start.name)
  const blobs = await openBlobs(join(start.home, 'blobs'))
  await using store = await openStore(start.databaseUrl, {
    connections: 4,
    applicationName: `muster ${start.name}`,
  })
  await using queue = await openQueue(start.databaseUrl, store, {
    log: line => log.warn(line),
  })
  const parts = {
    store,
    blobs,
    clock: systemClock,
    code: codeVersion(),
    connections: readConnections(process.env),
    worker: `${start.name} (${process.pid})`,
    peakRssBytes: () => process.resourceUsage().maxRSS * 1_024,
  }
  const carryOut = async (key: Digest): Promise<void> => {
    try {
      await carryOutStep(key, parts)
    } catch (error) {
      log.error({ err: error, step: key }, 'a step failed and will be tried again')
      throw error
    }
  }
  await queue.work(carryOut, { concurrency: 1 })
  await new Promise<void>(resolve => {
    process.once('SIGTERM', resolve)
    process.once('disconnect', resolve)
  })
}

process.on('SIGINT', () => {}) // Ctrl C goes to the whole group: the parent says when to stop.
process.once('message', start => {
  work(start as WorkerStart).then(
    () => process.exit(0),
    error => {
      process.stderr.write(`muster: a worker could not start: ${(error as Error).message}\n`)
      process.exit(1)
    },
  )
})
// Killed before it said a word: there is nothing to stop.
process.once('disconnect', () => setTimeout(() => process.exit(0), 10_000).unref())
