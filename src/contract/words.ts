import { z } from 'zod'
import type { ModelName } from '../base/ids.ts'

/*
 * The words that all messages of the control API share. Ids and digests are strings, times are ISO
 * 8601 in UTC, units stand in the names, and every decision carries its `because`.
 */

export const isoTime = z.iso.datetime().describe('ISO 8601, UTC: 2026-11-21T12:03:41.000Z.')
export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, {
  error: 'a digest is sha256: and 64 digits, 0 to 9 and a to f',
})
export const count = z.int().min(0)
export const seconds = z.number().min(0)
/**
 * How a model is named on the wire: its path in the family tree. A plain string that types as a
 * `ModelName`, not a transform: answers are encoded by these schemas too, and a transform goes one
 * way only.
 */
export const modelNameText = z
  .string()
  .min(1)
  .max(2_000)
  .describe('Path of the model in its family tree: route-delay.ATL.LAX.') as unknown as z.ZodType<
  ModelName,
  ModelName
>
export const role = z.enum(['root', 'segment', 'leaf'])
export const modelState = z.enum([
  'declared',
  'serving',
  'inherited',
  'refused',
  'failed',
  'retired',
])

/** A page of a list, and the opaque word that asks for the next one; null at the end. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() })
}

export interface Page<T> {
  readonly items: T[]
  readonly nextCursor: string | null
}
