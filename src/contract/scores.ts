import { z } from 'zod'
import { count, digest, isoTime, seconds } from './words.ts'

/* Batch inference over a view: every row answered by the model that serves it. */

const tableName = /^[A-Za-z_][A-Za-z0-9_]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_]{0,62})?$/

export const scoreTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file') }).describe('One Parquet file, to be fetched.'),
  z.strictObject({ kind: z.literal('folder') }).describe('A Parquet file a part, to be fetched.'),
  z
    .strictObject({
      kind: z.literal('table'),
      connection: z.string().min(1).max(63).describe('A PostgreSQL connection of the server.'),
      table: z.string().regex(tableName, { error: 'a table is named schema.table, or table' }),
      overwrite: z.boolean().optional().describe('Replace a table of that name.'),
    })
    .describe('A new table, which appears whole.'),
])

export const scoreAsk = z.strictObject({
  view: z.string().min(1).max(300).describe('A view: demand@1, or demand for its newest.'),
  blueprint: z.string().max(63).optional().describe('Needed where several read the view.'),
  where: z.string().min(1).max(10_000).optional().describe('SQL over a row: which are scored.'),
  from: isoTime.optional().describe('Events from then on.'),
  until: isoTime.optional().describe('Events before then.'),
  asOf: isoTime.optional().describe('By the data that was accepted by then. Default: the newest.'),
  model: z.string().max(2_000).optional().describe('Only rows of this model and all below it.'),
  to: scoreTarget,
  partial: z.boolean().optional().describe('Deliver what could be scored where parts could not.'),
})
export type ScoreAsk = z.infer<typeof scoreAsk>

export const scoreRow = z.object({
  id: z.string().describe('s-12'),
  state: z.enum(['waiting', 'running', 'done', 'partial', 'failed', 'cancelled']),
  because: z.string().describe('Of one that did not end well: why.'),
  view: z.string(),
  blueprint: z.string(),
  environment: z.string(),
  generation: count.describe('Of the routes that it answers by: those when it was asked for.'),
  to: z.string().describe('file, folder, or the table: warehouse:public.scores'),
  createdAt: isoTime,
  begunAt: isoTime,
  finishedAt: isoTime.nullable(),
})
export type ScoreRow = z.infer<typeof scoreRow>

/** A score as it goes on. */
export const scoreProgress = scoreRow.extend({
  parts: z
    .object({ done: count, failed: count, total: count })
    .describe('Of its frame, scored; none are known until the frame is there.'),
})
export type ScoreProgress = z.infer<typeof scoreProgress>

export const scoreStep = z.object({
  kind: z.string().describe('frame, label, score, gather, deliver.'),
  part: count,
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  done: count,
  total: count,
  unit: z.string(),
  seconds: seconds.nullable(),
  found: z.boolean().describe('Done before: an earlier run or score spent the time.'),
  code: z.string().nullable().describe('Of one that failed.'),
  because: z.string().nullable(),
})

export const scoreReport = z.object({
  rows: count,
  byLevel: z
    .array(z.object({ level: z.string(), rows: count }))
    .describe('Rows by the level of the model that answered: root, origin, origin.destination.'),
  unscored: z.record(z.string(), count).describe('Rows without a prediction, by reason code.'),
  rowsWithoutKey: count.describe('Rows of the view that belong to no model, and are left out.'),
  parts: count,
  failed: z.array(z.object({ part: count, code: z.string(), because: z.string() })),
  files: z.array(z.object({ digest, sizeBytes: count, rows: count })),
  table: z.object({ table: z.string(), rows: count }).nullable(),
  seconds: seconds.describe('From when it was asked for to its end.'),
  scoringSeconds: seconds.describe('Of its own scoring steps together; what was found is free.'),
  rowsPerSecond: z.number().min(0).describe('Rows over `seconds`.'),
  peakRssBytes: count.nullable().describe('Of a worker, the largest.'),
})
export type ScoreReport = z.infer<typeof scoreReport>

export const scoreView = scoreRow.extend({
  ask: scoreAsk,
  steps: z.array(scoreStep),
  report: scoreReport.nullable().describe('Once it has ended with anything.'),
})
export type ScoreView = z.infer<typeof scoreView>
