import { z } from 'zod'
import { cel, column, name, reference, riskClass, span, sql } from '../words.ts'
import { serving } from './serving.ts'

const pipelineParameters = z.record(
  z.string(),
  z.union([z.number(), z.string(), z.boolean(), z.array(z.number())]),
)

const pipeline = z.union([
  reference,
  z.intersection(z.object({ name: reference }), pipelineParameters),
])

const override = z.strictObject({
  match: z
    .string()
    .min(1)
    .max(500)
    .describe(
      'Key values with * for any, as in a name: "*.HNL", "ATL.*". The narrowest match wins.',
    ),
  pipeline: pipelineParameters.describe(
    'Parameters of the pipeline that differ for these members.',
  ),
})

const objectives = z.strictObject({
  latencyP99Ms: z
    .number()
    .positive()
    .optional()
    .describe('Answers slower than this are out of objective.'),
  quality: z
    .strictObject({
      metric: z.enum(['rmse', 'mae', 'r2', 'logLoss', 'auc', 'brier', 'calibrationError']),
      atMost: z.number().optional(),
      atLeast: z.number().optional(),
    })
    .refine(q => (q.atMost === undefined) !== (q.atLeast === undefined), {
      error: 'a quality objective has exactly one of atMost and atLeast',
    })
    .optional()
    .describe(
      'A bound that the root must hold on the judging span; it becomes a gate named "objective".',
    ),
})

/**
 * One declaration that makes many models: every prefix of the key is a level of the family tree.
 */
export const blueprint = z.strictObject({
  kind: z.literal('Blueprint'),
  name: name.describe('Name of the family, and of its root model.'),
  purpose: z.string().min(1).max(1_000).describe('What the answers are for.'),
  owner: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Who answers for it. Default: of the fleet.'),
  riskClass: riskClass.optional().describe('Default: of the fleet.'),
  key: z
    .array(column)
    .min(1)
    .max(6)
    .describe('Columns whose values name a member; each prefix is a level.'),
  members: z
    .strictObject({
      where: sql.optional().describe('Only rows for which this holds make members.'),
      atLeast: z
        .int()
        .min(1)
        .default(100)
        .describe('Rows that a member needs before it has its own model.'),
    })
    .default({ atLeast: 100 }),
  view: reference.describe('The feature view, pinned by version.'),
  label: sql.describe('What is predicted, over the row: a number, or true/false.'),
  labelUnit: z.string().max(40).optional().describe('Unit of the answer, for people: minutes.'),
  pipeline: pipeline.describe(
    'How versions are made, pinned by version: ridge@1, with parameters if any.',
  ),
  spans: z
    .strictObject({
      train: span.describe('What the fit reads.'),
      judge: span.describe('What the gates read; later than train.'),
      report: span.optional().describe('What neither fit nor gates read; later than judge.'),
    })
    .describe('Rows by time, so that nothing is judged on what chose it.'),
  gates: z.record(name, cel).default({}).describe('Rules beside those of the policy.'),
  objectives: objectives.default({}),
  budget: z
    .strictObject({ trainSeconds: z.number().positive().optional() })
    .default({})
    .describe('A plan that expects to need more says so.'),
  serving: serving.optional().describe('How it is answered for, and when something fails.'),
  overrides: z.array(override).max(10_000).default([]),
  environments: z.array(name).min(1).optional().describe('Default: all of the fleet.'),
})
