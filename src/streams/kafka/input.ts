import type { Message } from '@platformatic/kafka'
import type { KafkaConnection } from '../../sources/index.ts'
import type { OpenSession } from '../broker-input.ts'
import { boundedBody, type StreamMessage } from '../message.ts'
import { Offsets } from './offsets.ts'
import { kafkaOptions } from './options.ts'

/** A member that is silent so long has lost its partitions to the others. */
const sessionMs = 10_000
const heartbeatMs = 1_000
/** How long the broker may wait for more before it answers. */
const fetchWaitMs = 200

export interface KafkaOrigin {
  readonly topic: string
  readonly group: string
  /** Of this node and trigger: a member that comes back keeps its partitions (static member). */
  readonly client: string
}

/** A consumer group: its members share the partitions of the topic. */
export function kafkaInput(
  connection: KafkaConnection,
  { topic, group, client }: KafkaOrigin,
): OpenSession {
  return async ({ prefetch, take, room }) => {
    const { Consumer } = await import('@platformatic/kafka')
    const consumer = new Consumer({
      ...kafkaOptions(connection),
      groupId: group,
      groupInstanceId: client,
      sessionTimeout: sessionMs,
      heartbeatInterval: heartbeatMs,
      autocommit: false,
      maxWaitTime: fetchWaitMs,
      highWaterMark: prefetch,
    })
    try {
      const stream = await consumer.consume({
        topics: [topic],
        mode: 'committed',
        fallbackMode: 'earliest',
      })
      const offsets = new Offsets()
      const places = new WeakMap<StreamMessage, Message>()
      const { promise: lost, resolve: lose } = Promise.withResolvers<Error>()
      consumer.on('consumer:heartbeat:error', ({ error }) => lose(error))
      const running = (async () => {
        for await (const message of stream) {
          offsets.taken(message)
          const read = readMessage(message)
          places.set(read, message)
          take(read)
          await room()
        }
        throw new Error('the stream ended')
      })().catch(lose)
      return {
        ack: async messages => {
          const leaders = new Map<number, number>()
          const done = messages.map(message => places.get(message)!)
          for (const { partition, leaderEpoch } of done) leaders.set(partition, leaderEpoch)
          const moved = offsets.done(done)
          if (moved.length === 0) return
          await consumer
            .commit({
              offsets: moved.map(one => ({
                ...one,
                leaderEpoch: leaders.get(one.partition) ?? -1,
              })),
            })
            // The partition went to another member, who does them again, without effect.
            .catch(lose)
        },
        lost,
        close: async () => {
          await consumer.close(true)
          await running
        },
      }
    } catch (error) {
      await consumer.close(true).catch(() => {})
      throw error
    }
  }
}

function readMessage(message: Message): StreamMessage {
  const headers: Record<string, string> = {}
  for (const [name, value] of message.headers) headers[name.toString().toLowerCase()] = `${value}`
  return {
    // One log has one message at a place, however often it is read.
    id: headers['message-id'] || `${message.topic}/${message.partition}/${message.offset}`,
    key: message.key?.toString(),
    headers,
    ...boundedBody(message.value ?? new Uint8Array()),
    redelivered: false,
    replyTo: headers['reply-to'] || undefined,
  }
}
