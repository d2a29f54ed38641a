import type { NatsConnection } from '../../sources/index.ts'
import { keptOutput } from '../kept-output.ts'
import type { OutgoingMessage, StreamOutput } from '../message.ts'
import { connectNats, lossOf } from './connection.ts'

/** Publishes to a stream, which drops a message whose `Nats-Msg-Id` it took lately. */
export function natsOutput(connection: NatsConnection, subject: string): StreamOutput {
  return keptOutput(async () => {
    const { jetstream } = await import('@nats-io/jetstream')
    const { headers: natsHeaders } = await import('@nats-io/nats-core')
    const connected = await connectNats(connection)
    const stream = jetstream(connected)
    const publish = async ({ id, headers, body }: OutgoingMessage): Promise<Error | undefined> => {
      const sent = natsHeaders()
      for (const [name, value] of Object.entries(headers)) sent.set(name, value)
      try {
        await stream.publish(subject, body, { msgID: id, headers: sent })
        return undefined
      } catch (error) {
        if (connected.isClosed()) throw error
        return error as Error
      }
    }
    return {
      send: messages => Promise.all(messages.map(publish)),
      lost: lossOf(connected),
      close: () => connected.close(),
    }
  })
}
