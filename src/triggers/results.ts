import type { SinkSpec, SinkTarget, TriggerOrigin } from '../spec/index.ts'
import { finishMessages, type OutboxEntry, type Sql } from '../store/index.ts'
import type { RanGraph } from './run-graph.ts'

/*
 * What was computed becomes true at once: the messages are done, their results stand in our tables,
 * and what has to go elsewhere stands in the outbox. Of a message that is done already nothing is
 * written, whoever computed it again.
 */

export interface Computed {
  readonly id: string
  readonly key: string | undefined
  readonly receivedAt: Date
  readonly replyTo: string | undefined
  readonly result: RanGraph
}

export interface Destination {
  readonly graph: string
  readonly trigger: string
  readonly from: TriggerOrigin
  readonly sinks: readonly SinkSpec[]
}

/** Gives how many were new. */
export function commitResults(
  sql: Sql,
  to: Destination,
  computed: readonly Computed[],
): Promise<number> {
  const { graph, trigger } = to
  return finishMessages(
    sql,
    { graph, trigger, tables: ownTables(to.sinks) },
    computed.map(one => ({
      messageId: one.id,
      messageKey: one.key,
      receivedAt: one.receivedAt,
      result: one.result.value,
      parts: one.result.parts,
      outgoing: outgoing(to, one),
    })),
  )
}

/** Those in our own database. */
export function ownTables(sinks: readonly SinkSpec[]): readonly string[] {
  return sinks.flatMap(({ to }) => (isOwnTable(to) ? [to.table] : []))
}

export function isOwnTable(
  target: SinkTarget,
): target is Extract<SinkTarget, { readonly kind: 'postgres' }> {
  return target.kind === 'postgres' && target.connection === undefined
}

/** For each sink elsewhere, and for the place that the message asks to be answered at. */
function outgoing(to: Destination, one: Computed): OutboxEntry[] {
  const places = to.sinks
    .filter(sink => !isOwnTable(sink.to))
    .map(sink => ({ sink: sink.name, target: sink.to }))
  const reply = one.replyTo === undefined ? undefined : replyTarget(to.from, one.replyTo)
  if (reply !== undefined) places.push({ sink: 'reply', target: reply })
  return places.map(({ sink, target }) => ({
    graph: to.graph,
    trigger: to.trigger,
    sink,
    target,
    messageId: one.id,
    messageKey: one.key,
    id: `${to.graph}/${to.trigger}/${one.id}/${sink}`,
    body: bodyOf(to, one),
    traceparent: one.result.traceparent,
  }))
}

/** One form for all sinks, after the advice of Standard Webhooks: type, timestamp, data. */
function bodyOf({ graph, trigger }: Destination, one: Computed): Uint8Array {
  const { value, parts } = one.result
  return Buffer.from(
    JSON.stringify({
      type: 'muster.graph.result',
      timestamp: one.receivedAt.toISOString(),
      data: { graph, trigger, messageId: one.id, key: one.key ?? null, result: value, parts },
    }),
  )
}

/** On the broker that the message came from; an event over HTTP asks for none. */
function replyTarget(from: TriggerOrigin, replyTo: string): SinkTarget | undefined {
  switch (from.kind) {
    case 'amqp':
      return { kind: 'amqp', connection: from.connection, exchange: '', routingKey: replyTo }
    case 'nats':
      return { kind: 'nats', connection: from.connection, subject: replyTo }
    case 'kafka':
      return { kind: 'kafka', connection: from.connection, topic: replyTo }
    case 'mqtt':
      return { kind: 'mqtt', connection: from.connection, topic: replyTo }
    case 'http':
      return undefined
    default:
      return from satisfies never
  }
}
