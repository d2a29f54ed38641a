import { Counter, Histogram, Registry } from 'prom-client'
import type { LookupAnswer, LookupAsk, VectorStatus } from '../features/index.ts'

/** What the online store is asked and told. */
export interface OnlineMetrics {
  looked(
    asks: readonly LookupAsk[],
    answers: readonly (readonly LookupAnswer[])[],
    about: { readonly nowMs: number; readonly tookMs: number },
  ): void
  /** Rows that streamed in. */
  applied(rows: number): void
}

/** From what one embedded look-up takes to where its caller has gone away. */
const latencyBuckets = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
]
/** From what has just streamed in to what is a month old. */
const ageBuckets = [0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400, 604_800, 2_592_000]

/**
 * Prometheus metrics: totals and histograms. A label for each group, which are declared and few;
 * none for a feature or an entity.
 */
export function openOnlineMetrics(registry = new Registry()): OnlineMetrics {
  const registers = [registry]
  const rowsLooked = new Counter({
    name: 'muster_online_rows_total',
    help: 'Entities that were looked up.',
    registers,
  })
  const rowsApplied = new Counter({
    name: 'muster_online_applied_rows_total',
    help: 'Rows that streamed into the online store.',
    registers,
  })
  const values = new Counter({
    name: 'muster_online_values_total',
    help: 'Values looked up, by group and status.',
    labelNames: ['group', 'status'],
    registers,
  })
  const latency = new Histogram({
    name: 'muster_online_lookup_seconds',
    help: 'One batch of look-ups.',
    buckets: latencyBuckets,
    registers,
  })
  const age = new Histogram({
    name: 'muster_online_value_age_seconds',
    help: 'From the event to the look-up of its value, by group.',
    labelNames: ['group'],
    buckets: ageBuckets,
    registers,
  })
  return {
    looked(asks, answers, { nowMs, tookMs }) {
      latency.observe(tookMs / 1_000)
      for (const [at, { group, entities }] of asks.entries()) {
        rowsLooked.inc(entities[0]?.length ?? 0)
        for (const [status, count] of statusesOf(answers[at]!)) values.inc({ group, status }, count)
        // The first feature tells of the row.
        for (const eventMs of answers[at]![0]?.eventMs ?? []) {
          if (eventMs <= nowMs) age.observe({ group }, (nowMs - eventMs) / 1_000)
        }
      }
    },
    applied: rows => rowsApplied.inc(rows),
  }
}

function statusesOf(answers: readonly LookupAnswer[]): ReadonlyMap<VectorStatus, number> {
  const features = new Map<readonly VectorStatus[], number>() // Many features share a list.
  for (const { statuses } of answers) features.set(statuses, (features.get(statuses) ?? 0) + 1)
  const counts = new Map<VectorStatus, number>()
  for (const [statuses, times] of features) {
    for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + times)
  }
  return counts
}
