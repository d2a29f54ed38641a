import type {
  FeatureCheckRow,
  MaterialiseAnswer,
  MaterialiseAsk,
  PageAsk,
  VerifyAnswer,
  VerifyAsk,
} from '../contract/index.ts'

/** The online store. E_NOT_FOUND for a group that is not kept online. */
export interface OnlineDesk {
  /** Brings groups to what their sources hold; a group that is refused says why. */
  materialise(ask: MaterialiseAsk): Promise<MaterialiseAnswer>
  /** Compares online values with those of snapshots, and keeps what it found. */
  verify(ask: VerifyAsk): Promise<VerifyAnswer>
  /** Newest check first, its features by name; `after.id` is `<check> <group>.<feature>`. */
  checks(ask: PageAsk): Promise<readonly FeatureCheckRow[]>
}
