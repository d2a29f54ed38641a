import type { Consumer, ConsumerAPI, JsMsg } from '@nats-io/jetstream'
import type { NatsConnection } from '../../sources/index.ts'
import type { OpenSession } from '../broker-input.ts'
import { boundedBody, type StreamMessage } from '../message.ts'
import { connectNats, lossOf } from './connection.ts'

/**
 * Of a message that nobody says anything about for so long, the node is gone: another gets it. Who
 * holds one says so in time.
 */
const ackWaitMs = 5_000
const workingEveryMs = 2_000
/** One consumer serves all nodes: so many of them may hold a full prefetch. */
const nodesMost = 16
const nanosecondsPerMs = 1_000_000

export interface NatsOrigin {
  readonly stream: string
  readonly subject: string | undefined
  readonly durable: string
}

/** A JetStream pull consumer: nodes that share its name share its messages. */
export function natsInput(connection: NatsConnection, origin: NatsOrigin): OpenSession {
  return async ({ prefetch, take, room }) => {
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream')
    const connected = await connectNats(connection)
    try {
      await ensureConsumer((await jetstreamManager(connected)).consumers, origin, prefetch)
      const consumer = await jetstream(connected).consumers.get(origin.stream, origin.durable)
      const { promise: ended, resolve: end } = Promise.withResolvers<Error>()
      const delivered = new WeakMap<StreamMessage, JsMsg>()
      const held = new Set<JsMsg>()
      const working = setInterval(() => {
        // Of a connection that is closing there is nothing to say, and it throws.
        if (!connected.isClosed()) for (const message of held) message.working()
      }, workingEveryMs)
      const settle = async (
        messages: readonly StreamMessage[],
        say: (message: JsMsg) => void,
      ): Promise<void> => {
        for (const message of messages) {
          held.delete(delivered.get(message)!)
          say(delivered.get(message)!)
        }
        await connected.flush()
      }
      const running = pull(consumer, prefetch, async message => {
        const read = readMessage(message)
        delivered.set(read, message)
        held.add(message)
        take(read)
        await room()
      }).then(() => end(new Error('the consumer ended')), end)
      return {
        ack: messages => settle(messages, message => message.ack()),
        reject: messages => settle(messages, message => message.nak()),
        lost: Promise.race([ended, lossOf(connected)]),
        close: async () => {
          clearInterval(working)
          await connected.close()
          await running
        },
      }
    } catch (error) {
      await connected.close()
      throw error
    }
  }
}

/** One that is there is left as its owner made it. */
async function ensureConsumer(
  consumers: ConsumerAPI,
  { stream, subject, durable }: NatsOrigin,
  prefetch: number,
): Promise<void> {
  const there = await consumers.info(stream, durable).catch(() => undefined)
  if (there !== undefined) return
  const { AckPolicy, DeliverPolicy } = await import('@nats-io/jetstream')
  await consumers.add(stream, {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ackWaitMs * nanosecondsPerMs,
    max_ack_pending: prefetch * nodesMost,
    ...(subject === undefined ? {} : { filter_subject: subject }),
  })
}

async function pull(
  consumer: Consumer,
  prefetch: number,
  each: (message: JsMsg) => Promise<void>,
): Promise<void> {
  const messages = await consumer.consume({ max_messages: prefetch })
  for await (const message of messages) await each(message)
}

function readMessage(message: JsMsg): StreamMessage {
  const headers: Record<string, string> = {}
  for (const [name, values] of message.headers ?? []) {
    headers[name.toLowerCase()] = values.at(-1) ?? ''
  }
  const { stream, streamSequence } = message.info
  return {
    id: headers['nats-msg-id'] || `${stream}/${streamSequence}`,
    key: message.subject,
    headers,
    ...boundedBody(message.data),
    redelivered: message.redelivered,
    // JetStream keeps the reply subject for itself; senders name theirs in a header.
    replyTo: headers['reply-to'] || undefined,
  }
}
