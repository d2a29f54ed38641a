import { Counter, Gauge, type Registry } from 'prom-client'
import { latencyBoundsS, type OnlineCounts, stalenessBoundsS } from './counts.ts'

/**
 * Prometheus metrics of the online store: totals, and two histograms kept in plain fields. A label
 * for each group, which are declared and few; none for a feature or an entity.
 */
export function registerOnlineMetrics(counts: OnlineCounts, registry: Registry): void {
  const registers = [registry]
  total('muster_online_lookups_total', 'Batches of lookups.', () => counts.lookups)
  total('muster_online_rows_total', 'Entities that were looked up.', () => counts.rows)
  total('muster_online_applied_rows_total', 'Rows that streamed in.', () => counts.appliedRows)
  new Counter({
    name: 'muster_online_values_total',
    help: 'Values looked up, by group and status.',
    labelNames: ['group', 'status'],
    registers,
    collect() {
      this.reset()
      for (const [group, { statuses }] of counts.groups) {
        for (const [status, count] of Object.entries(statuses)) this.inc({ group, status }, count)
      }
    },
  })
  buckets('muster_online_lookup_seconds_bucket', 'Time of a batch of lookups.', [], inc => {
    cumulate(counts.latency, latencyBoundsS, (le, count) => inc({ le }, count))
  })
  buckets(
    'muster_online_staleness_seconds_bucket',
    'From the event to the read of its value, by group.',
    ['group'],
    inc => {
      for (const [group, { staleness }] of counts.groups) {
        cumulate(staleness, stalenessBoundsS, (le, count) => inc({ group, le }, count))
      }
    },
  )

  function total(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }

  /** As a histogram spells its buckets: it cannot be handed counts that were made elsewhere. */
  function buckets(
    name: string,
    help: string,
    labels: readonly string[],
    read: (set: (labels: Record<string, string>, count: number) => void) => void,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [...labels, 'le'],
      registers,
      collect() {
        this.reset()
        read((given, count) => this.set(given, count))
      },
    })
  }
}

function cumulate(
  counts: readonly number[],
  bounds: readonly number[],
  tell: (le: string, count: number) => void,
): void {
  let sum = 0
  for (const [at, count] of counts.entries()) {
    sum += count
    tell(at < bounds.length ? String(bounds[at]) : '+Inf', sum)
  }
}
