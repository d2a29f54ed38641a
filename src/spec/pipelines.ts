import { z } from 'zod'

/*
 * The parameters that people may give to the built-in pipelines. Here, and not beside the code that
 * fits, because they are declared: `muster validate` checks them without a server. `pipelines/`
 * imports the types.
 */

const penalties = z
  .array(z.number().positive())
  .min(1)
  .max(32)
  .default([0.1, 1, 10, 100, 1_000, 10_000, 100_000])
  .describe('Candidates for the penalty; the best on the folds is taken, for each level of a part.')

const leaning = {
  penalty: z
    .number()
    .positive()
    .optional()
    .describe(
      'How strongly coefficients lean on the parent, instead of choosing from `penalties`.',
    ),
  penalties,
  folds: z.int().min(2).max(20).default(5).describe('Folds of whole days that choose the penalty.'),
  minRows: z.int().min(1).default(10).describe('Training rows that a member needs for a fit.'),
}

export const ridgeParameters = z.strictObject(leaning)
export type RidgeParameters = z.infer<typeof ridgeParameters>

export const logisticParameters = z.strictObject({
  ...leaning,
  maxPasses: z
    .int()
    .min(1)
    .max(100)
    .default(25)
    .describe('Newton passes before a fit is given up.'),
})
export type LogisticParameters = z.infer<typeof logisticParameters>

export const baselineParameters = z
  .strictObject({
    statistic: z.enum(['mean', 'quantile']).default('mean'),
    quantile: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .describe('With statistic: quantile. 0.5 is the median.'),
    season: z
      .string()
      .optional()
      .describe('A feature of the view whose whole value names the season: hour.'),
    seasons: z
      .int()
      .min(2)
      .max(1_000)
      .optional()
      .describe('How many seasons there are: 24 for hour.'),
    priorRows: z
      .number()
      .min(0)
      .default(10)
      .describe('How many rows of its own a season needs to weigh as much as the parent.'),
    minRows: z.int().min(1).default(1),
  })
  .refine(p => (p.statistic === 'quantile') === (p.quantile !== undefined), {
    error: 'quantile is given exactly when statistic is quantile',
  })
  .refine(p => (p.season === undefined) === (p.seasons === undefined), {
    error: 'season and seasons go together',
  })
export type BaselineParameters = z.infer<typeof baselineParameters>

export const builtInPipelines = {
  'ridge@1': { task: 'regression', parameters: ridgeParameters },
  'logistic@1': { task: 'classification', parameters: logisticParameters },
  'baseline@1': { task: 'regression', parameters: baselineParameters },
} as const
export type PipelineId = keyof typeof builtInPipelines
