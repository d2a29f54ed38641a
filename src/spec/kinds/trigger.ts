import { z } from 'zod'
import { column, connection, latency, name } from '../words.ts'

/** A queue, subject, topic or path: what a broker or a URL calls it. */
const address = z.string().min(1).max(500)

const field = z.string().min(1).max(200)

const origins = {
  amqp: z
    .strictObject({ connection, queue: address })
    .optional()
    .describe('A queue of RabbitMQ, which must exist; all nodes share it.'),
  nats: z
    .strictObject({
      connection,
      stream: address,
      subject: address.optional().describe('Only these of the stream. Default: all.'),
      durable: name.describe('The durable consumer that all nodes share.'),
    })
    .optional()
    .describe('A stream of NATS JetStream.'),
  kafka: z
    .strictObject({ connection, topic: address, group: address.describe('The consumer group.') })
    .optional()
    .describe('A topic of Kafka.'),
  mqtt: z
    .strictObject({ connection, topic: address, group: name.describe('The shared subscription.') })
    .optional()
    .describe('A topic of MQTT 5, wildcards allowed.'),
  http: z
    .strictObject({ path: name.describe('POST /api/v1/events/{path}.') })
    .optional()
    .describe('CloudEvents 1.0 over HTTP.'),
}

export const triggerOrigins = ['amqp', 'nats', 'kafka', 'mqtt', 'http'] as const

/** What starts a graph: messages of one queue, topic or path. */
export const trigger = z
  .strictObject({
    name: name.describe('Name of the trigger, one of its graph.'),
    ...origins,
    format: z
      .enum(['json', 'cloudevents'])
      .default('json')
      .describe('How a message is packed; of a CloudEvent the message is its data.'),
    fields: z
      .record(field, z.enum(['number', 'text', 'boolean', 'time', 'any']))
      .default({})
      .describe('Fields that a message must have, by type; others pass.'),
    messageId: z
      .union([z.strictObject({ field }), z.strictObject({ header: field })])
      .optional()
      .describe('What names a message, so that one sent again has no second effect.'),
    eventTime: column.optional().describe('The field of when it happened; not of the future.'),
    prefetch: z
      .int()
      .min(1)
      .max(65_535)
      .default(256)
      .describe('Messages taken and not yet acknowledged, at most.'),
    attemptsMax: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe('Failed attempts after which a message is a dead letter.'),
    deadline: latency.default('5s').describe('From taking a message to its result.'),
    replyTo: z
      .array(z.string().min(1).max(500))
      .max(32)
      .default([])
      .describe('Where replies may be asked to go: exact, or a prefix and *. Default: nowhere.'),
  })
  .refine(t => triggerOrigins.filter(origin => t[origin] !== undefined).length === 1, {
    error: 'a trigger has exactly one of amqp, nats, kafka, mqtt and http',
  })

export const sinkTargets = [
  'postgres',
  'parquet',
  'amqp',
  'nats',
  'kafka',
  'mqtt',
  'webhook',
] as const

/** Where the results of a graph go. */
export const sink = z
  .strictObject({
    name: name.describe('Name of the sink, one of its graph.'),
    postgres: z
      .strictObject({
        table: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, {
          error: 'a table is a letter or _, then a-z, 0-9 and _: wafer_health',
        }),
        connection: connection.optional(),
      })
      .optional()
      .describe("A table of Muster's own database, or of a connection's. Exactly once."),
    parquet: z
      .strictObject({ source: name.describe('A source with push: or a cursor.') })
      .optional()
      .describe('Rows of a source that Muster keeps, which are stored as Parquet.'),
    amqp: z
      .strictObject({
        connection,
        exchange: z.string().max(255).default('').describe("Default: '', straight to a queue."),
        routingKey: address,
      })
      .optional()
      .describe('An exchange of RabbitMQ.'),
    nats: z.strictObject({ connection, subject: address }).optional().describe('A subject.'),
    kafka: z.strictObject({ connection, topic: address }).optional().describe('A topic of Kafka.'),
    mqtt: z.strictObject({ connection, topic: address }).optional().describe('A topic of MQTT 5.'),
    webhook: z
      .strictObject({ connection })
      .optional()
      .describe('A signed POST to the address of the connection (Standard Webhooks).'),
  })
  .refine(s => sinkTargets.filter(target => s[target] !== undefined).length === 1, {
    error: 'a sink has exactly one of postgres, parquet, amqp, nats, kafka, mqtt and webhook',
  })
