import { connect } from 'amqplib'
import { keepsContract } from './contract.ts'

/* RabbitMQ: a durable queue, whose consumers compete. */

keepsContract({
  kind: 'amqp',
  bytesMost: 134_217_728,
  async declare(url, name) {
    const connection = await connect(url)
    const channel = await connection.createChannel()
    await channel.assertQueue(name, { durable: true })
    await connection.close()
  },
  origin: name => ({ kind: 'amqp', connection: 'plant', queue: name }),
  target: name => ({ kind: 'amqp', connection: 'plant', exchange: '', routingKey: name }),
  async askForReply(url, name) {
    const connection = await connect(url)
    const channel = await connection.createConfirmChannel()
    channel.sendToQueue(name, Buffer.from('{"n":1,"at":"2026-01-01"}'), {
      messageId: 'p-reply',
      replyTo: '$SYS.>',
    })
    await channel.waitForConfirms()
    await connection.close()
  },
})
