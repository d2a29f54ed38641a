import { MusterError } from '../base/errors.ts'
import type { Asked } from './call.ts'
import type { GraphPart } from './result.ts'

/** A value, or why there is none. */
export type Outcome =
  | { readonly value: unknown; readonly fault?: undefined }
  | { readonly fault: MusterError }

/** What a node or step gave, and what its parts did, in the order of the declaration. */
export interface Ran {
  readonly outcome: Outcome
  readonly parts: readonly GraphPart[]
}

export function outcomeOf(asked: Asked): Outcome {
  return asked instanceof MusterError ? { fault: asked } : { value: asked.value }
}

export function partOf(of: Pick<GraphPart, 'node' | 'step' | 'model'>, asked: Asked): GraphPart {
  const { node, step, model } = of
  if (asked instanceof MusterError) {
    return {
      node,
      step,
      model,
      state: asked.code === 'E_DEADLINE_PAST' ? 'late' : 'failed',
      value: undefined,
      receipt: undefined,
      answeredBy: undefined,
      version: undefined,
      how: undefined,
      code: asked.code,
      because: asked.message,
    }
  }
  const { value, receipt, answeredBy, version, how, because } = asked
  const told = how === 'itself' ? undefined : how
  return {
    node,
    step,
    model,
    state: 'answered',
    value,
    receipt,
    answeredBy,
    version,
    how: told,
    code: undefined,
    because,
  }
}
