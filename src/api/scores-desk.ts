import type { Readable } from 'node:stream'
import type { PageAsk, ScoreAsk, ScoreRow, ScoreView } from '../contract/index.ts'

export interface ScoresDesk {
  /**
   * Asks for a score; the same question over the same data and routes is the same score. Throws
   * E_NOT_FOUND for a view, blueprint or connection that is not there, E_USAGE, E_NOT_SERVING when
   * nothing of the blueprint serves, E_SQL_STATEMENT and its kin for `where`, E_NAME_TAKEN.
   */
  ask(ask: ScoreAsk): Promise<ScoreView>
  /** Newest first; `after.id` is the id of a score. */
  scores(ask: PageAsk): Promise<readonly ScoreRow[]>
  /** Throws E_NOT_FOUND, as those below. */
  score(id: string): Promise<ScoreView>
  /** Ends one that is under way; another stays as it is. */
  cancel(id: string): Promise<ScoreView>
  /** A file of the result of one that has ended. */
  file(id: string, number: number): Promise<{ bytes: Readable; sizeBytes: number; digest: string }>
}
