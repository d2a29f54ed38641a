import { Admin, Producer } from '@platformatic/kafka'
import { keepsContract } from './contract.ts'

/* Kafka, one node of KRaft: a consumer group over two partitions. */

const options = (url: string) => ({
  clientId: 'tests',
  bootstrapBrokers: [url.replace('kafka://', '')],
})

keepsContract({
  kind: 'kafka',
  bytesMost: 1_048_576,
  async declare(url, name) {
    const admin = new Admin(options(url))
    await admin.createTopics({ topics: [name], partitions: 2, replicas: 1 })
    await admin.close()
  },
  origin: name => ({ kind: 'kafka', connection: 'plant', topic: name, group: `muster-${name}` }),
  target: name => ({ kind: 'kafka', connection: 'plant', topic: name }),
  async askForReply(url, name) {
    const producer = new Producer(options(url))
    const headers = new Map([[Buffer.from('reply-to'), Buffer.from('$SYS.>')]])
    const value = Buffer.from('{"n":1,"at":"2026-01-01"}')
    await producer.send({ messages: [{ topic: name, value, headers }] })
    await producer.close()
  },
})
