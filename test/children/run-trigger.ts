import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { readConnections } from '../../src/sources/index.ts'
import { openStore } from '../../src/store/index.ts'
import { Triggers } from '../../src/triggers/index.ts'
import { graphSpec, triggerSpec } from '../streams/world.ts'

/*
 * A node that runs one trigger until it is killed: `run-trigger.ts DATABASE BROKER QUEUE`. It tells
 * each message that it runs before it runs it. A message `{ "kill": true }` kills the process, as a
 * library with a fault in native code does.
 */

const [databaseUrl = '', brokerUrl = '', queue = ''] = process.argv.slice(2)
const store = await openStore(databaseUrl)
const log = (line: string, error?: unknown): void => {
  if (error !== undefined) console.error(line, error)
}
await using triggers = new Triggers({
  store,
  streams: {
    clock: systemClock,
    chance: new SeededRandom(process.pid),
    connections: readConnections({ MUSTER_CONNECTION_PLANT: brokerUrl }),
    node: 'child',
    log,
  },
  runGraph: async (_graph, message) => {
    const { n, kill } = message as { n: number; kill?: boolean }
    if (kill) console.log(`kills ${n}`)
    if (kill) process.kill(process.pid, 'SIGKILL')
    await new Promise(resolve => setTimeout(resolve, n % 5))
    return { value: { twice: 2 * n }, parts: [] }
  },
  appendRows: async () => {},
  log,
})
const trigger = triggerSpec({ kind: 'amqp', connection: 'plant', queue })
await triggers.follow(new Map([[queue, graphSpec(queue, trigger)]]))
console.log('up')
process.stdin.resume()
await new Promise(resolve => process.stdin.once('end', resolve))
await triggers[Symbol.asyncDispose]()
await store.close()
