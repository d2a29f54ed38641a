import { z } from 'zod'
import { count, digest, isoTime } from './words.ts'

/* Sources and their histories. A commit is named `c-12`. */

const change = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken') }),
  z.object({ kind: z.literal('append'), rows: count, late: count }),
  z.object({ kind: z.literal('delete'), rows: count, entities: count }),
  z.object({ kind: z.literal('compact'), filesBefore: count, filesAfter: count }),
  z.object({ kind: z.literal('release'), rows: count }),
])

export const finding = z.object({
  expected: z.string().describe('`value` between 0 and 100.'),
  onFail: z.enum(['reject', 'quarantine', 'warn']),
  holds: z.boolean(),
  count: count.describe('Rows at fault; of the whole source: 0 or 1.'),
  because: z.string(),
})

/** One entry of the history of a source. */
export const commitRow = z.object({
  id: z.string().describe('c-12'),
  source: z.string(),
  parent: z.string().nullable(),
  at: isoTime,
  change,
  outcome: z.enum(['accepted', 'rejected']),
  findings: z.array(finding),
  snapshot: digest,
  rows: count.describe('Rows that are read: without those in quarantine.'),
  setAside: count,
  files: count,
  sizeBytes: count,
  from: isoTime.nullable().describe('Range of event time.'),
  to: isoTime.nullable(),
  erased: z.boolean().describe('Rows were deleted since; the numbers are of what is left.'),
})
export type CommitRow = z.infer<typeof commitRow>

export const sourceView = z.object({
  name: z.string(),
  owner: z.string(),
  from: z.enum(['npm', 'files', 's3', 'postgres', 'push']),
  kept: z.boolean().describe('Whether Muster keeps the rows itself, so that they can be deleted.'),
  eventTime: z.string().nullable(),
  key: z.array(z.string()),
  columns: z.record(z.string(), z.string()).describe('Declared columns and their types.'),
  waiting: count.describe('Deliveries that are not in a snapshot yet.'),
  newest: commitRow.nullable(),
})
export type SourceView = z.infer<typeof sourceView>

export const rowsFormats = ['parquet', 'csv', 'jsonl'] as const

export const appendQuery = z.strictObject({
  format: z.enum(rowsFormats),
  known: z
    .enum(['now', 'then'])
    .optional()
    .describe('now (default): known from now on. then: history, known when it happened.'),
})
export type AppendWords = z.infer<typeof appendQuery>

export const appendAnswer = z.object({
  rows: count,
  again: z.boolean().describe('The same delivery was taken before: nothing has changed.'),
})
export type AppendAnswer = z.infer<typeof appendAnswer>

export const deleteAsk = z.strictObject({
  entities: z
    .array(
      z.record(z.string().max(300), z.union([z.string().max(10_000), z.number(), z.boolean()])),
    )
    .min(1)
    .max(10_000)
    .describe('Columns and values; a row that has them all is deleted, from the past too.'),
})
export type DeleteAsk = z.infer<typeof deleteAsk>

export const deleteAnswer = z.object({
  rows: count,
  entities: count.describe('Of those that were named: how many had rows.'),
  snapshots: count.describe('Snapshots of the past that hold them no more.'),
  predictions: z
    .object({
      rows: count.describe('Predicted rows that were erased.'),
      items: z
        .array(z.object({ entity: count, rows: count }))
        .describe('Of each entity that had any, by its place in the list, from 0.'),
      notHeld: z
        .array(
          z.object({
            blueprint: z.string(),
            levels: z.array(z.string()).describe('As root, origin, origin.destination.'),
          }),
        )
        .describe(
          'Blueprints that read the source, and those of their levels whose predictions do not ' +
            'tell of whom they are: to be erased by receipt.',
        ),
      unreadable: count.describe('Files that cannot be read, and not be looked into.'),
    })
    .nullable()
    .describe('Null on a server that keeps no journal.'),
})
export type DeleteAnswer = z.infer<typeof deleteAnswer>

export const compactAnswer = z.object({ filesBefore: count, filesAfter: count })
export type CompactAnswer = z.infer<typeof compactAnswer>
