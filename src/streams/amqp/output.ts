import type { ConfirmChannel } from 'amqplib'
import type { AmqpConnection } from '../../sources/index.ts'
import { type KeptSession, keptOutput } from '../kept-output.ts'
import type { OutgoingMessage, StreamOutput } from '../message.ts'
import { withHeartbeat } from './input.ts'

const connectMs = 10_000

/** Publishes persistent messages with confirms. What no queue takes is returned, and refused. */
export function amqpOutput(
  connection: AmqpConnection,
  to: { readonly exchange: string; readonly routingKey: string },
): StreamOutput {
  return keptOutput(async (): Promise<KeptSession> => {
    const { connect } = await import('amqplib')
    const broker = await connect(withHeartbeat(connection.url), { timeout: connectMs })
    const { promise: lost, resolve: lose } = Promise.withResolvers<Error>()
    broker.on('error', lose)
    broker.on('close', () => lose(new Error('the broker closed it')))
    const channel = await broker.createConfirmChannel()
    channel.on('error', lose)
    const returned = new Set<string>()
    channel.on('return', message => returned.add(String(message.properties.messageId)))
    return {
      send: messages =>
        Promise.all(
          messages.map(async message => {
            const error = await publish(channel, message, to)
            const unrouted = returned.delete(message.id)
            return error ?? (unrouted ? new Error('no queue takes it') : undefined)
          }),
        ),
      lost,
      close: () => broker.close(),
    }
  })
}

function publish(
  channel: ConfirmChannel,
  { id, headers, body }: OutgoingMessage,
  { exchange, routingKey }: { readonly exchange: string; readonly routingKey: string },
): Promise<Error | undefined> {
  return new Promise(resolve => {
    channel.publish(
      exchange,
      routingKey,
      Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      {
        messageId: id,
        persistent: true,
        mandatory: true,
        contentType: 'application/json',
        headers: { ...headers },
      },
      (error: Error | null) => resolve(error ?? undefined),
    )
  })
}
