import { z } from 'zod'
import { count } from './words.ts'

/* Rows that are sent to a source, a bounded delivery at a time. */

/** The bodies that are read, by their media type. */
export const pushTypes = {
  'application/x-ndjson': 'jsonl',
  'application/vnd.apache.arrow.stream': 'arrow',
} as const
export type PushFormat = (typeof pushTypes)[keyof typeof pushTypes]

/** Larger loads are appended from a file: they are not held in memory. */
export const pushBodyBytesMax = 32 * 1_048_576

export const pushQuery = z.strictObject({
  known: z
    .enum(['now', 'then'])
    .optional()
    .describe('now (default): known from now on. then: history, known when it happened.'),
})

export const pushAnswer = z.object({
  accepted: count.describe('Rows: all of the delivery. They are durable.'),
  batch: count.nullable().describe('Number of the delivery; null when it had no rows.'),
  again: z.boolean().describe('The same delivery was taken before: nothing has changed.'),
})
export type PushAnswer = z.infer<typeof pushAnswer>
