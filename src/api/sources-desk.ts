import type { Readable } from 'node:stream'
import type {
  AppendAnswer,
  AppendWords,
  CommitRow,
  CompactAnswer,
  DeleteAnswer,
  DeleteAsk,
  PageAsk,
  PushAnswer,
  SourceView,
} from '../contract/index.ts'
import type { Delivery } from './push.ts'

/** A body that is written to disk as it comes. */
export interface SentFile extends AppendWords {
  readonly body: Readable
  readonly idempotencyKey: string | undefined
}

/**
 * Sources of the fleet as it was last applied. E_NOT_FOUND, with the nearest names, for one that it
 * has not.
 */
export interface SourcesDesk {
  /** By name; `after.id` is a name. */
  sources(ask: PageAsk): Promise<readonly SourceView[]>
  source(name: string): Promise<SourceView>
  /** Newest first; `after.id` is `c-12`. */
  commits(name: string, ask: PageAsk): Promise<readonly CommitRow[]>
  /** Durable when it resolves. */
  push(name: string, delivery: Delivery): Promise<PushAnswer>
  append(name: string, file: SentFile): Promise<AppendAnswer>
  deleteEntities(name: string, ask: DeleteAsk): Promise<DeleteAnswer>
  compact(name: string): Promise<CompactAnswer>
}
