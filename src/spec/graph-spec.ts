import type { Digest } from '../base/digest.ts'
import type { Place } from './fleet-spec.ts'

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

/** CEL; what it may read is said in `spec/kinds/graph.ts`. */
export type Expression = string

/** The kinds of node, as KServe's InferenceGraph names them. */
export const routerTypes = ['Sequence', 'Switch', 'Ensemble', 'Splitter'] as const
export type RouterType = (typeof routerTypes)[number]

/** Which models of a blueprint a message goes to, by the values of their key. */
export interface SelectSpec {
  readonly blueprint: string
  /**
   * By column, each with the columns before it: a value, or a list of values. Columns left out are
   * open: every member below. In the order of the blueprint's key.
   */
  readonly key: Readonly<Record<string, Expression>>
  /** Only the members for which this holds. */
  readonly where: Expression | undefined
  /** More members than these are refused, never cut off. */
  readonly atMost: number
}

export type StepTarget =
  | { readonly kind: 'node'; readonly node: string }
  /** A model of a declared blueprint. */
  | { readonly kind: 'model'; readonly model: string }
  /** A model that was brought in from outside; whether there is one is seen when it is called. */
  | { readonly kind: 'imported'; readonly model: string }
  | { readonly kind: 'models'; readonly select: SelectSpec }

export interface StepSpec {
  /** One of its node. */
  readonly name: string
  readonly target: StepTarget
  /** What the target is given: the input of the node, or what the step before it gave. */
  readonly data: 'request' | 'response'
  readonly condition: Expression | undefined
  /** Splitter: share of a hundred. Ensemble: share in a weighted merge. */
  readonly weight: number | undefined
  /** Whether the node fails with it. */
  readonly dependency: 'Hard' | 'Soft'
  /** Inputs of the model, over those that data and preparation have by name. */
  readonly inputs: Readonly<Record<string, Expression>>
  readonly deadlineMs: number | undefined
}

export const mergeWords = ['concat', 'mean', 'vote', 'min', 'max', 'weighted'] as const
export type MergeWord = (typeof mergeWords)[number]
export type MergeSpec = { readonly word: MergeWord } | { readonly cel: Expression }

export interface NodeSpec {
  readonly name: string
  readonly routerType: RouterType
  readonly steps: readonly StepSpec[]
  /** Of an Ensemble. */
  readonly merge: MergeSpec
  /** Of an Ensemble: how many of its parts must answer. */
  readonly require: 'all' | 'any' | number
  readonly deadlineMs: number | undefined
}

/** One message in, one preparation, several models, one result out. */
export interface GraphSpec {
  readonly name: string
  /** For people. */
  readonly description?: string
  readonly owner: string
  readonly deadlineMs: number
  /** What names a message, where the caller does not say. Undefined: nothing does. */
  readonly messageId: Expression | undefined
  /** Computed once a message, in order; each may read those before it. */
  readonly prepare: readonly { readonly name: string; readonly cel: Expression }[]
  /** By name. A message enters at `root`. */
  readonly nodes: ReadonlyMap<string, NodeSpec>
  readonly triggers: readonly TriggerSpec[]
  readonly sinks: readonly SinkSpec[]
  /** Of all that it does; not of owner, description and place. */
  readonly digest: Digest
  readonly place: Place
}
