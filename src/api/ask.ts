import { MusterError } from '../base/errors.ts'
import { readModelName } from '../base/model-name.ts'
import { type After, limitDefault, type Page, readCursor, writeCursor } from '../contract/index.ts'

/*
 * From the words of a query to what the desk is asked, and back to a page. One item more than shown
 * is asked for: whether it came says whether there is a next page.
 */

export interface PageQuery {
  readonly limit?: string | undefined
  readonly cursor?: string | undefined
}

export async function answerPage<T>(
  query: PageQuery,
  list: string,
  read: (ask: { limit: number; after: After | undefined }) => Promise<readonly T[]>,
  place: (item: T) => After,
): Promise<Page<T>> {
  const limit = query.limit === undefined ? limitDefault : Number(query.limit)
  const after = query.cursor === undefined ? undefined : readCursor(query.cursor, list)
  const rows = await read({ limit: limit + 1, after })
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const more = rows.length > limit && last !== undefined
  return { items, nextCursor: more ? writeCursor(place(last), list) : null }
}

/** The name itself; E_NAME when no model could have it. */
export function wellFormedName(name: string): string {
  if (readModelName(name)) return name
  throw new MusterError('E_NAME', 'this is not the name of a model', {
    field: 'name',
    hint: 'a name is a blueprint and key values with dots between: route-delay.ATL.LAX',
  })
}
