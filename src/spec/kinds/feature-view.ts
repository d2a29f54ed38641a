import { z } from 'zod'
import { name, sql } from '../words.ts'

/**
 * `standard`, `impute(mean)`, `impute(0)`, `cyclic(24)`, `clip(-5, 5)`, `log`, `identity`. See
 * `spec/transform.ts`.
 */
export const transformText = z.string().min(1).max(100).meta({ musterType: 'transform' })

const feature = z.strictObject({
  sql: sql.optional().describe('An expression over the row. Not for features of a group.'),
  transform: z
    .union([transformText, z.array(transformText).max(8)])
    .default([])
    .describe('Steps between the raw value and the model; they become part of the graph.'),
})

/** What a family of models reads: features as of the event. A change is a new version. */
export const featureView = z.strictObject({
  kind: z.literal('FeatureView'),
  name: name.describe('Name of the view.'),
  version: z.int().min(1).max(999_999),
  rows: name.describe('The source that gives one row per event to be predicted.'),
  where: sql.optional().describe('Only the rows for which this holds.'),
  eventTime: sql
    .optional()
    .describe('When the event happens. Default: of the source, else of its groups if they agree.'),
  asOf: sql
    .optional()
    .describe('What was known at this time may be read, and nothing later. Default: eventTime.'),
  features: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]*(?:\.(?:\*|[a-z][a-z0-9_]*))?$/), feature)
    .refine(f => Object.keys(f).length > 0, { error: 'a view has at least one feature' }),
  owner: z.string().min(1).max(200).optional(),
  description: z.string().max(1_000).optional(),
})
