import { z } from 'zod'
import { count, digest, isoTime, role, seconds } from './words.ts'

/** Files of declarations as text; paths are relative to the fleet's folder, with `/`. */
export const specFiles = z
  .array(z.strictObject({ path: z.string().min(1).max(1_000), text: z.string().max(5_000_000) }))
  .min(1)
  .max(10_000)

export const planAsk = z.strictObject({
  files: specFiles,
  fleetFolder: z
    .string()
    .min(1)
    .max(4_000)
    .optional()
    .describe('Absolute path of the fleet on the machine of the server, where its data files are.'),
  asOf: isoTime.optional().describe('Plan on the data as it was recorded then.'),
})
export type PlanAsk = z.infer<typeof planAsk>

export const planReason = z.enum([
  'no-version',
  'new-data',
  'view-changed',
  'pipeline-changed',
  'label-changed',
  'gates-changed',
  'not-declared',
  'environment-new',
])

/** Members that one reason moves. */
export const planGroup = z.object({
  action: z.enum(['train', 'retire']),
  blueprint: z.string(),
  pipeline: z.string().nullable().describe('null for what retires.'),
  reason: planReason,
  because: z.string(),
  members: count,
  levels: z.array(z.object({ level: role, key: z.string(), members: count })),
  expectedSeconds: seconds.nullable().describe('From the history of this blueprint, or null.'),
})
export type PlanGroupRow = z.infer<typeof planGroup>

export const planRow = z.object({
  id: z.string(),
  digest,
  fleet: z.string(),
  parent: z.string().nullable(),
  state: z
    .enum(['proposed', 'adopted', 'superseded'])
    .describe('adopted: the fleet is brought to it, or was; superseded: the world moved first.'),
  createdAt: isoTime,
  totals: z.object({
    declared: count,
    serving: count,
    train: count,
    retire: count,
    unchanged: count,
  }),
})
export type PlanRow = z.infer<typeof planRow>

export const planView = planRow.extend({
  newDeclaration: z
    .boolean()
    .describe(
      'Whether the fleet follows another declaration, or none, before this plan is adopted.',
    ),
  environments: z.array(z.object({ name: z.string(), generation: count })),
  blueprints: z.array(z.string()),
  groups: z.array(planGroup),
  expectedSeconds: seconds.nullable().describe('Of the whole plan; null when nothing is known.'),
  data: z
    .array(z.object({ source: z.string(), snapshot: digest, rows: count, to: isoTime.nullable() }))
    .describe('The snapshots that the plan reads.'),
  notes: z.array(z.string()).describe('Things to know that are no refusals.'),
})
export type PlanView = z.infer<typeof planView>

/** A member of a plan, for lists. */
export const planMember = z.object({
  name: z.string(),
  action: z.enum(['train', 'retire']),
  reason: planReason,
  because: z.string(),
})
export type PlanMember = z.infer<typeof planMember>

/** Adopt exactly the plan that was seen. */
export const applyAsk = z.strictObject({
  digest: digest.optional().describe('Of the plan that was seen; another one is refused.'),
})
export const applyAnswer = z.object({
  plan: z.string(),
  state: z.enum(['adopted', 'nothing-to-do']),
  runs: z.array(z.object({ id: z.string(), blueprint: z.string(), members: count })),
  retired: count.describe('Members that left with the adoption.'),
})
export type ApplyAnswer = z.infer<typeof applyAnswer>
