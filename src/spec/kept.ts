import type { SourceSpec } from './fleet-spec.ts'

/**
 * The column of a source that Muster keeps in which stands when the row arrived; null for rows that
 * were known when they happened: history that was loaded as such. With blanks, so that no column of
 * the user's has this name.
 */
export const arrivalColumn = 'muster known at'

/** When a row that arrived became known: history loaded as such was known when it happened. */
export function knownOnArrival(eventTime: string): string {
  return `coalesce("${arrivalColumn}", ${eventTime})`
}

/** Whether Muster keeps the rows itself: those that are pushed, or read by a cursor. */
export function isKept({ location }: Pick<SourceSpec, 'location'>): boolean {
  return 'push' in location || ('postgres' in location && location.postgres.cursor !== undefined)
}
