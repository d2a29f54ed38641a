import type { MqttConnection } from '../../sources/index.ts'
import { keptOutput } from '../kept-output.ts'
import type { OutgoingMessage, StreamOutput } from '../message.ts'
import { closed, connected, lossOf, mqttClient } from './connection.ts'

/** Publishes at quality of service 1; the id stands in the user property `message-id`. */
export function mqttOutput(connection: MqttConnection, topic: string): StreamOutput {
  return keptOutput(async () => {
    const client = mqttClient(connection, { clean: true })
    await connected(client)
    const publish = async ({ id, headers, body }: OutgoingMessage): Promise<Error | undefined> => {
      try {
        await client.publishAsync(topic, Buffer.from(body), {
          qos: 1,
          properties: {
            contentType: 'application/json',
            userProperties: { ...headers, 'message-id': id },
          },
        })
        return undefined
      } catch (error) {
        if (!client.connected) throw error
        return error as Error
      }
    }
    return {
      send: messages => Promise.all(messages.map(publish)),
      lost: lossOf(client),
      close: () => closed(client),
    }
  })
}
