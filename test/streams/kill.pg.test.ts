import { expect, inject, test } from 'vitest'
import { SeededRandom } from '../../src/base/random.ts'
import { startBroker, whyWithoutBroker } from '../brokers.ts'
import { skipBecause } from '../strict.ts'
import { killsOfTrigger } from '../trigger-kills.ts'
import { openWorld } from './world.ts'

test('a node that is killed, and by its messages, loses and doubles nothing', async context => {
  const missing = whyWithoutBroker('amqp')
  if (missing) skipBecause(context, missing)
  await using broker = await startBroker('amqp')
  await using world = await openWorld(inject('postgresUrl'), {})
  const found = await killsOfTrigger({
    store: world.store,
    databaseUrl: world.url,
    brokerUrl: broker.url,
    queue: 'killed',
    messages: 1_000,
    kills: 2,
    poisoned: 1,
    random: new SeededRandom(11),
  })
  expect(found).toEqual({
    published: 1_000,
    stored: 999,
    lost: 0,
    doubled: 0,
    wrong: 0,
    left: 0,
    // I16: exactly so many attempts, then the dead letter; the rest flows.
    letters: 1,
    poisonRuns: 3,
    deaths: 5,
  })
}, 120_000)
