import { type ActiveSpan, below } from '../telemetry/index.ts'
import type { Answer, InferRequest } from './answer.ts'
import type { TensorAnswer } from './imported.ts'

type Given = Answer | TensorAnswer

/** One call of the data plane as a span: whose it was, who answered, and how. */
export function tracedInfer(
  parent: ActiveSpan,
  { model, version, priority, tenant }: InferRequest,
  infer: () => Promise<Given>,
): Promise<Given> {
  const span = parent.child('infer', {
    'muster.model': model,
    ...(version !== undefined && { 'muster.version_asked': version }),
    ...(priority !== undefined && { 'muster.priority': priority }),
    ...(tenant !== undefined && { 'muster.tenant': tenant }),
  })
  return below(span, async () => {
    const answer = await infer()
    span.set({
      'muster.answered_by': answer.answeredBy,
      'muster.version': answer.version,
      'muster.how': answer.how,
      'muster.receipt': answer.receipt,
      'muster.rows': 'outputs' in answer ? 1 : answer.values.length,
    })
    return answer
  })
}
