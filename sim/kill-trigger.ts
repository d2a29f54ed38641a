/*
 * Kill -9 of a node that takes messages from RabbitMQ, at random moments and by messages that kill
 * it themselves: see test/trigger-kills.ts for what is counted.
 *
 *   npm run sim:trigger -- [--rounds 5] [--messages 4000] [--kills 10] [--poisoned 2] [--seed 7]
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { SeededRandom } from '../src/base/random.ts'
import { migrate, openStore, startEmbedded } from '../src/store/index.ts'
import { startBroker, whyWithoutBroker } from '../test/brokers.ts'
import { killsOfTrigger } from '../test/trigger-kills.ts'

const text = (value: number) => ({ type: 'string', default: String(value) }) as const
const { values } = parseArgs({
  options: {
    rounds: text(5),
    messages: text(4_000),
    kills: text(10),
    poisoned: text(2),
    seed: text(7),
  },
})
const missing = whyWithoutBroker('amqp')
if (missing) throw new Error(missing)

const home = await mkdtemp(join(tmpdir(), 'muster-sim-'))
await chmod(home, 0o711) // As root the database is another user, who must pass through.
const server = await startEmbedded({ folder: join(home, 'postgres'), clock: systemClock })
const broker = await startBroker('amqp')
const random = new SeededRandom(Number(values.seed))
const columns = [
  'published',
  'deaths',
  'stored',
  'lost',
  'doubled',
  'wrong',
  'letters',
  'poisonRuns',
  'left',
] as const
try {
  await migrate(server.url)
  const store = await openStore(server.url)
  let faults = 0
  console.log(`round  seconds${columns.map(name => name.padStart(name.length + 2)).join('')}`)
  for (let round = 1; round <= Number(values.rounds); round++) {
    const startedMs = performance.now()
    const poisoned = Number(values.poisoned)
    const found = await killsOfTrigger({
      store,
      databaseUrl: server.url,
      brokerUrl: broker.url,
      queue: `round${round}`,
      messages: Number(values.messages),
      kills: Number(values.kills),
      poisoned,
      random,
    })
    const { lost, doubled, wrong, letters, poisonRuns, left } = found
    faults += lost + doubled + wrong + left + Math.abs(letters - poisoned)
    faults += Math.abs(poisonRuns - 3 * poisoned)
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
    const cells = columns.map(name => String(found[name]).padStart(name.length + 2))
    console.log(`${String(round).padStart(5)}${seconds.padStart(9)}${cells.join('')}`)
  }
  await store.close()
  console.log(faults === 0 ? 'no fault' : `${faults} FAULTS`)
  if (faults > 0) process.exitCode = 1
} finally {
  await broker[Symbol.asyncDispose]()
  await server.close()
  await rm(home, { recursive: true, force: true })
}
