import { jetstreamManager } from '@nats-io/jetstream'
import { headers } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { keepsContract } from './contract.ts'

/* NATS JetStream: a durable pull consumer. */

async function connected(url: string) {
  return connect({ servers: url.replace('nats://', ''), tls: null })
}

keepsContract({
  kind: 'nats',
  bytesMost: 1_048_576,
  async declare(url, name) {
    const connection = await connected(url)
    const { streams } = await jetstreamManager(connection)
    await streams.add({ name, subjects: [`${name}.>`] })
    await connection.close()
  },
  origin: name => ({
    kind: 'nats',
    connection: 'plant',
    stream: name,
    subject: undefined,
    durable: 'muster',
  }),
  target: name => ({ kind: 'nats', connection: 'plant', subject: `${name}.in` }),
  async askForReply(url, name) {
    const connection = await connected(url)
    const asking = headers()
    asking.set('reply-to', '$SYS.>')
    connection.publish(`${name}.in`, '{"n":1,"at":"2026-01-01"}', { headers: asking })
    await connection.flush()
    await connection.close()
  },
})
