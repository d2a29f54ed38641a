import { ProduceAcks, Producer } from '@platformatic/kafka'
import type { KafkaConnection } from '../../sources/index.ts'
import { keptOutput } from '../kept-output.ts'
import type { OutgoingMessage, StreamOutput } from '../message.ts'
import { kafkaOptions } from './options.ts'

/** Acknowledged by all replicas in sync; the id stands in the header `message-id`. */
export function kafkaOutput(connection: KafkaConnection, topic: string): StreamOutput {
  return keptOutput(async () => {
    const producer = new Producer(kafkaOptions(connection))
    const toKafka = ({ id, key, headers, body }: OutgoingMessage) => ({
      topic,
      ...(key === undefined ? {} : { key: Buffer.from(key) }),
      value: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      headers: new Map(
        Object.entries({ ...headers, 'message-id': id }).map(([name, value]) => [
          Buffer.from(name),
          Buffer.from(value),
        ]),
      ),
    })
    return {
      send: async messages => {
        await producer.send({ messages: messages.map(toKafka), acks: ProduceAcks.ALL })
        return messages.map(() => undefined)
      },
      // A producer reconnects by itself; a send that fails opens a new one.
      lost: new Promise<Error>(() => {}),
      close: () => producer.close(true),
    }
  })
}
