import { z } from 'zod'
import { pageQuery } from './lists.ts'
import { count, isoTime, pageOf } from './words.ts'

/* What starts graphs, and the messages that were given up. */

/** Of one request of CloudEvents, which may be a batch. */
export const eventsBodyBytesMax = 8 * 1_048_576

export const triggerRow = z.object({
  name: z.string().describe('graph/trigger'),
  kind: z.string().describe('amqp, nats, kafka, mqtt or http'),
  connection: z.string().nullable(),
  state: z.enum(['connecting', 'connected', 'away', 'closed', 'refused']),
  because: z.string().nullable().describe('Why it is away or refused.'),
  forMs: count.describe('Since this state began.'),
  taken: count.describe('Messages, since this server started.'),
  done: count,
  again: count.describe('Delivered again, and done before.'),
  failed: count.describe('Attempts.'),
  dead: count,
  retrying: count.describe('Held, to be tried again.'),
})
export type TriggerRow = z.infer<typeof triggerRow>

export const triggersAnswer = pageOf(triggerRow).extend({
  outbox: count.describe('Results on their way to sinks; ten thousand stop the triggers.'),
})
export type TriggersAnswer = z.infer<typeof triggersAnswer>

export const letterState = z.enum(['waiting', 'replayed', 'dropped'])

export const letterRow = z.object({
  id: z.string().describe('d-7'),
  trigger: z.string().describe('graph/trigger'),
  sink: z.string().nullable().describe('Null: the message; else who did not take its result.'),
  messageId: z.string(),
  sizeBytes: count,
  code: z.string(),
  because: z.string(),
  hint: z.string().nullable(),
  attempts: count,
  state: letterState,
  at: isoTime,
})
export type LetterRow = z.infer<typeof letterRow>

export const letterView = letterRow.extend({
  key: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  body: z.string().describe('As text; as base64 when it is none.'),
  encoding: z.enum(['text', 'base64']),
  whole: z.boolean().describe('Whether all of the message was kept.'),
})
export type LetterView = z.infer<typeof letterView>

export const lettersQuery = pageQuery.extend({
  graph: z.string().max(63).optional(),
  state: letterState.optional().describe('Default: waiting.'),
})
export type LettersQuery = z.infer<typeof lettersQuery>

export const lettersAsk = z.strictObject({
  ids: z
    .array(z.string().regex(/^d-\d{1,15}$/))
    .min(1)
    .max(1_000)
    .describe('d-7'),
})

export const lettersAnswer = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      outcome: z.enum(['replayed', 'dropped', 'refused']),
      code: z.string().nullable(),
      because: z.string().nullable(),
      hint: z.string().nullable(),
    }),
  ),
})
export type LettersAnswer = z.infer<typeof lettersAnswer>
