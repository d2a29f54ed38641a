import { z } from 'zod'
import { count } from './words.ts'

/* Inference graphs: what there is, and one message through one of them. */

/** Bytes of one message: ten thousand values, and their names. */
export const messageBytesMax = 1_048_576

export const graphRow = z.object({
  name: z.string(),
  description: z.string().nullable(),
  owner: z.string(),
  nodes: count,
  models: z.array(z.string()).describe('Blueprints and models that it calls.'),
  triggers: z.array(z.string()).describe('amqp: plant.'),
  sinks: z.array(z.string()).describe('postgres: wafer_health.'),
  deadlineMs: count,
  declaredAt: z.string().describe('muster.yaml:41'),
})
export type GraphRow = z.infer<typeof graphRow>

export const graphView = graphRow.extend({
  digest: z.string(),
  prepare: z.array(z.string()).describe('Values that are computed once a message.'),
  tree: z.string().describe('The graph as lines of text.'),
  mermaid: z.string().describe('The graph as a flowchart in the words of Mermaid.'),
})
export type GraphView = z.infer<typeof graphView>

export const graphPart = z.object({
  node: z.string(),
  step: z.string(),
  model: z.string().nullable().describe('As asked for; null for a step that is a node.'),
  state: z.enum(['answered', 'failed', 'late']),
  value: z.unknown().describe('Null unless it answered.'),
  receipt: z.string().nullable().describe('Of this answer: muster replay RECEIPT.'),
  answeredBy: z.string().nullable(),
  version: z.number().nullable(),
  how: z.string().nullable().describe('Who stood in for the model; null when it answered itself.'),
  code: z.string().nullable().describe('Why there is no answer: E_DEADLINE_PAST.'),
  because: z.string().nullable(),
})
export type GraphPartRow = z.infer<typeof graphPart>

export const graphMessage = z
  .record(z.string(), z.unknown())
  .describe('The message: a JSON object, as the graph reads it.')
export type GraphMessage = z.infer<typeof graphMessage>

export const graphQuery = z.strictObject({
  id: z.string().min(1).max(256).optional().describe('Of the message. Default: what it says.'),
})
export type GraphQuery = z.infer<typeof graphQuery>
/** What a client says beside the message. */
export type GraphWords = GraphQuery & { readonly deadlineMs?: string }

export const graphAnswer = z.object({
  graph: z.string(),
  id: z.string().nullable(),
  value: z.unknown().describe('What the graph gives.'),
  parts: z.array(graphPart).describe('What each model said, in the order of the declaration.'),
})
export type GraphAnswer = z.infer<typeof graphAnswer>
