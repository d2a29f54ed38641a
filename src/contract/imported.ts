import { z } from 'zod'
import { importedStates, modelTiers } from '../fleet/index.ts'
import { count, digest, pageOf } from './words.ts'

/* Models that people bring as ONNX files. */

/** No dots: such a model has no ancestors. */
export const importedName = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/, {
    error: 'a name is letters, digits, - and _ between letters or digits, at most 63',
  })
  .describe('Letters, digits, - and _, at most 63.')

export const importQuery = z.strictObject({
  as: importedName,
  tier: z
    .enum(modelTiers)
    .optional()
    .describe('In memory always, from the start, or (the default) once it is called.'),
  purpose: z.string().max(500).optional(),
  digest: digest.optional().describe('Of the file; refused when another arrives.'),
})
export type ImportQuery = z.infer<typeof importQuery>

const tensor = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.int()).nullable().describe('-1 varies; null: not declared.'),
})

export const importAnswer = z.object({
  name: z.string(),
  version: count,
  newest: count.describe('The version that answers: the newest that serves.'),
  digest,
  again: z.boolean().describe('The same bytes under the same name: nothing new was recorded.'),
  sizeBytes: count,
  inputs: z.array(tensor),
  outputs: z.array(tensor),
  leftOut: z
    .array(z.object({ name: z.string(), is: z.string() }))
    .describe('Outputs that are no tensors, and are not served.'),
  probation: z
    .object({ runs: count, firstMs: z.number(), slowestMs: z.number() })
    .nullable()
    .describe('Null: not run again.'),
})
export type ImportAnswer = z.infer<typeof importAnswer>

export const importedRow = z.object({
  name: z.string(),
  version: count,
  digest,
  sizeBytes: count,
  tier: z.enum(modelTiers),
  state: z.enum(importedStates),
  because: z.string().nullable(),
  purpose: z.string(),
})
export type ImportedRow = z.infer<typeof importedRow>
export const importedPage = pageOf(importedRow)

export const importedAct = z.strictObject({
  names: z.array(z.string().max(300)).min(1).max(1_000),
})
export type ImportedAct = z.infer<typeof importedAct>
export const importedActAnswer = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      outcome: z.enum(['done', 'refused']),
      versions: count,
      because: z.string().nullable(),
    }),
  ),
})
export type ImportedActAnswer = z.infer<typeof importedActAnswer>
