import { asMusterError } from '../base/errors.ts'
import type { Variables } from '../gate/index.ts'
import { callUntil, type WantedCall } from './call.ts'
import { evaluate } from './evaluate.ts'
import { outcomeOf, partOf, type Ran } from './outcome.ts'
import type { NodePlan, StepPlan } from './plan.ts'
import type { Running } from './running.ts'

/**
 * What models of a step may have by name: the members of its data, and over them what was prepared.
 * Data that is no object, such as the number that a model gave, has no names.
 */
export function namedValues(data: unknown, running: Running): Readonly<Record<string, unknown>> {
  const { prepared } = running
  const isObject = typeof data === 'object' && data !== null && !Array.isArray(data)
  return isObject ? { ...data, ...prepared } : prepared
}

/** Throws E_FEATURE_VALUE. */
export function callOf(
  of: { readonly node: NodePlan; readonly step: StepPlan },
  target: { readonly model: string; readonly kind: 'family' | 'imported' },
  values: Readonly<Record<string, unknown>>,
  variables: Variables,
  { asker }: Pick<Running, 'asker'>,
): WantedCall {
  const { node, step } = of
  const inputs: Record<string, unknown> = {}
  for (const [name, expression] of step.inputs) {
    const where = `input \`${name}\` of step \`${step.name}\` of node \`${node.name}\``
    inputs[name] = evaluate(expression, variables, where)
  }
  return { ...target, values, inputs, asker }
}

/** A step that is one model. Never throws. */
export async function runModel(
  node: NodePlan,
  step: StepPlan,
  data: unknown,
  variables: Variables,
  untilMs: number,
  running: Running,
): Promise<Ran> {
  const model = 'model' in step.target ? step.target.model : undefined
  const named = { node: node.name, step: step.name, model }
  try {
    const kind = step.target.kind === 'imported' ? 'imported' : 'family'
    const values = namedValues(data, running)
    const call = callOf({ node, step }, { model: model ?? '', kind }, values, variables, running)
    const [asked] = await callUntil([call], untilMs, running)
    return { outcome: outcomeOf(asked!), parts: [partOf(named, asked!)] }
  } catch (error) {
    const fault = asMusterError(error)
    return { outcome: { fault }, parts: [partOf(named, fault)] }
  }
}
