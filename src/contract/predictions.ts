import { z } from 'zod'
import { pageQuery } from './lists.ts'
import { count, digest, isoTime, pageOf } from './words.ts'

/*
 * What was answered, as the journal has it, and what turned out to be true of it. A prediction is
 * one row of one request; the receipt is the request's.
 */

const receipt = z.string().max(64).describe('As the answer has it: 01JD8Z3V6K4T...')
// No name holds control characters, and PostgreSQL takes no text with a zero in it.
const modelName = z
  .string()
  .min(1)
  .max(2_000)
  .regex(/^\P{Cc}*$/u)
const modelPath = modelName.optional().describe('A model and all below it: route-delay.ATL.')
const since = isoTime.optional().describe('Answered then or later.')
const until = isoTime.optional().describe('Answered then or earlier.')

export const predictionsQuery = pageQuery.extend({ model: modelPath, since, until })

const answeredHow = z.enum(['itself', 'ancestor', 'previous', 'cached', 'rule'])
const inputValue = z.union([z.number(), z.string(), z.null()])

export const predictionRow = z.object({
  receipt,
  row: count.describe('Its place in the request, from 0.'),
  at: isoTime,
  model: z.string().describe('As it was asked for.'),
  answeredBy: z.string(),
  how: answeredHow,
  version: count.describe('Of the one that answered; 0 for a rule.'),
  value: z.number().nullable().describe('Null for an imported model: see `tensors`.'),
  output: z.string(),
  latencyMs: z.number(),
  caller: z.string().nullable(),
  tenant: z.string().nullable(),
  requestId: z.string().nullable(),
  cachedFrom: z.string().nullable().describe('Receipt of the answer that was given again.'),
  environment: z.string(),
  generation: count.describe('Of the routes that named the version.'),
  graph: digest.nullable(),
  pack: digest.nullable(),
  packRow: count,
  inputs: z
    .record(z.string(), inputValue)
    .describe('As the model read them: null is missing; a category is its text, or null.'),
  lookedUp: z.record(z.string(), isoTime).describe('When looked up values happened, by input.'),
  tensors: z.unknown().nullable().describe('Of an imported model.'),
})
export type PredictionView = z.infer<typeof predictionRow>

const unreadable = z
  .array(z.object({ digest: z.string(), rows: count, because: z.string() }))
  .describe('Files of that time whose bytes are gone or damaged: what is in them is not shown.')

export const predictionsPage = pageOf(predictionRow).extend({ unreadable })
export type PredictionsPage = z.infer<typeof predictionsPage>

/** One answer, with everything that it was made from. */
export const predictionView = z.object({
  receipt,
  rows: z.array(predictionRow),
  erasedRows: count.describe('Of the same answer, erased on request.'),
  lineage: z
    .object({
      versionDigest: digest,
      view: z.string().describe('Of features.'),
      viewDigest: digest,
      snapshots: z.record(z.string(), digest).describe('By source.'),
      pipeline: z.string(),
      code: z.string(),
      plan: z.string(),
      run: z.string(),
      trainedAt: isoTime,
    })
    .nullable()
    .describe('Of the version; null for a rule and an imported model.'),
  outcomes: z.array(
    z.object({ row: count, value: z.number(), receivedAt: isoTime, corrected: z.boolean() }),
  ),
})
export type PredictionDetail = z.infer<typeof predictionView>

/** What came of computing an answer again. */
export const replayView = z.object({
  receipt,
  model: z.string(),
  answeredBy: z.string(),
  how: answeredHow,
  version: count,
  outcome: z
    .enum(['same', 'different', 'gone'])
    .describe('same: to the last bit. gone: what it was made from is not there any more.'),
  because: z.string(),
  recorded: z.array(z.number()).describe('By row that is there.'),
  erasedRows: count.describe('Of the same answer, erased on request: not computed.'),
  replayed: z.array(z.number()).nullable(),
  ancestors: z.array(
    z.object({
      kind: z.enum(['graph', 'pack', 'version', 'answer', 'rule', 'model']),
      name: z.string(),
      found: z.boolean(),
      because: z.string().nullable(),
    }),
  ),
})
export type ReplayView = z.infer<typeof replayView>

/** Outcomes of one call: some seconds of work, and a body of a few megabytes. */
export const outcomesMax = 10_000
/** Of 10,000 outcomes by entity. */
export const outcomesBodyBytesMax = 4 * 1_048_576

const outcomeAsk = z.strictObject({
  receipt: receipt.optional(),
  row: count.max(1_000_000).optional().describe('Needed for a request of several rows.'),
  model: modelName
    .optional()
    .describe('In the place of a receipt, with `at`: the newest answer of this model then.'),
  entity: z
    .record(z.string().max(300), z.union([z.string().max(300), z.number()]))
    .optional()
    .describe('Values of the key of a blueprint, which `model` names then.'),
  at: isoTime.optional(),
  value: z.number().describe('What turned out to be true.'),
  correct: z.boolean().optional().describe('It replaces what was said before.'),
})
export type OutcomeWords = z.infer<typeof outcomeAsk>
export const outcomesAsk = z.strictObject({
  outcomes: z.array(outcomeAsk).min(1).max(outcomesMax),
})
export type OutcomesAsk = z.infer<typeof outcomesAsk>

const outcomeResult = z.object({
  status: z.int().describe('200, or as if it had been a request of its own: 404, 409, 422.'),
  state: z.enum(['recorded', 'again', 'corrected', 'unknown', 'different', 'too-old', 'unclear']),
  receipt: receipt.nullable(),
  row: count.nullable(),
  because: z.string().nullable(),
})
export const outcomesAnswer = z.object({
  taken: count.describe('Recorded, corrected, or known already.'),
  refused: count,
  items: z.array(outcomeResult).describe('In the order of the call.'),
})
export type OutcomesAnswer = z.infer<typeof outcomesAnswer>

export const outcomesQuery = pageQuery.extend({ model: modelPath, since, until })
export const outcomeRow = z.object({
  receipt,
  row: count,
  at: isoTime.describe('When it was predicted.'),
  receivedAt: isoTime,
  corrected: z.boolean(),
  model: z.string().nullable().describe('Null when the prediction is not kept any more.'),
  version: count.nullable(),
  predicted: z.number().nullable(),
  value: z.number(),
  error: z.number().nullable().describe('Predicted less what turned out.'),
})
export type OutcomeRow = z.infer<typeof outcomeRow>

export const errorsQuery = z.strictObject({ model: modelPath, since, until })
export const errorsView = z.object({
  outcomes: count.describe('Read for this, the newest first; 100,000 at most.'),
  models: z.array(
    z.object({
      model: z.string(),
      outcomes: count,
      meanAbsoluteError: z.number(),
      bias: z.number().describe('Mean of predicted less what turned out.'),
      rootMeanSquaredError: z.number(),
    }),
  ),
})
export type ErrorsView = z.infer<typeof errorsView>

export const eraseAsk = z.strictObject({
  receipts: z.array(z.string().min(1).max(64)).min(1).max(10_000),
})
export type EraseAsk = z.infer<typeof eraseAsk>

export const eraseAnswer = z.object({
  unreadable: count.describe('Files of that time that cannot be read, and not be looked into.'),
  items: z.array(
    z.object({
      receipt: z.string(),
      rows: count,
      outcome: z
        .enum(['erased', 'again', 'unknown'])
        .describe('again: it was erased before. unknown: the journal does not have it.'),
    }),
  ),
})
export type EraseAnswer = z.infer<typeof eraseAnswer>
