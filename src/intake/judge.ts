import type { Digest } from '../base/digest.ts'
import type { Finding, Snapshot } from '../fleet/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import type { IntakeAt } from './at.ts'

/** What is made of a candidate before it enters the history. */
export interface Judgement {
  /** The candidate, perhaps with more rows set aside. */
  readonly snapshot: Snapshot
  readonly outcome: 'accepted' | 'rejected'
  readonly findings: readonly Finding[]
  readonly profile: Digest | null
}

/** Whether a snapshot may be trained on: every act that makes one asks here before recording it. */
export async function judgeSnapshot(
  _source: SourceSpec,
  snapshot: Snapshot,
  _at: IntakeAt,
): Promise<Judgement> {
  return { snapshot, outcome: 'accepted', findings: [], profile: null }
}
