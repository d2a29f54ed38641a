import { z } from 'zod'
import { cel, name, riskClass } from '../words.ts'

/** What a version must show to be released. */
export const policy = z.strictObject({
  kind: z.literal('Policy'),
  name: name.describe('Name of the policy.'),
  version: z.int().min(1).max(999_999),
  appliesTo: z.strictObject({
    riskClass: riskClass,
    environment: name.optional().describe('Default: every environment.'),
  }),
  gates: z
    .record(name, cel)
    .refine(g => Object.keys(g).length > 0, { error: 'a policy has at least one gate' })
    .describe('Rules over `evidence`, `level`, `depth` and `rows`; all must hold.'),
  approval: z.literal('none').default('none').describe('Who must approve besides the gates.'),
})
