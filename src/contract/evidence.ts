import { z } from 'zod'
import type { Evidence, Metrics, Verdict } from '../fleet/index.ts'
import { count, modelNameText } from './words.ts'

/*
 * Evidence and verdicts as `fleet/` records them: the compiler holds that these schemas give those
 * types.
 */

const measured = z.number().exactOptional()

export const metrics: z.ZodType<Metrics, Metrics> = z.object({
  rows: count,
  loss: measured,
  rmse: measured,
  mae: measured,
  r2: measured,
  logLoss: measured,
  auc: measured,
  brier: measured,
  calibrationError: measured,
})

const difference = z.object({
  rows: count,
  days: count,
  mean: z.number().describe('Loss a row, candidate minus other: negative is better.'),
  standardError: measured,
  lower: measured.describe('Of the 95% interval.'),
  upper: measured.describe('Of the 95% interval.'),
})

const rival = z.object({ name: z.string(), metrics, difference })

export const evidence: z.ZodType<Evidence, Evidence> = z.object({
  task: z.enum(['regression', 'classification']),
  span: z.string().describe('The judging span, as declared.'),
  candidate: metrics,
  baseline: rival,
  champion: rival.exactOptional(),
  championAbsent: z.enum(['none', 'other-view', 'bytes-gone']).exactOptional(),
  ancestors: z.array(rival.extend({ name: modelNameText })).describe('Nearest first.'),
})

export const verdict: z.ZodType<Verdict, Verdict> = z.object({
  name: modelNameText,
  decision: z.enum(['kept', 'pruned', 'refused', 'failed']),
  reason: z.string(),
  because: z.string(),
  rules: z.array(
    z.object({
      gate: z.string(),
      from: z.string(),
      expression: z.string(),
      holds: z.boolean(),
      saw: z.string(),
    }),
  ),
  against: modelNameText.exactOptional(),
  expected: measured,
})
