import { z } from 'zod'
import { column, duration, name, sql } from '../words.ts'

export const windowStats = ['count', 'sum', 'mean', 'min', 'max', 'std', 'last'] as const

/** `1h`, `24h`, `7d`, `30m`, or a number of rows: `5 rows`. */
export const windowLength = z.string().regex(/^[1-9][0-9]{0,5}(?:[mhd]| rows?)$/, {
  error: 'a window is minutes, hours, days or rows: 30m, 24h, 7d, 5 rows',
})

const window = z.strictObject({
  by: z
    .array(column)
    .min(1)
    .max(8)
    .describe('Entity columns: rows with equal values are one entity.'),
  of: sql.optional().describe('The value that is aggregated. Not needed for count alone.'),
  as: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,40}$/, { error: 'a word is a letter, then a-z, 0-9 and _' })
    .optional()
    .describe('A word in the feature names that tells two windows over the same entity apart.'),
  stats: z.array(z.enum(windowStats)).min(1),
  over: z
    .array(windowLength)
    .min(1)
    .max(16)
    .describe('How far back, counted in the time at which rows became known.'),
})

const featureWord = 'the name of a feature is a letter, then a-z, 0-9 and _'

const latest = z.strictObject({
  by: z.array(column).min(1).max(8).describe('Entity columns.'),
  values: z
    .record(z.string().regex(/^[a-z][a-z0-9_]{0,60}$/, { error: featureWord }), sql)
    .refine(v => Object.keys(v).length > 0, { error: 'name at least one value' })
    .describe('Features by name: expressions over the newest row of the entity.'),
  ttl: duration
    .optional()
    .describe('Rows that happened longer ago than this are as good as none. Default: no limit.'),
})

/**
 * Features by entity, as windows over the rows of a source, or as its newest values: declared, so
 * that they can be checked for leaks.
 */
export const featureGroup = z.strictObject({
  kind: z.literal('FeatureGroup'),
  name: name.describe('Name of the group; its features are <group>.<feature>.'),
  source: name.describe('The source whose rows are aggregated.'),
  sql: sql
    .optional()
    .describe('A SELECT over the source that stands in its place: filters, renames.'),
  eventTime: sql.optional().describe('When the row happened. Default: of the source.'),
  knownAt: sql
    .optional()
    .describe('When the row became known; never before it happened. Default: eventTime.'),
  windows: z.array(window).max(64).default([]).describe('Statistics over the past of an entity.'),
  latest: z
    .array(latest)
    .max(64)
    .default([])
    .describe('Values of the newest row of an entity that was known, by event time.'),
  online: z
    .boolean()
    .default(true)
    .describe('Whether the online store keeps its features, for serving.'),
  owner: z.string().min(1).max(200).optional(),
  description: z.string().max(1_000).optional(),
})
