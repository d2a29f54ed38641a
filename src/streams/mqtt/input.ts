import type { IPublishPacket, MqttClient } from 'mqtt'
import type { MqttConnection } from '../../sources/index.ts'
import type { OpenSession } from '../broker-input.ts'
import { derivedId } from '../derived-id.ts'
import { boundedBody, type StreamMessage } from '../message.ts'
import { closed, connected, lossOf, mqttClient } from './connection.ts'

/** How long the broker keeps what this node has not acknowledged, when it is away: a day. */
const sessionSeconds = 86_400

export interface MqttOrigin {
  readonly topic: string
  readonly group: string
  /**
   * Of this node and trigger, the same after a restart: the broker keeps unacknowledged messages
   * for the client of this name.
   */
  readonly client: string
}

/**
 * A shared subscription of MQTT 5 at quality of service 1, in a session that outlives the
 * connection. The broker sends no more than `prefetch` unacknowledged messages (receive maximum).
 */
export function mqttInput(
  connection: MqttConnection,
  { topic, group, client: clientId }: MqttOrigin,
): OpenSession {
  return async ({ prefetch, take }) => {
    const delivered = new WeakMap<StreamMessage, number>()
    const client = await mqttClient(connection, {
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: prefetch },
    })
    client.handleMessage = (packet, done) => {
      if (packet.qos === 0) return done()
      const read = readMessage(packet)
      delivered.set(read, packet.messageId!)
      take(read)
      // With an error the client sends no acknowledgement and goes on to the next packet.
      done(new Error('it is acknowledged when its result is committed'))
    }
    try {
      await connected(client)
      await client.subscribeAsync(`$share/${group}/${topic}`, { qos: 1 })
    } catch (error) {
      await client.endAsync(true).catch(() => {})
      throw error
    }
    return {
      ack: messages => {
        for (const message of messages) acknowledge(client, delivered.get(message)!)
      },
      lost: lossOf(client),
      close: () => closed(client),
    }
  }
}

/** The client has no public word for an acknowledgement that comes later; this is its own. */
function acknowledge(client: MqttClient, messageId: number): void {
  // biome-ignore lint/complexity/useLiteralKeys: of a private member there is no other spelling
  client['_sendPacket']({ cmd: 'puback', messageId, reasonCode: 0 })
}

function readMessage({ topic, payload, dup, properties }: IPublishPacket): StreamMessage {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(properties?.userProperties ?? {})) {
    headers[name.toLowerCase()] = Array.isArray(value) ? (value.at(-1) ?? '') : value
  }
  if (properties?.contentType) headers['content-type'] ??= properties.contentType
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  return {
    id: headers['message-id'] || derivedId(topic, body),
    key: topic,
    headers,
    ...boundedBody(body),
    redelivered: dup,
    replyTo: properties?.responseTopic || undefined,
  }
}
