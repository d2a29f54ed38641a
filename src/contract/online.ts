import { z } from 'zod'
import { count, isoTime } from './words.ts'

/* What the online store holds, and whether it is what snapshots say. */

export const materialiseAsk = z.strictObject({
  groups: z.array(z.string().max(300)).max(1_000).optional().describe('Default: all.'),
  full: z.boolean().optional().describe('Build anew what is there already, too.'),
})
export type MaterialiseAsk = z.infer<typeof materialiseAsk>

export const materialised = z.object({
  group: z.string(),
  outcome: z.enum(['kept', 'added', 'built', 'refused']),
  rows: count,
  entities: count.describe('That were not there before.'),
  commit: z.string().nullable().describe('The newest of its source that it holds: c-12.'),
  because: z.string(),
})
export type MaterialisedRow = z.infer<typeof materialised>

export const materialiseAnswer = z.object({ groups: z.array(materialised) })
export type MaterialiseAnswer = z.infer<typeof materialiseAnswer>

export const verifyAsk = z.strictObject({
  groups: z.array(z.string().max(300)).max(1_000).optional().describe('Default: all.'),
  sample: z.int().min(1).max(10_000).optional().describe('Entities of each kind. Default: 100.'),
})
export type VerifyAsk = z.infer<typeof verifyAsk>

const example = z.object({
  entity: z.array(z.string()),
  online: z.union([z.number(), z.string()]).nullable(),
  offline: z.union([z.number(), z.string()]).nullable(),
})

/** What one check found of one feature. */
export const featureCheck = z.object({
  check: z.string().describe('k-7'),
  group: z.string(),
  feature: z.string(),
  at: isoTime,
  compared: count,
  equal: count,
  different: count,
  onlyOnline: count.describe('Missing offline.'),
  onlyOffline: count.describe('Missing online.'),
  maxAbs: z.number().nullable().describe('Of numbers that both sides have.'),
  maxRelative: z.number().nullable(),
  example: example.nullable().describe('The first that differs.'),
})
export type FeatureCheckRow = z.infer<typeof featureCheck>

export const verifyAnswer = z.object({ check: z.string(), features: z.array(featureCheck) })
export type VerifyAnswer = z.infer<typeof verifyAnswer>
