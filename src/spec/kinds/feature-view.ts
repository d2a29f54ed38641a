import { z } from 'zod'
import { column, duration, name, sql } from '../words.ts'
import { windowStats } from './feature-group.ts'

/**
 * `standard`, `impute(mean, indicator)`, `onehot(20)`, `target(20)`, `clip(-5, 5)`, `identity`. See
 * `spec/transform.ts`.
 */
export const transformText = z.string().min(1).max(100).meta({ musterType: 'transform' })

const feature = z.strictObject({
  sql: sql.optional().describe('An expression over the row. Not for features of a group.'),
  from: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*\.[a-z][a-z0-9_]*$/, {
      error: 'one feature of a group is its name, a dot and the feature: docks.free',
    })
    .optional()
    .describe('A feature of a group under another name: docks.free.'),
  on: z
    .record(column, sql)
    .optional()
    .describe('Entity columns of the group, as expressions over the row. Default: equal names.'),
  type: z
    .enum(['number', 'category'])
    .default('number')
    .describe('A category is text; it needs onehot, ordinal or target among its transforms.'),
  transform: z
    .union([transformText, z.array(transformText).max(8)])
    .default([])
    .describe('Steps between the raw value and the model; they become part of the graph.'),
})

const label = z.strictObject({
  source: name.optional().describe('The source whose later rows are read. Default: that of rows.'),
  by: z.array(column).min(1).max(8).describe('Entity columns of that source.'),
  on: z.record(column, sql).optional().describe('Entity columns as expressions over the row.'),
  of: sql.optional().describe('The value that is aggregated. Not needed for count.'),
  stat: z.enum(windowStats),
  horizon: duration.describe('How far after the event: rows in (event, event + horizon].'),
})

const featureName = z.string().regex(/^[a-z][a-z0-9_-]*(?:\.(?:\*|[a-z][a-z0-9_]*))?$/, {
  error: 'the name of a feature is a letter, then a-z, 0-9 and _; of a group: docks.free, docks.*',
})

/** What a family of models reads: features as of the event. A change is a new version. */
export const featureView = z.strictObject({
  kind: z.literal('FeatureView'),
  name: name.describe('Name of the view.'),
  version: z.int().min(1).max(999_999),
  rows: name.describe('The source that gives one row per event to be predicted.'),
  grid: z
    .strictObject({
      by: z.array(column).min(1).max(8).describe('Entity columns of the source.'),
      every: duration.describe('One row for each entity and each step of this length, UTC.'),
    })
    .optional()
    .describe(
      'Rows that the source does not have: every entity at every step, from its first event on. ' +
        'Their columns are the entity columns and `at`.',
    ),
  where: sql.optional().describe('Only the rows for which this holds.'),
  eventTime: sql
    .optional()
    .describe('When the event happens. Default: of the source, else of its groups if they agree.'),
  asOf: sql
    .optional()
    .describe('What was known at this time may be read, and nothing later. Default: eventTime.'),
  features: z
    .record(featureName, feature)
    .refine(f => Object.keys(f).length > 0, { error: 'a view has at least one feature' }),
  request: z
    .record(column, z.string().min(1).max(60))
    .optional()
    .describe(
      'Columns of the row, with their DuckDB types, that callers may send in the place of the ' +
        'features made of them.',
    ),
  labels: z
    .record(
      z.string().regex(/^[a-z][a-z0-9_]*$/, {
        error: 'the name of a label is a letter, then a-z, 0-9 and _',
      }),
      label,
    )
    .optional()
    .describe('What happens after the event, for blueprints to predict by this name.'),
  crosses: z
    .array(z.array(featureName).length(2))
    .max(64)
    .optional()
    .describe('Pairs of features whose transformed columns are multiplied: [hour, weekday].'),
  fitPer: z
    .enum(['family', 'member'])
    .default('family')
    .describe('Whose training rows the transforms are fitted on.'),
  owner: z.string().min(1).max(200).optional(),
  description: z.string().max(1_000).optional(),
})
