import type { Digest } from '../base/digest.ts'
import {
  type Finding,
  putJson,
  readJson,
  type Snapshot,
  type SnapshotProfile,
} from '../fleet/index.ts'
import { checkExpectations, profileOf } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { lastAcceptedCommit, snapshotLeft } from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { releasedNumbers } from './released.ts'

/** What is made of a candidate before it enters the history. */
export interface Judgement {
  /** The candidate without the rows that are set aside. */
  readonly snapshot: Snapshot
  readonly outcome: 'accepted' | 'rejected'
  readonly findings: readonly Finding[]
  readonly profile: Digest | null
}

/**
 * Whether a snapshot may be trained on: every act that makes one asks here before recording it.
 * `alsoReleased` are rows that are being released with it. Throws a DataFault for an expectation
 * that does not fit the columns.
 */
export async function judgeSnapshot(
  source: SourceSpec,
  candidate: Snapshot,
  at: IntakeAt,
  alsoReleased: Iterable<number> = [],
): Promise<Judgement> {
  const { store, blobs, clock } = at
  const released = new Set(await releasedNumbers(store, candidate))
  for (const row of alsoReleased) released.add(row)
  const against = { previous: await acceptedProfile(source, at), now: clock.now(), released }
  const checked = await checkExpectations(source, candidate, against, blobs)
  const fails = checked.findings.some(({ holds, onFail }) => !holds && onFail === 'reject')
  return {
    snapshot: checked.snapshot,
    outcome: fails ? 'rejected' : 'accepted',
    findings: checked.findings,
    profile: await putJson(blobs, checked.profile),
  }
}

/** What drift is measured against; undefined when nothing was accepted, or nothing asks. */
async function acceptedProfile(
  source: SourceSpec,
  { store, blobs }: IntakeAt,
): Promise<SnapshotProfile | undefined> {
  if (!source.expect.some(({ check }) => check.kind === 'driftAtMost')) return undefined
  const commit = await lastAcceptedCommit(store, source.name)
  if (commit === undefined) return undefined
  if (commit.profile !== null) return readJson(blobs, commit.profile)
  const snapshot = await snapshotLeft(store, commit.snapshot)
  return snapshot && profileOf(source, snapshot, blobs)
}
