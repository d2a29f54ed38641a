import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'

/*
 * Spans are found where work is done by the asynchronous context, not by an argument: between the
 * rim and a model lie graphs and queues that know nothing of traces. Where nobody traces there is
 * no context, and the whole cost is to see that.
 */

const current = new AsyncLocalStorage<ActiveSpan>()

/** A span of work that goes on. One that was not sampled has ids and records nothing. */
export class ActiveSpan {
  readonly #span: Span
  readonly #tracer: Tracer
  readonly #context: Context

  constructor(span: Span, tracer: Tracer, context: Context) {
    this.#span = span
    this.#tracer = tracer
    this.#context = trace.setSpan(context, span)
  }

  get traceId(): string {
    return this.#span.spanContext().traceId
  }

  /** W3C Trace Context, for whoever is called from here. */
  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext()
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
  }

  get isRecording(): boolean {
    return this.#span.isRecording()
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes)
  }

  /** `code` is one of ours, so that texts of callers are in no trace. */
  fail(code: string): void {
    this.#span.setAttribute('error.type', code)
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: code })
  }

  rename(name: string): void {
    this.#span.updateName(name)
  }

  child(name: string, attributes: Attributes): ActiveSpan {
    const span = this.#tracer.startSpan(name, { attributes }, this.#context)
    return new ActiveSpan(span, this.#tracer, this.#context)
  }

  /** What `act` does, and all that follows from it, is below this span. */
  run<T>(act: () => T): T {
    return current.run(this, act)
  }

  end(): void {
    this.#span.end()
  }
}

/** The span that the work at hand belongs to; undefined where nobody traces. */
export function currentSpan(): ActiveSpan | undefined {
  return current.getStore()
}

/** Does `act`, as a span of its own where somebody traces. */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  act: (span?: ActiveSpan) => Promise<T>,
): Promise<T> {
  const parent = current.getStore()
  return parent?.isRecording ? below(parent.child(name, attributes), act) : act()
}

/** Does `act` within a span, and ends it: failed with the code of what `act` throws. */
export async function below<T>(
  span: ActiveSpan,
  act: (span: ActiveSpan) => Promise<T>,
): Promise<T> {
  try {
    return await span.run(() => act(span))
  } catch (error) {
    const { code } = error as { code?: unknown }
    span.fail(typeof code === 'string' ? code : 'E_INTERNAL')
    throw error
  } finally {
    span.end()
  }
}
