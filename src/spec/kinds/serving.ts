import { z } from 'zod'
import { duration } from '../words.ts'

/** How a family is answered for: who stands in when it fails, and what of it is kept in memory. */
export const serving = z.strictObject({
  fallback: z
    .array(z.enum(['previous', 'ancestor', 'cached', 'rule']))
    .max(4)
    .default(['previous', 'ancestor'])
    .describe(
      'Who answers when a model fails, in this order: its version before, its nearest ancestor, ' +
        'the newest answer to the same inputs, the rule below.',
    ),
  cachedFor: duration
    .optional()
    .describe('How old an answer may be that is given again. Default: 1h.'),
  rule: z
    .union([z.number(), z.string().min(1).max(4_096).meta({ musterType: 'cel' })])
    .optional()
    .describe('A number, or a CEL expression over the inputs that gives one: inputs.hour * 2.0.'),
  durable: z
    .boolean()
    .optional()
    .describe('Whether a prediction is on disk before it is answered. Default: riskClass high.'),
  tier: z
    .enum(['pinned', 'preloaded', 'on-demand'])
    .default('preloaded')
    .describe('Loaded at start and never given up; loaded at start; loaded at the first call.'),
  idleAfter: duration
    .optional()
    .describe('Without a call for so long it gives its memory back. Default: never.'),
  rowsInFlightMax: z
    .int()
    .min(1)
    .max(65_536)
    .optional()
    .describe('Rows of one model that may wait or run at once; more are answered 429.'),
})
