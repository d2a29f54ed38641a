import type { Registry } from 'prom-client'
import type { RunnerPool, ShardStatus } from '../runners/index.ts'
import {
  below,
  readCounter,
  readCounters,
  readGauge,
  readGauges,
  readTraceparent,
  Tracing,
  type TracingConfig,
} from '../telemetry/index.ts'
import type { RunGraph, TriggerStatus } from '../triggers/index.ts'
import { packageVersion } from './package-version.ts'

/*
 * What the roles of a server show of themselves, where they have no metrics of their own: runners,
 * triggers, traces. Labels are declared names and closed sets.
 */

/** Undefined where nobody traces. */
export function openTracing(
  config: TracingConfig | undefined,
  registry: Registry,
): Tracing | undefined {
  if (config === undefined) return undefined
  const tracing = new Tracing(config, packageVersion)
  const about = {
    registry,
    name: 'muster_trace_spans_total',
    help: 'Spans that were sent, and that were given up.',
  }
  readCounters(about, ['outcome'], () => [
    [{ outcome: 'exported' }, tracing.status.exported],
    [{ outcome: 'failed' }, tracing.status.failed],
  ])
  return tracing
}

/**
 * A message is a span of its own, with a link to who sent it. Its result goes out as of that span;
 * where nobody traces, as of the message's own trace.
 */
export function tracedGraphs(run: RunGraph, tracing: Tracing | undefined): RunGraph {
  return async (graph, message, ask) => {
    const { id, requestId, traceparent } = ask
    if (tracing === undefined) {
      const isOne = readTraceparent(traceparent) !== undefined
      return { ...(await run(graph, message, ask)), ...(isOne && { traceparent }) }
    }
    const span = tracing.begin({
      name: `process ${graph}`,
      kind: 'consumer',
      traceparent,
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.message.id': id,
        'muster.graph': graph,
        'muster.request_id': requestId,
      },
    })
    return below(span, async () => {
      const ran = await run(graph, message, ask)
      return { ...ran, traceparent: span.traceparent }
    })
  }
}

export function watchRunners(registry: Registry, pool: RunnerPool): void {
  const sum = (of: (shard: ShardStatus) => number) => () =>
    pool.status().reduce((total, shard) => total + of(shard), 0)
  const about = (name: string, help: string) => ({ registry, name, help })
  readCounter(
    about('muster_runner_starts_total', 'Runner processes that were started.'),
    sum(shard => shard.starts),
  )
  readCounters(
    about('muster_runner_losses_total', 'Runners that a model ended: died, or stuck and killed.'),
    ['how'],
    () => Object.entries(pool.losses).map(([how, count]) => [{ how }, count]),
  )
  readCounter(
    about('muster_runner_loads_total', 'Models loaded into runners.'),
    sum(shard => shard.loads),
  )
  readCounter(
    about('muster_runner_evictions_total', 'Models let go for others.'),
    sum(shard => shard.evictions),
  )
  readGauge(
    about('muster_runner_models_resident', 'Models in the memory of runners.'),
    sum(shard => shard.resident),
  )
  readGauge(
    about('muster_runner_resident_bytes', 'Memory of those models, as measured.'),
    sum(shard => shard.residentBytes),
  )
  readGauge(
    about('muster_runner_waiting_calls', 'Calls that wait or run.'),
    sum(shard => shard.waiting),
  )
}

/** By trigger, which are as many as are declared. */
export function watchTriggers(registry: Registry, status: () => readonly TriggerStatus[]): void {
  const about = (name: string, help: string) => ({ registry, name, help })
  const messages = 'Messages by what became of them; `again` were known already.'
  readCounters(about('muster_trigger_messages_total', messages), ['trigger', 'outcome'], () =>
    status().flatMap(({ name: trigger, counts }) =>
      Object.entries(counts).map(([outcome, count]) => [{ trigger, outcome }, count] as const),
    ),
  )
  readGauges(about('muster_trigger_up', '1 while the broker is there.'), ['trigger'], () =>
    status().map(({ name: trigger, state }) => [{ trigger }, state === 'connected' ? 1 : 0]),
  )
  readGauges(
    about('muster_trigger_retrying_messages', 'Failed and held, to be tried again.'),
    ['trigger'],
    () => status().map(({ name: trigger, retrying }) => [{ trigger }, retrying]),
  )
}
