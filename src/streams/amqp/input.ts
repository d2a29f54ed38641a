import type { ConsumeMessage } from 'amqplib'
import type { AmqpConnection } from '../../sources/index.ts'
import type { OpenSession } from '../broker-input.ts'
import { derivedId } from '../derived-id.ts'
import { boundedBody, type StreamMessage } from '../message.ts'

/** A half-open connection is found within two of these. */
export const heartbeatSeconds = 10
const connectMs = 10_000

/** A RabbitMQ queue (AMQP 0-9-1): nodes that consume it compete. The queue must exist. */
export function amqpInput(connection: AmqpConnection, queue: string): OpenSession {
  return async ({ prefetch, take }) => {
    const { connect } = await import('amqplib')
    const broker = await connect(withHeartbeat(connection.url), { timeout: connectMs })
    const { promise: lost, resolve: lose } = Promise.withResolvers<Error>()
    broker.on('error', lose)
    broker.on('close', () => lose(new Error('the broker closed it')))
    try {
      const channel = await broker.createChannel()
      const delivered = new WeakMap<StreamMessage, ConsumeMessage>()
      channel.on('error', lose)
      channel.on('close', () => lose(new Error('the broker closed the channel')))
      await channel.prefetch(prefetch)
      await channel.consume(queue, message => {
        if (message === null) return lose(new Error('the queue was deleted'))
        const read = readMessage(message)
        delivered.set(read, message)
        take(read)
      })
      const each = (messages: readonly StreamMessage[], act: (of: ConsumeMessage) => void) => {
        for (const message of messages) act(delivered.get(message)!)
      }
      return {
        ack: messages => each(messages, of => channel.ack(of)),
        reject: messages => each(messages, of => channel.nack(of, false, true)),
        lost,
        close: () => broker.close(),
      }
    } catch (error) {
      await broker.close().catch(() => {})
      throw error
    }
  }
}

export function withHeartbeat(url: string): string {
  const parsed = new URL(url)
  if (!parsed.searchParams.has('heartbeat')) {
    parsed.searchParams.set('heartbeat', String(heartbeatSeconds))
  }
  return parsed.href
}

function readMessage({ content, fields, properties }: ConsumeMessage): StreamMessage {
  const { messageId, timestamp, replyTo } = properties as unknown as Record<string, unknown>
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (typeof value !== 'object') headers[name.toLowerCase()] = String(value)
  }
  if (properties.contentType) headers['content-type'] ??= String(properties.contentType)
  const place = JSON.stringify([fields.exchange, fields.routingKey, timestamp ?? null])
  return {
    id: typeof messageId === 'string' && messageId !== '' ? messageId : derivedId(place, content),
    key: fields.routingKey,
    headers,
    ...boundedBody(content),
    redelivered: fields.redelivered,
    replyTo: typeof replyTo === 'string' && replyTo !== '' ? replyTo : undefined,
  }
}
