import { z } from 'zod'
import { column, duration, sql } from '../words.ts'

const onFail = z
  .enum(['reject', 'quarantine', 'warn'])
  .default('reject')
  .describe(
    'reject: nothing trains on this data. quarantine: rows at fault are set aside. warn: it is told.',
  )

const value = z.union([z.number(), z.string(), z.boolean()])

/** What must hold of the rows of a source, each with what is done when it does not. */
export const expectation = z.strictObject({
  column: column.optional().describe('The column that is looked at.'),
  required: z.literal(true).optional().describe('No value of the column is null.'),
  nullsAtMost: z.number().min(0).max(1).optional().describe('Largest share of nulls, 0 to 1.'),
  min: z.union([z.number(), z.string()]).optional().describe('Least value; a time in quotes.'),
  max: z.union([z.number(), z.string()]).optional().describe('Largest value; a time in quotes.'),
  oneOf: z.array(value).min(1).max(10_000).optional().describe('The values that are allowed.'),
  unique: z.array(column).min(1).max(16).optional().describe('Columns that name a row.'),
  holds: sql.optional().describe('An expression over the row that must be true.'),
  rows: z
    .strictObject({ min: z.int().min(0).optional(), max: z.int().min(0).optional() })
    .optional()
    .describe('Number of rows.'),
  freshWithin: duration.optional().describe('The newest event is not older than this.'),
  driftAtMost: z
    .number()
    .positive()
    .optional()
    .describe('Largest population stability index against the last accepted snapshot: 0.2.'),
  onFail,
})
