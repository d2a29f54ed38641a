export {
  type MetricAbout,
  readCounter,
  readCounters,
  readGauge,
  readGauges,
  type Series,
} from './read-metric.ts'
export { readTracing, type SamplerName, type TracingConfig } from './read-tracing.ts'
export { type ActiveSpan, below, currentSpan, inSpan } from './span.ts'
export { type Entry, readTraceparent, Tracing, type TracingStatus } from './tracing.ts'
