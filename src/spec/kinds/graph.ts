import { z } from 'zod'
import { mergeWords, routerTypes } from '../graph-spec.ts'
import { cel, column, latency, name } from '../words.ts'
import { sink, trigger } from './trigger.ts'

/** Bounds of one graph: more than a person can follow on one page is several graphs. */
export const graphNodesMax = 64
export const graphStepsMax = 64
/** Models that one step may select: four times the 40 of a tool. */
export const selectedMax = 256

const variable = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, {
  error: 'a prepared value is a letter, then a-z, 0-9 and _: temperature_f',
})

const stepName = z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/, {
  error: 'a step is a letter, then a-z, 0-9, _ and -: first-look',
})

const modelName = z.string().min(1).max(512)

const select = z.strictObject({
  blueprint: name.describe('Whose members.'),
  key: z
    .record(column, cel)
    .default({})
    .describe(
      'Key columns, the first ones first, as CEL: a value, or a list of which each is one.',
    ),
  where: cel.optional().describe('CEL; only the members for which it holds: key.sensor in ...'),
  atMost: z
    .int()
    .min(1)
    .max(selectedMax)
    .default(64)
    .describe('More members than these are refused, never cut off.'),
})

const stepTargets = ['node', 'model', 'imported', 'models'] as const

const step = z
  .strictObject({
    name: stepName.optional().describe('One of its node. Default: the name of the target.'),
    node: name.optional().describe('Another node of the graph.'),
    model: modelName.optional().describe('A model of a blueprint: route-delay.ATL.LAX.'),
    imported: modelName.optional().describe('A model that was brought in: muster import.'),
    models: select.optional().describe('Every model that a selection gives. Of an Ensemble.'),
    data: z
      .enum(['$request', '$response'])
      .default('$request')
      .describe('The input of the node, or what the step before it gave.'),
    condition: cel
      .optional()
      .describe('Switch: the first that holds is taken. Sequence: it goes on while they hold.'),
    weight: z
      .number()
      .positive()
      .max(100)
      .optional()
      .describe('Splitter: share of a hundred. Ensemble: share in a weighted merge.'),
    dependency: z
      .enum(['Hard', 'Soft'])
      .optional()
      .describe('Whether the node fails with it. Default: Hard; in an Ensemble Soft.'),
    inputs: z
      .record(z.string().min(1).max(200), cel)
      .default({})
      .describe('Inputs of the model as CEL, over those that the message has by name.'),
    deadline: latency.optional().describe('No longer than this, and than the rest of the node.'),
  })
  .refine(s => stepTargets.filter(target => s[target] !== undefined).length === 1, {
    error: 'a step has exactly one of node, model, imported and models',
  })

const node = z.strictObject({
  routerType: z
    .enum(routerTypes)
    .describe('Sequence: one after another. Switch: one, by condition. Ensemble: all at once.'),
  steps: z.array(step).min(1).max(graphStepsMax),
  merge: z
    .union([z.enum(mergeWords), z.strictObject({ cel })])
    .optional()
    .describe('How the parts of an Ensemble become one value. Default: concat, an object by step.'),
  require: z
    .union([z.enum(['all', 'any']), z.int().min(1)])
    .optional()
    .describe('How many parts of an Ensemble must answer. Default: all.'),
  deadline: latency.optional().describe('Parts that take longer are late.'),
})

/** One message in, prepared once, several models, one result out. */
export const graph = z.strictObject({
  kind: z.literal('Graph'),
  name: name.describe('Name of the graph. No blueprint has it.'),
  description: z.string().max(1_000).optional(),
  owner: z.string().min(1).max(200).optional().describe('Default: of the fleet.'),
  deadline: latency.default('1s').describe('For the whole of it; a caller may give less.'),
  messageId: cel.optional().describe('CEL that names a message: message.wafer.'),
  prepare: z
    .record(variable, cel)
    .default({})
    .describe('Values computed once for all models; each may read those before it.'),
  nodes: z
    .record(name, node)
    .refine(n => Object.keys(n).length <= graphNodesMax, {
      error: `a graph has at most ${graphNodesMax} nodes`,
    })
    .describe('By name. A message enters at `root`.'),
  triggers: z.array(trigger).max(32).default([]).describe('What starts it, beside calls.'),
  sinks: z.array(sink).max(32).default([]).describe('Where the results of its triggers go.'),
})
