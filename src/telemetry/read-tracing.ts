import { MusterError } from '../base/errors.ts'

/** As OTEL_TRACES_SAMPLER names them. */
const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
export type SamplerName = (typeof samplers)[number]

/** What the standard OTEL_* variables say, read once. */
export interface TracingConfig {
  /** Of the receiver: OTLP over HTTP, as protobuf. */
  readonly url: string
  /** May hold secrets. */
  readonly headers: Readonly<Record<string, string>>
  /** Of one export, tries included. */
  readonly timeoutMs: number
  readonly resource: Readonly<Record<string, string>>
  readonly sampler: SamplerName
  /** Of traces that begin here, for the samplers by ratio. */
  readonly ratio: number
  /** Spans that wait; those above it are dropped. */
  readonly queueMax: number
  /** Spans of one export. */
  readonly batchMax: number
  /** Between two exports. */
  readonly delayMs: number
}

type Environment = Readonly<Record<string, string | undefined>>

const defaultEndpoint = 'http://127.0.0.1:4318'

/**
 * Undefined: nothing is traced. That is so unless a receiver is named, or OTEL_TRACES_EXPORTER is
 * `otlp`: the standard would send to this machine then, where most have no receiver. Names and
 * defaults are those of the OpenTelemetry environment variable specification. Throws E_USAGE.
 */
export function readTracing(env: Environment): TracingConfig | undefined {
  const exporter = env.OTEL_TRACES_EXPORTER || undefined
  const own = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || undefined
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT || undefined
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || exporter === 'none') return undefined
  if (exporter === undefined && own === undefined && base === undefined) return undefined
  if (exporter !== undefined && exporter !== 'otlp') {
    throw refused('OTEL_TRACES_EXPORTER', 'set otlp or none')
  }
  for (const name of ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL']) {
    if (env[name] && env[name] !== 'http/protobuf') throw refused(name, 'set http/protobuf')
  }
  const url = own ?? `${(base ?? defaultEndpoint).replace(/\/+$/, '')}/v1/traces`
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw refused('OTEL_EXPORTER_OTLP_ENDPOINT', `set a URL: ${defaultEndpoint}`)
  }
  const sampler = env.OTEL_TRACES_SAMPLER || 'parentbased_always_on'
  const known = samplers.find(name => name === sampler)
  if (known === undefined) {
    throw refused('OTEL_TRACES_SAMPLER', `set one of ${samplers.join(', ')}`)
  }
  const ratio = env.OTEL_TRACES_SAMPLER_ARG ? Number(env.OTEL_TRACES_SAMPLER_ARG) : 1
  if (!(ratio >= 0 && ratio <= 1)) throw refused('OTEL_TRACES_SAMPLER_ARG', 'set 0 to 1')
  const headers = pairs(
    env.OTEL_EXPORTER_OTLP_TRACES_HEADERS || env.OTEL_EXPORTER_OTLP_HEADERS,
    'OTEL_EXPORTER_OTLP_HEADERS',
  )
  const resource = pairs(env.OTEL_RESOURCE_ATTRIBUTES, 'OTEL_RESOURCE_ATTRIBUTES')
  const service = env.OTEL_SERVICE_NAME || resource['service.name'] || 'muster'
  const timeout = 'OTEL_EXPORTER_OTLP_TIMEOUT'
  return {
    url,
    headers,
    resource: { ...resource, 'service.name': service },
    sampler: known,
    ratio,
    timeoutMs: number(env, timeout, { or: 10_000, most: 60_000 }),
    queueMax: number(env, 'OTEL_BSP_MAX_QUEUE_SIZE', { or: 2_048, most: 65_536 }),
    batchMax: number(env, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', { or: 512, most: 8_192 }),
    delayMs: number(env, 'OTEL_BSP_SCHEDULE_DELAY', { or: 5_000, most: 60_000 }),
  }
}

function number(env: Environment, name: string, { or, most }: { or: number; most: number }) {
  const value = env[name] ? Number(env[name]) : or
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw refused(name, `set a whole number from 1 to ${most}`)
}

/** `a=1,b=2`, each part percent-encoded. */
function pairs(text: string | undefined, name: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const pair of (text ?? '').split(',')) {
    if (pair.trim() === '') continue
    const at = pair.indexOf('=')
    try {
      if (at < 1) throw new RangeError('no name')
      found[decodeURIComponent(pair.slice(0, at).trim())] = decodeURIComponent(
        pair.slice(at + 1).trim(),
      )
    } catch {
      throw refused(name, 'set name=value,name=value, each percent-encoded')
    }
  }
  return found
}

/** Never tells the value: headers hold keys. */
function refused(field: string, hint: string): MusterError {
  return new MusterError('E_USAGE', `${field} is not of a form that is read here`, { field, hint })
}
