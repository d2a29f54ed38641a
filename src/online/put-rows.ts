import type { CurrentRow } from '../features/index.ts'
import { appendRows } from './append-rows.ts'
import { type Generation, type Kind, tooMany } from './generation.ts'
import { mergeRows, noRows } from './kept-rows.ts'
import { entityKey } from './keys.ts'
import { decodeRows, encodeRows, revisionOf } from './record.ts'
import type { OnlineStore } from './store.ts'

/**
 * Adds rows to what is kept of their entities; those that are there already change nothing. Gives
 * how many entities had not been there. With `whole`, an entity of more rows than are kept is
 * refused (E_ONLINE); of those that stream in, the oldest are left out.
 */
export async function putRows(
  store: OnlineStore,
  generation: Generation,
  kind: Kind,
  rows: readonly CurrentRow[],
  about: { readonly nowUs: number; readonly whole: boolean },
): Promise<number> {
  const byEntity = Map.groupBy(rows, row => JSON.stringify(row.entity))
  const entities = [...byEntity.values()]
  const keys = entities.map(([first]) => entityKey(kind.prefix, first!.entity))
  const fresh = new Set<number>()
  await store.update(keys, (at, before) => {
    const news = entities[at]!
    const appended = before && appendRows(before, news, kind.rule, about.nowUs, kind.columns.length)
    if (appended !== undefined && !about.whole) return appended
    const kept = before === undefined ? noRows : decodeRows(before, kind.columns.length)
    const merged = mergeRows(kept, news, kind.rule, about.nowUs)
    if (merged === undefined) return undefined
    if (about.whole && Number.isFinite(merged.leftUs)) {
      const entity = news[0]!.entity.join(', ')
      throw tooMany(generation.record.group, `\`${entity}\` has more rows in its windows`)
    }
    if (before === undefined) fresh.add(at)
    return encodeRows(merged, revisionOf(before) + 1)
  })
  return fresh.size
}
