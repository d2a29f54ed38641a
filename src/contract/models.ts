import { z } from 'zod'
import { evidence, verdict } from './evidence.ts'
import { count, digest, isoTime, modelState, role } from './words.ts'

/** A model in a list. */
export const modelRow = z.object({
  name: z.string(),
  blueprint: z.string(),
  level: role,
  depth: count,
  rows: count.describe('Rows of the snapshot that it was declared by.'),
  state: modelState,
  reason: z.string().describe('The code that counts are made of: kept, not-worth-keeping.'),
  because: z.string().describe('One sentence with numbers.'),
  version: z.int().nullable().describe('The version that serves, or null.'),
  answeredBy: z.string().nullable().describe('Who answers a call for it: itself or an ancestor.'),
  aside: z
    .object({
      state: z.enum(['open', 'quarantined']).describe('open: tried again in a moment.'),
      because: z.string().describe('The failure that did it.'),
      since: isoTime,
    })
    .nullable()
    .describe('Set while its version serves but is not asked, because it failed: a stand-in is.'),
})
export type ModelRow = z.infer<typeof modelRow>

/**
 * An effective value and where it comes from: `10`, `muster.yaml:52 override *.HNL`, over `3.2,
 * search`.
 */
export const effectiveValue = z.object({
  name: z.string(),
  value: z.string(),
  origin: z.string(),
  over: z.string().nullable().describe('What it stands before, when it overrides something.'),
})
export type EffectiveValue = z.infer<typeof effectiveValue>

export const versionRow = z.object({
  number: z.int().min(1),
  digest,
  run: z.string(),
  plan: z.string(),
  pipeline: z.string(),
  view: z.string(),
  snapshots: z.record(z.string(), digest).describe('Snapshot ids by source.'),
  code: z.string(),
  parityError: z.number().nullable(),
  penalty: z.number().nullable(),
  penaltyFrom: z.string().nullable(),
  trainRows: count,
  verdict,
  evidence,
  createdAt: isoTime,
})
export type VersionRow = z.infer<typeof versionRow>

/** One model with everything that is recorded of it. */
export const modelView = modelRow.extend({
  parent: z.string().nullable(),
  keyValues: z.array(z.object({ column: z.string(), value: z.string() })),
  children: count.describe('Members one level below.'),
  purpose: z.string(),
  owner: z.string(),
  riskClass: z.string(),
  declaredAt: z.string().describe('File and line of the blueprint: muster.yaml:41.'),
  signature: z
    .object({
      inputs: z.array(
        z.object({ name: z.string(), datatype: z.string(), mayBeMissing: z.boolean() }),
      ),
      output: z.object({ name: z.string(), datatype: z.string() }),
      unit: z.string().nullable(),
    })
    .nullable()
    .describe('What callers send and get; null before the first version.'),
  routes: z
    .array(
      z.object({
        environment: z.string(),
        generation: count,
        version: z.int().min(1),
        versionDigest: digest,
        since: isoTime.nullable(),
      }),
    )
    .describe('Empty when an ancestor answers.'),
  values: z.array(effectiveValue).describe('Every effective value with its origin.'),
  versions: z.array(versionRow).describe('Newest first; at most the last ten.'),
})
export type ModelView = z.infer<typeof modelView>

/** The chain from the declaration to what answers now, as `muster why` prints it. */
export const whyChain = z.object({
  name: z.string(),
  headline: z
    .string()
    .describe('route-late.ATL.LGA serves v1 (9c41d2) in prod since 2026-11-21 12:03:41'),
  state: modelState,
  answeredBy: z.string().nullable(),
  links: z.array(
    z.object({
      step: z.string().describe('declared, trained, judged, released, reported, next.'),
      subject: z.string().describe('muster.yaml:41, run 7, low@1, generation 1; may be empty.'),
      because: z.array(z.string()).describe('Sentences; the first stands beside the subject.'),
    }),
  ),
})
export type WhyChain = z.infer<typeof whyChain>
