import type {
  PageAsk,
  ProfileView,
  QuarantinePage,
  ReleaseAnswer,
  ReleaseAsk,
  SnapshotDiffView,
} from '../contract/index.ts'

/** What snapshots of sources hold. E_NOT_FOUND for what nothing names. */
export interface SnapshotsDesk {
  /** `of` names a snapshot; that of the source which was accepted last when it is not said. */
  profile(source: string, of: string | undefined): Promise<ProfileView>
  /** E_QUERY when the two are of different sources. */
  diff(from: string, to: string): Promise<SnapshotDiffView>
  /** In order of their number; `after.id` is one. */
  quarantine(source: string, ask: PageAsk): Promise<Omit<QuarantinePage, 'nextCursor'>>
  release(source: string, ask: ReleaseAsk): Promise<ReleaseAnswer>
}
