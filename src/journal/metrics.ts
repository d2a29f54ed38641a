import { Counter, Gauge, type Registry } from 'prom-client'
import type { JournalStatus } from './journal.ts'

/** Prometheus metrics of the journal, read when somebody asks. */
export function journalMetrics(registry: Registry, status: () => JournalStatus): void {
  const registers = [registry]
  const counter = (name: string, help: string, read: (now: JournalStatus) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read(status()))
      },
    })
  const gauge = (name: string, help: string, read: (now: JournalStatus) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(status()))
      },
    })
  counter('muster_journal_predictions_total', 'Answers that were kept.', s => s.recorded)
  counter(
    'muster_journal_lost_total',
    'Answers that went out and were not kept: the disk refused.',
    s => s.lost,
  )
  counter('muster_journal_syncs_total', 'Groups that were brought to disk.', s => s.syncs)
  counter(
    'muster_journal_sync_seconds_total',
    'Time in which groups were written and synced.',
    s => s.syncSeconds,
  )
  counter('muster_journal_written_bytes_total', 'Bytes of groups on disk.', s => s.writtenBytes)
  gauge('muster_journal_backlog_bytes', 'What waits for the disk.', s => s.backlogBytes)
  gauge('muster_journal_failing', '1 while the disk refuses the journal.', s => (s.failing ? 1 : 0))
}
