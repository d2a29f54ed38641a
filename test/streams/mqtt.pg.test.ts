import { connectAsync } from 'mqtt'
import { expect, test } from 'vitest'
import { mqttOutput } from '../../src/streams/mqtt/output.ts'
import { startBroker, whyWithoutBroker } from '../brokers.ts'
import { skipBecause } from '../strict.ts'
import { keepsContract } from './contract.ts'

/* MQTT 5 with Mosquitto: a shared subscription in a session that outlives the connection. */

keepsContract({
  kind: 'mqtt',
  bytesMost: 268_435_455,
  // A topic is made by who subscribes; what was published before nobody gets.
  subscribesFirst: true,
  async declare() {},
  origin: name => ({ kind: 'mqtt', connection: 'plant', topic: `${name}/+`, group: 'muster' }),
  target: name => ({ kind: 'mqtt', connection: 'plant', topic: `${name}/in` }),
  async askForReply(url, name) {
    const client = await connectAsync(url, { protocolVersion: 5 })
    const properties = { responseTopic: '$SYS/all', userProperties: { 'message-id': 'p-reply' } }
    await client.publishAsync(`${name}/in`, '{"n":1,"at":"2026-01-01"}', { qos: 1, properties })
    await client.endAsync()
  },
})

test('what comes before the subscription is back is not taken, so not lost', async context => {
  const missing = whyWithoutBroker('mqtt')
  if (missing) skipBecause(context, missing)
  await using broker = await startBroker('mqtt')
  await using output = mqttOutput({ kind: 'mqtt', url: broker.url, login: undefined }, 'early/in')
  const send = () =>
    output.send([{ id: 'e-1', key: undefined, headers: {}, body: Buffer.from('{}') }])
  expect(await send()).toEqual([new Error('nobody is subscribed to it')])
  const node = await connectAsync(broker.url, { protocolVersion: 5 })
  await node.subscribeAsync('$share/muster/early/+', { qos: 1 })
  expect(await send()).toEqual([undefined])
  await node.endAsync()
})
