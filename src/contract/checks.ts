import { z } from 'zod'
import { specFiles } from './plans.ts'
import { count } from './words.ts'

export const validateAsk = z.strictObject({
  files: specFiles,
  fleetFolder: z
    .string()
    .min(1)
    .max(4_000)
    .optional()
    .describe('When given, expressions are bound against the data of the sources too.'),
})
export type ValidateAsk = z.infer<typeof validateAsk>

/** A fault of a declaration, as `spec/` finds it: where it stands, what is wrong, and the cure. */
export const specProblem = z.object({
  code: z.string(),
  file: z.string(),
  line: z.int().min(1),
  column: z.int().min(1),
  length: z.int().min(0),
  message: z.string(),
  cure: z.string(),
  follows: z.boolean().exactOptional().describe('It vanishes with another problem.'),
})
export type SpecProblem = z.infer<typeof specProblem>

export const validateAnswer = z.object({
  valid: z.boolean(),
  documents: count,
  problems: z.array(specProblem),
  findings: z
    .array(
      z.object({
        source: z.string(),
        onFail: z.enum(['quarantine', 'warn']),
        expected: z.string(),
        because: z.string(),
        count,
      }),
    )
    .describe('What is expected of the data, does not hold, and stops nothing.'),
})
export type ValidateAnswer = z.infer<typeof validateAnswer>

/**
 * Free disk below which the doctor, on either side, finds a fault, in bytes.
 *
 * 2 GB: what a plan of 10,000 models leaves, with its frames, is one to two.
 */
export const freeBytesMin = 2_000_000_000

/** One thing that the doctor looked at; a fault comes with its cure. */
export const check = z.object({
  name: z.string(),
  ok: z.boolean(),
  detail: z.string(),
  cure: z.string().nullable(),
})
export type Check = z.infer<typeof check>

/** `GET /v2/health/ready` of a server that takes calls. */
export const readyAnswer = z.object({
  ready: z.literal(true),
  parameters: z
    .object({
      degraded: z.array(z.object({ away: z.string(), since: z.string(), means: z.string() })),
    })
    .exactOptional()
    .describe('What it goes on without.'),
})
export type ReadyAnswer = z.infer<typeof readyAnswer>

export const doctorAnswer = z.object({ ok: z.boolean(), checks: z.array(check) })
export type DoctorAnswer = z.infer<typeof doctorAnswer>
