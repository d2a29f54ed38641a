import { setTimeout as sleep } from 'node:timers/promises'
import { openQueue, openStore, startStep } from '../../src/store/index.ts'

/* A worker that begins each step it is given, prints its key and never ends it: to be killed. */

await using store = await openStore(process.argv[2]!)
await using queue = await openQueue(process.argv[2]!, store)
await queue.work(
  async key => {
    await startStep(store, key, String(process.pid))
    console.log(key)
    await sleep(600_000)
  },
  { concurrency: 2 },
)
await sleep(600_000)
