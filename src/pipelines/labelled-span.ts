import type { LabelManifest } from '../fleet/index.ts'
import type { Span } from '../spec/index.ts'

/**
 * The part of a span whose labels lie in it too. A label that looks ahead of its event by a horizon
 * would otherwise carry what a span is judged on into what is trained on: such rows are purged
 * (Lopez de Prado, "Advances in financial machine learning", 2018, chapter 7).
 */
export function labelledSpan(span: Span, { horizonMs = 0 }: LabelManifest): Span {
  return { ...span, toMs: span.toMs - horizonMs }
}
