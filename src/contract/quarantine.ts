import { z } from 'zod'
import { count, isoTime } from './words.ts'

/* Versions that are not asked any more because they failed again and again. */

export const quarantinedVersion = z.object({
  model: z.string(),
  version: count,
  because: z.string().describe('The failure that did it.'),
  since: isoTime,
})
export type QuarantinedRow = z.infer<typeof quarantinedVersion>

/** Most that one request may lift. */
export const liftsMax = 1_000

const named = z.strictObject({
  model: z.string().min(1).max(2_000),
  version: z.int().min(1).optional().describe('Default: every version of it.'),
})

export const liftAsk = z.strictObject({ versions: z.array(named).min(1).max(liftsMax) })
export type LiftAsk = z.infer<typeof liftAsk>

export const liftAnswer = z.object({
  versions: z.array(
    z.object({
      model: z.string(),
      version: count.nullable(),
      outcome: z.enum(['lifted', 'not-quarantined']),
    }),
  ),
})
export type LiftAnswer = z.infer<typeof liftAnswer>
