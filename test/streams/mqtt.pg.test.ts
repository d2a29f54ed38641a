import { connectAsync } from 'mqtt'
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
