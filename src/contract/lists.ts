import { z } from 'zod'
import { MusterError } from '../base/errors.ts'
import { type Filter, filterMaxLength, matches } from './filter.ts'
import type { ModelRow } from './models.ts'

/*
 * Lists of the API: at most `limit` items and an opaque cursor. The cursor holds where the page
 * ended (the sort value and the name or id of the last item), so pages neither skip nor repeat when
 * rows come and go.
 */

export const limitMax = 1_000
export const limitDefault = 100

const limit = z
  .string()
  .regex(/^(?:[1-9][0-9]{0,2}|1000)$/, { error: 'limit is a whole number from 1 to 1000' })
  .optional()
  .describe(`Items on a page, 1 to ${limitMax}. Default ${limitDefault}.`)
const cursor = z
  .string()
  .min(1)
  .max(4_000)
  .optional()
  .describe('The nextCursor of the page before, unchanged, with the same filter and sort.')

export const sortWords = ['name', '-name', 'rows', '-rows', 'state', '-state'] as const
export type SortWord = (typeof sortWords)[number]

export const pageQuery = z.strictObject({ limit, cursor })
export const modelsQuery = z.strictObject({
  filter: z.string().max(filterMaxLength).optional().describe('under:route-late.ATL state:failing'),
  sort: z.enum(sortWords).optional().describe('A leading - means descending. Default: name.'),
  limit,
  cursor,
})
/**
 * Where a page begins: after this sort value (null in lists with one order) and this name or id.
 */
export interface After {
  readonly value: string | number | null
  readonly id: string
}

export interface PageAsk {
  readonly limit: number
  readonly after: After | undefined
}

export interface ModelsAsk extends PageAsk {
  readonly filter: Filter
  readonly sort: SortWord
}

const cursorForm = z.tuple([z.union([z.string(), z.number(), z.null()]), z.string(), z.string()])

/** `list` names what the cursor is good for; one of another list, filter or sort is refused. */
export function writeCursor(after: After, list: string): string {
  return Buffer.from(JSON.stringify([after.value, after.id, list])).toString('base64url')
}

export function readCursor(text: string, list: string): After {
  const refused = new MusterError('E_QUERY', 'the cursor is not one of this list', {
    field: 'cursor',
    hint: 'send the nextCursor of the page before, with the same filter and sort, or none',
  })
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw refused
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    throw refused
  }
  const read = cursorForm.safeParse(value)
  if (!read.success || read.data[2] !== list) throw refused
  return { value: read.data[0], id: read.data[1] }
}

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The value that a model is sorted by; ties are ordered by name, in code units. */
export function sortValue(model: ModelRow, sort: SortWord): string | number | null {
  const word = sort.replace('-', '')
  return word === 'rows' ? model.rows : word === 'state' ? model.state : null
}

/** Filter, order and page of rows that are in memory; what a store does in SQL, stated once. */
export function selectModels(models: Iterable<ModelRow>, ask: ModelsAsk): ModelRow[] {
  const sign = ask.sort.startsWith('-') ? -1 : 1
  const order = (a: After, b: After): number => {
    const values =
      typeof a.value === 'number' && typeof b.value === 'number'
        ? a.value - b.value
        : byCode(String(a.value ?? ''), String(b.value ?? ''))
    return sign * (values || byCode(a.id, b.id))
  }
  const place = (m: ModelRow): After => ({ value: sortValue(m, ask.sort), id: m.name })
  return [...models]
    .filter(m => matches(ask.filter, m))
    .filter(m => ask.after === undefined || order(place(m), ask.after) > 0)
    .sort((a, b) => order(place(a), place(b)))
    .slice(0, ask.limit)
}
