import { MusterError } from '../base/errors.ts'
import type { Connections } from '../sources/index.ts'
import type { SinkTarget, TriggerOrigin } from '../spec/index.ts'
import { amqpInput } from './amqp/input.ts'
import { amqpOutput } from './amqp/output.ts'
import { BrokerInput, type OpenSession, type StreamParts } from './broker-input.ts'
import { HttpInput } from './http/input.ts'
import { kafkaInput } from './kafka/input.ts'
import { kafkaOutput } from './kafka/output.ts'
import type { StreamInput, StreamOutput } from './message.ts'
import { mqttInput } from './mqtt/input.ts'
import { mqttOutput } from './mqtt/output.ts'
import { natsInput } from './nats/input.ts'
import { natsOutput } from './nats/output.ts'
import { postgresOutput } from './postgres/output.ts'
import { webhookOutput } from './webhook/output.ts'

/*
 * From what a declaration names to what messages go in and out of. The client of a broker is loaded
 * when its first connection is opened: together they are a third of all modules, and every process
 * of every server would begin with them.
 */

export interface StreamsAt extends StreamParts {
  readonly connections: Connections
  /** Of this node, the same after a restart; brokers keep things under it. */
  readonly node: string
}

export type OpenedInput =
  | { readonly kind: 'broker'; readonly input: StreamInput }
  | { readonly kind: 'http'; readonly input: HttpInput; readonly path: string }

/** It connects by itself, and again. Throws E_SOURCE when there is no such connection. */
export function openInput(
  from: TriggerOrigin,
  trigger: { readonly name: string; readonly prefetch: number },
  at: StreamsAt,
): OpenedInput {
  const { connections } = at
  const client = `muster/${trigger.name}/${at.node}`
  const broker = (open: OpenSession): OpenedInput => ({
    kind: 'broker',
    input: new BrokerInput(open, trigger.prefetch, at),
  })
  switch (from.kind) {
    case 'amqp':
      return broker(amqpInput(connections.of(from.connection, 'amqp'), from.queue))
    case 'nats':
      return broker(natsInput(connections.of(from.connection, 'nats'), from))
    case 'kafka':
      return broker(kafkaInput(connections.of(from.connection, 'kafka'), { ...from, client }))
    case 'mqtt':
      return broker(mqttInput(connections.of(from.connection, 'mqtt'), { ...from, client }))
    case 'http':
      return { kind: 'http', input: new HttpInput(trigger.prefetch), path: from.path }
    default:
      return from satisfies never
  }
}

/** Of the sinks that are not tables or sources of Muster. */
export function openOutput(to: SinkTarget, { connections, clock }: StreamsAt): StreamOutput {
  switch (to.kind) {
    case 'amqp':
      return amqpOutput(connections.of(to.connection, 'amqp'), to)
    case 'nats':
      return natsOutput(connections.of(to.connection, 'nats'), to.subject)
    case 'kafka':
      return kafkaOutput(connections.of(to.connection, 'kafka'), to.topic)
    case 'mqtt':
      return mqttOutput(connections.of(to.connection, 'mqtt'), to.topic)
    case 'webhook':
      return webhookOutput(connections.of(to.connection, 'webhook'), clock)
    case 'postgres':
      if (to.connection !== undefined) {
        return postgresOutput(connections.of(to.connection, 'postgres'), to.table)
      }
      throw new MusterError('E_INTERNAL', 'a table of Muster itself is no output')
    case 'parquet':
      throw new MusterError('E_INTERNAL', 'a source of Muster itself is no output')
    default:
      return to satisfies never
  }
}
