import type { GenericError } from '@platformatic/kafka'
import { MusterError } from '../../base/errors.ts'
import type { KafkaConnection } from '../../sources/index.ts'
import { keptOutput } from '../kept-output.ts'
import type { OutgoingMessage, StreamOutput } from '../message.ts'
import { kafkaOptions } from './options.ts'

/** Acknowledged by all replicas in sync; the id stands in the header `message-id`. */
export function kafkaOutput(connection: KafkaConnection, topic: string): StreamOutput {
  return keptOutput(async () => {
    const { ProduceAcks, Producer } = await import('@platformatic/kafka')
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
        const records = messages.map(toKafka)
        await producer.send({ messages: records, acks: ProduceAcks.ALL }).catch(refused)
        return messages.map(() => undefined)
      },
      // A producer reconnects by itself; a send that fails opens a new one.
      lost: new Promise<Error>(() => {}),
      close: () => producer.close(true),
    }
  })
}

/** What the cluster refuses for the record itself, and would refuse again. */
const refusals = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD']

function refused(error: unknown): never {
  const found = refusals.find(one => (error as Partial<GenericError>).findBy?.('apiId', one))
  if (found === undefined) throw error
  throw new MusterError('E_SINK', `the cluster refuses it: ${found}`, {
    hint: 'send less, or raise max.message.bytes of the topic; then replay the letter',
    cause: error,
  })
}
