/*
 * What an inference graph means once parsed: what starts it (triggers), what it does (nodes), where
 * its result goes (sinks). Triggers and sinks name connections that the operator configured, never
 * an address.
 */

/** Where messages come from. A consumer group shares them between all nodes that run the graph. */
export type TriggerOrigin =
  /** RabbitMQ (AMQP 0-9-1). The queue must exist; nodes compete for it. */
  | { readonly kind: 'amqp'; readonly connection: string; readonly queue: string }
  /** NATS JetStream. The durable pull consumer of this name is made if it is not there. */
  | {
      readonly kind: 'nats'
      readonly connection: string
      readonly stream: string
      /** Only these of the stream, wildcards allowed. Undefined: all of it. */
      readonly subject: string | undefined
      readonly durable: string
    }
  | {
      readonly kind: 'kafka'
      readonly connection: string
      readonly topic: string
      readonly group: string
    }
  /** MQTT 5, as a shared subscription: `$share/{group}/{topic}`, wildcards allowed. */
  | {
      readonly kind: 'mqtt'
      readonly connection: string
      readonly topic: string
      readonly group: string
    }
  /** CloudEvents 1.0 over HTTP: POST /api/v1/events/{path}. */
  | { readonly kind: 'http'; readonly path: string }

export type MessageFieldType = 'number' | 'text' | 'boolean' | 'time' | 'any'

export interface TriggerSpec {
  /** One of its graph. */
  readonly name: string
  readonly from: TriggerOrigin
  /** `cloudevents`: structured or binary mode; the message is its data. */
  readonly format: 'json' | 'cloudevents'
  /** Fields that a message must have, by type; others pass. Empty: any JSON object. */
  readonly fields: Readonly<Record<string, MessageFieldType>>
  /**
   * What names a message, so that a redelivery has no second effect. Undefined: the id that the
   * broker or the CloudEvent carries, else one derived from its place or its bytes.
   */
  readonly messageId: { readonly header: string } | { readonly field: string } | undefined
  /** A field of type `time`: when it happened. One of the future is refused. */
  readonly eventTime: string | undefined
  /** Messages taken from the broker and not yet acknowledged, at most. Default 256. */
  readonly prefetch: number
  /** After so many failed attempts a message is a dead letter. Default 3. */
  readonly attemptsMax: number
  /** From taking a message up to its result, in one attempt. Default 5,000. */
  readonly deadlineMs: number
  /** Where replies may be asked to go: exact, or a prefix and `*`. Default: nowhere. */
  readonly replyTo: readonly string[]
}

/** Where results go. Delivered at least once, with an idempotency key; `postgres` exactly once. */
export type SinkTarget =
  /**
   * A table of Muster's own database, in the schema `results`, made if it is not there; or, with a
   * connection, of another PostgreSQL (made by its owner).
   */
  | {
      readonly kind: 'postgres'
      readonly table: string
      readonly connection: string | undefined
    }
  /** Appended as rows to a source that Muster keeps, which stores Parquet. */
  | { readonly kind: 'parquet'; readonly source: string }
  | {
      readonly kind: 'amqp'
      readonly connection: string
      /** '' is the default exchange: the routing key is the queue. */
      readonly exchange: string
      readonly routingKey: string
    }
  | { readonly kind: 'nats'; readonly connection: string; readonly subject: string }
  | { readonly kind: 'kafka'; readonly connection: string; readonly topic: string }
  | { readonly kind: 'mqtt'; readonly connection: string; readonly topic: string }
  /** Signed as Standard Webhooks say, to the address of the connection. */
  | { readonly kind: 'webhook'; readonly connection: string }

export interface SinkSpec {
  /** One of its graph. */
  readonly name: string
  readonly to: SinkTarget
}
