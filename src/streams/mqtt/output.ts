import type { MqttConnection } from '../../sources/index.ts'
import { keptOutput } from '../kept-output.ts'
import type { OutgoingMessage, StreamOutput } from '../message.ts'
import { closed, connected, lossOf, mqttClient } from './connection.ts'

/** The broker's word for a message that it gave to nobody (MQTT 5, 3.4.2.1). */
const noSubscriber = 0x10

/**
 * Publishes at quality of service 1; the id stands in the user property `message-id`. What nobody
 * is subscribed to is refused: Mosquitto 2.0 forgets shared subscriptions when it restarts, and
 * what came before the first is back would be lost with no word.
 */
export function mqttOutput(connection: MqttConnection, topic: string): StreamOutput {
  return keptOutput(async () => {
    const client = await mqttClient(connection, { clean: true })
    const unheard = new Set<number>()
    client.on('packetreceive', packet => {
      if (packet.cmd !== 'puback' || packet.reasonCode !== noSubscriber) return
      unheard.add(packet.messageId!)
    })
    await connected(client)
    const publish = async ({ id, headers, body }: OutgoingMessage): Promise<Error | undefined> => {
      try {
        const sent = await client.publishAsync(topic, Buffer.from(body), {
          qos: 1,
          properties: {
            contentType: 'application/json',
            userProperties: { ...headers, 'message-id': id },
          },
        })
        const isUnheard = unheard.delete(sent?.messageId ?? -1)
        return isUnheard ? new Error('nobody is subscribed to it') : undefined
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
