import { type KeepRule, type KeptRow, rowsMax } from './kept-rows.ts'
import { appendedRecord, placesOf, type RowPlace } from './record.ts'

/*
 * What most rows do: each comes after all that are kept of its entity. Then what `mergeRows` makes
 * of them is made without decoding the rows that stay.
 */

/** The record with the new rows; undefined where more has to be looked at. */
export function appendRows(
  before: Uint8Array,
  news: readonly KeptRow[],
  rule: KeepRule,
  nowUs: number,
  width: number,
): Uint8Array | undefined {
  if (rule.versions || rule.windowUs === 0) return undefined
  const places = placesOf(before, width)
  const { rows } = places
  const last = rows.at(-1)
  if (last === undefined || rows.length + news.length > rowsMax) return undefined
  if (!follow(last, news) || news.at(-1)!.knownUs > nowUs) return undefined
  const sinceUs = nowUs - rule.windowUs
  if (news[0]!.knownUs <= sinceUs) return undefined
  const mostGone = rows.length + news.length - rule.windowRows
  let gone = 0
  while (gone < rows.length && gone < mostGone && rows[gone]!.knownUs <= sinceUs) gone++
  const newest = rule.newest && gone > 0 ? newestAmong(rows, news) : undefined
  const also = newest !== undefined && newest < gone ? newest : undefined
  return appendedRecord(before, places, { from: gone, also }, news)
}

/** Whether each of the new rows comes after the one before it. */
function follow(last: Omit<RowPlace, 'from'>, news: readonly KeptRow[]): boolean {
  let before = last
  for (const row of news) {
    const order =
      row.knownUs - before.knownUs || row.eventUs - before.eventUs || row.number - before.number
    if (!(order > 0)) return false
    before = row
  }
  return true
}

/** Place of the row with the latest event time, the last of several; beyond all: a new one. */
function newestAmong(rows: readonly RowPlace[], news: readonly KeptRow[]): number {
  let newest = 0
  for (const [at, { eventUs }] of rows.entries()) {
    if (eventUs >= rows[newest]!.eventUs) newest = at
  }
  const isNew = news.some(({ eventUs }) => eventUs >= rows[newest]!.eventUs)
  return isNew ? rows.length : newest
}
