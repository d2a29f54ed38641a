import { z } from 'zod'
import { count, isoTime } from './words.ts'

/*
 * Features as tables: training frames as of a time, and vectors as of now. Frames are Arrow only:
 * a million rows are no JSON.
 */

export const arrowType = 'application/vnd.apache.arrow.stream'

/** Rows that a caller may bring: a spine larger than this is a source. */
export const spineRowsMax = 100_000
export const frameBodyBytesMax = 32 * 1_048_576
/** Rows of one ask for vectors, as of one call for predictions. */
export const vectorRowsMax = 4_096

const value = z.union([z.string().max(4_096), z.number(), z.boolean(), z.null()])
export type RowWord = z.infer<typeof value>

const viewName = z.string().min(1).max(300).describe('A view: demand@1, or demand for its newest.')

const eventTime = z.iso
  .datetime({ offset: true, local: true })
  .describe('ISO 8601, to the microsecond; UTC without an offset: 2026-11-22T09:30:00.000001.')

export const frameAsk = z.strictObject({
  view: viewName,
  features: z
    .array(z.string().max(300))
    .min(1)
    .max(1_000)
    .optional()
    .describe('Only these features of the view.'),
  asOf: isoTime.optional().describe('By the data that was accepted by then. Default: the newest.'),
  span: z
    .strictObject({ from: isoTime, to: isoTime })
    .optional()
    .describe('Events from `from` on, before `to`.'),
  limit: z.int().min(1).optional().describe('Only so many rows, in the order of key and time.'),
  key: z
    .array(z.string().max(300))
    .min(1)
    .max(8)
    .optional()
    .describe('Columns that come first. Default: the key of a blueprint that reads the view.'),
  label: z
    .string()
    .max(10_000)
    .optional()
    .describe('A label of the view, or an expression over the row.'),
  rows: z
    .array(z.object({ eventTime }).catchall(value))
    .min(1)
    .max(spineRowsMax)
    .optional()
    .describe('In the place of the rows of the view: entity columns, and the time to join as of.'),
})
export type FrameAsk = z.infer<typeof frameAsk>

export const vectorAsk = z.strictObject({
  view: viewName.optional().describe('All features of a view.'),
  features: z
    .array(z.string().min(1).max(600))
    .min(1)
    .max(1_000)
    .optional()
    .describe('group.feature, or view@1:feature.'),
  entities: z
    .record(z.string().max(300), z.array(value).min(1).max(vectorRowsMax))
    .describe('By column of the row, a value for each row.'),
})
export type VectorAsk = z.infer<typeof vectorAsk>

export const vectorAnswer = z.object({
  rows: count,
  features: z.array(
    z.object({
      name: z.string(),
      values: z.array(z.union([z.number(), z.string(), z.null()])),
      statuses: z.array(z.enum(['PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE'])),
      eventTimes: z.array(isoTime.nullable()).describe('Of what was looked up.'),
    }),
  ),
})
export type VectorAnswer = z.infer<typeof vectorAnswer>
