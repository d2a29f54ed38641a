import type {
  LetterRow,
  LettersAnswer,
  LettersQuery,
  LetterView,
  PageAsk,
  TriggerRow,
} from '../contract/index.ts'

export interface TriggersDesk {
  /** By name, which is `after.id`. */
  triggers(ask: PageAsk): Promise<readonly TriggerRow[]>
  /** Results on their way to sinks. */
  outbox(): number
  /** Newest first; `after.id` is the id of a letter. */
  letters(ask: PageAsk & Pick<LettersQuery, 'graph' | 'state'>): Promise<readonly LetterRow[]>
  /** E_NOT_FOUND. */
  letter(id: string): Promise<LetterView>
  /** Each by itself: what is refused says why. */
  replay(ids: readonly string[]): Promise<LettersAnswer>
  drop(ids: readonly string[]): Promise<LettersAnswer>
  /** CloudEvents for a trigger. Resolves when their results are committed. */
  events(
    path: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    body: Uint8Array,
  ): Promise<void>
}
