import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { SamplerName, TracingConfig } from './read-tracing.ts'
import { ActiveSpan } from './span.ts'

/** Where a trace enters this server. */
export interface Entry {
  readonly name: string
  readonly kind: 'server' | 'consumer'
  /** The caller's; of no use, it counts as none. */
  readonly traceparent?: string | undefined
  readonly attributes: Attributes
}

export interface TracingStatus {
  readonly exported: number
  /** Given up: the receiver was away or refused. */
  readonly failed: number
}

/** Of one span: enough for all that we set, and an end for what comes from outside. */
const spanLimits = { attributeValueLengthLimit: 256, attributeCountLimit: 64, linkCountLimit: 8 }

/**
 * Traces to an OpenTelemetry receiver. Spans wait in a queue with a cap, which goes out by itself;
 * when it is full or the receiver away they are dropped, and no answer waits for it.
 */
export class Tracing implements AsyncDisposable {
  readonly #provider: TracerProvider
  readonly #tracer: Tracer
  readonly #status = { exported: 0, failed: 0 }

  constructor(config: TracingConfig, version: string) {
    const { url, headers, timeoutMs: timeoutMillis } = config
    const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis })
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ ...config.resource, 'service.version': version }),
      sampler: samplerOf(config.sampler, config.ratio),
      spanLimits,
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: counted(exporter, this.#status),
          maxQueueSize: config.queueMax,
          maxExportBatchSize: Math.min(config.batchMax, config.queueMax),
          scheduledDelayMillis: config.delayMs,
          exportTimeoutMillis: config.timeoutMs,
        }),
      ],
    })
    this.#tracer = this.#provider.getTracer('muster', version)
  }

  get status(): TracingStatus {
    return this.#status
  }

  /**
   * The span of a request or message. A caller's span is the parent of a request; of a message,
   * which may be taken much later and more than once, it is linked.
   */
  begin({ name, kind, traceparent, attributes }: Entry): ActiveSpan {
    const remote = readTraceparent(traceparent)
    const links: Link[] = remote && kind === 'consumer' ? [{ context: remote }] : []
    const parent: Context =
      remote && kind === 'server' ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT
    const options = {
      kind: kind === 'server' ? SpanKind.SERVER : SpanKind.CONSUMER,
      attributes,
      links,
    }
    return new ActiveSpan(this.#tracer.startSpan(name, options, parent), this.#tracer, parent)
  }

  /** Sends what waits, within the time of one export. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined)
  }
}

/** W3C Trace Context, level 1; undefined for what is not well formed. */
export function readTraceparent(text: string | undefined): SpanContext | undefined {
  const parts = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text ?? '')
  if (parts === null) return undefined
  const [, version, traceId, spanId, flags, more] = parts
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return undefined
  const traceFlags = Number.parseInt(flags!, 16) & TraceFlags.SAMPLED
  return { traceId: traceId!, spanId: spanId!, traceFlags, isRemote: true }
}

function samplerOf(name: SamplerName, ratio: number): Sampler {
  const isParentBased = name.startsWith('parentbased_')
  const own = name.endsWith('always_on')
    ? new AlwaysOnSampler()
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio)
  return isParentBased ? new ParentBasedSampler({ root: own }) : own
}

function counted(exporter: SpanExporter, status: { exported: number; failed: number }) {
  return {
    export(spans, done) {
      exporter.export(spans, result => {
        if (result.code === 0) status.exported += spans.length
        else status.failed += spans.length
        done(result)
      })
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  } satisfies SpanExporter
}
