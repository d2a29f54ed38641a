import type { LookupAnswer, LookupAsk, VectorStatus } from '../features/index.ts'

/* Totals since the start, in plain fields: who shows them reads them when asked. */

export interface GroupCounts {
  readonly statuses: Record<VectorStatus, number>
  /** Upper bounds `stalenessBoundsS`, and one more for what is older. */
  readonly staleness: number[]
}

/** Seconds from the event to the read: from what has just streamed in to what is a month old. */
export const stalenessBoundsS = [0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400, 604_800, 2_592_000]
/** Seconds of one batch of lookups. */
export const latencyBoundsS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.1, 1]

export interface OnlineCounts {
  lookups: number
  rows: number
  appliedRows: number
  latencySumS: number
  readonly latency: number[]
  readonly groups: Map<string, GroupCounts>
  looked(
    asks: readonly LookupAsk[],
    answers: readonly (readonly LookupAnswer[])[],
    about: { readonly nowMs: number; readonly tookMs: number; kept(group: string): boolean },
  ): void
  applied(rows: number): void
}

export function noCounts(): OnlineCounts {
  return {
    lookups: 0,
    rows: 0,
    appliedRows: 0,
    latencySumS: 0,
    latency: new Array<number>(latencyBoundsS.length + 1).fill(0),
    groups: new Map(),
    looked(asks, answers, { nowMs, tookMs, kept }) {
      this.lookups += 1
      this.latencySumS += tookMs / 1_000
      count(this.latency, latencyBoundsS, tookMs / 1_000)
      for (const [at, ask] of asks.entries()) {
        this.rows += ask.entities[0]?.length ?? 0
        if (!kept(ask.group)) continue // A name that anybody sends is no label.
        const group = groupOf(this.groups, ask.group)
        for (const { statuses } of answers[at]!) {
          for (const status of statuses) group.statuses[status] += 1
        }
        // One feature tells of the row: they are of a few rows, and often of one.
        for (const eventMs of answers[at]![0]?.eventMs ?? []) {
          if (eventMs <= nowMs) count(group.staleness, stalenessBoundsS, (nowMs - eventMs) / 1_000)
        }
      }
    },
    applied(rows) {
      this.appliedRows += rows
    },
  }
}

function count(into: number[], bounds: readonly number[], value: number): void {
  let at = 0
  while (at < bounds.length && value > bounds[at]!) at++
  into[at]! += 1
}

function groupOf(groups: Map<string, GroupCounts>, name: string): GroupCounts {
  const before = groups.get(name)
  if (before !== undefined) return before
  const fresh: GroupCounts = {
    statuses: { PRESENT: 0, NULL_VALUE: 0, NOT_FOUND: 0, OUTSIDE_MAX_AGE: 0 },
    staleness: new Array<number>(stalenessBoundsS.length + 1).fill(0),
  }
  groups.set(name, fresh)
  return fresh
}
