import { isAbsolute, join, resolve } from 'node:path'
import { MusterError } from '../base/errors.ts'
import { type KeepPredictions, keepPredictions } from '../journal/index.ts'
import { type Connections, readConnections } from '../sources/index.ts'
import { readDataRoots } from '../spec/index.ts'
import { checkDatabaseUrl } from '../store/index.ts'
import { readTracing, type TracingConfig } from '../telemetry/index.ts'

/** What the environment says, read once. Nothing else in Muster reads `process.env`. */
export interface Config {
  /** State of an embedded server: `.muster` in the folder of the fleet, or MUSTER_HOME. */
  readonly home: string
  /** Where declarations and their data files are. */
  readonly fleetFolder: string
  /** Folders outside it that sources may name by absolute path: MUSTER_DATA_ROOTS. */
  readonly dataRoots?: readonly string[]
  /** What sources name: MUSTER_CONNECTION_<NAME>. */
  readonly connections?: Connections
  readonly host: string
  readonly port: number
  /** MUSTER_GRPC_PORT, else the port after that of HTTP. Undefined: gRPC is not served. */
  readonly grpc?: { readonly port: number; readonly isAskedFor: boolean } | undefined
  /** An external PostgreSQL; undefined: the embedded one. */
  readonly databaseUrl: string | undefined
  readonly workers: number
  /** A Redis or Valkey for online features: MUSTER_ONLINE. Undefined: the embedded store. */
  readonly onlineUrl?: string | undefined
  /** Between two comparisons of online and offline values; 0 or undefined: none. */
  readonly verifyMinutes?: number
  /** Of parameters in memory: MUSTER_RESIDENT_BYTES. Undefined: a quarter of the memory. */
  readonly residentBytes?: number | undefined
  /** What each tenant may send: MUSTER_TENANT_ROWS_PER_SECOND. Undefined: no bound of its own. */
  readonly tenantRowsPerSecond?: number | undefined
  /** The header that names the tenant, in lower case: MUSTER_TENANT_HEADER. */
  readonly tenantHeader?: string
  /** Processes that run imported models: MUSTER_RUNNERS. */
  readonly runners?: number
  /** MiB that the models of one of them may take: MUSTER_RUNNER_MEMORY_MB. */
  readonly runnerMemoryMb?: number
  /** From saying that it is not ready to taking no new connections: MUSTER_DRAIN_NOTICE_MS. */
  readonly drainNoticeMs?: number
  /** MUSTER_KEEP_PREDICTIONS and MUSTER_KEEP_PREDICTIONS_BYTES. */
  readonly keepPredictions?: KeepPredictions
  /** The standard OTEL_* variables. Undefined: nothing is traced. */
  readonly tracing?: TracingConfig | undefined
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])

/** Most workers that one machine is given: each holds a part of the data in memory. */
const workersMax = 64
/** Most runners: each is a process of 60 MB before it has a model. */
const runnersMax = 64
/** A terabyte: more is a slip of the pen. */
const residentBytesMax = 1_099_511_627_776

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) {
    throw new MusterError('E_USAGE', `${name} is "${text}"`, {
      field: name,
      hint: `set ${name} to a whole number from ${least} to ${most}`,
    })
  }
  return value
}

function readHeaderName(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(text)) return text.toLowerCase()
  throw new MusterError('E_USAGE', `MUSTER_TENANT_HEADER is "${text}"`, {
    field: 'MUSTER_TENANT_HEADER',
    hint: 'set the name of a header: X-Muster-Tenant',
  })
}

function readKeepPredictions(env: Readonly<Record<string, string | undefined>>): KeepPredictions {
  const text = env.MUSTER_KEEP_PREDICTIONS || `${keepPredictions.days}d`
  const [, days] = /^([1-9]\d{0,4})d$/.exec(text) ?? []
  if (days === undefined) {
    throw new MusterError('E_USAGE', `MUSTER_KEEP_PREDICTIONS is "${text}"`, {
      field: 'MUSTER_KEEP_PREDICTIONS',
      hint: 'set days: MUSTER_KEEP_PREDICTIONS=180d',
    })
  }
  const bytes = env.MUSTER_KEEP_PREDICTIONS_BYTES || String(keepPredictions.sizeBytes)
  const most = Number.MAX_SAFE_INTEGER
  const sizeBytes = wholeNumber('MUSTER_KEEP_PREDICTIONS_BYTES', bytes, 0, most)
  return { days: Number(days), sizeBytes }
}

function readGrpc(text: string | undefined, httpPort: number): Config['grpc'] {
  if (text === 'off') return undefined
  if (text) {
    const port = wholeNumber('MUSTER_GRPC_PORT', text, 0, 65_535)
    if (port !== 0 && port === httpPort) {
      throw new MusterError('E_USAGE', `MUSTER_GRPC_PORT is ${port}, which is the port of HTTP`, {
        field: 'MUSTER_GRPC_PORT',
        hint: 'set another, or leave it out for the next',
      })
    }
    return { port, isAskedFor: true }
  }
  // Port 0 is any free one, and so is the next then.
  return { port: httpPort === 0 ? 0 : httpPort + 1, isAskedFor: false }
}

/** The value may hold a password, and is never told. */
function readOnlineUrl(text: string | undefined): string | undefined {
  if (!text) return undefined
  if (/^rediss?:$/.test(URL.parse(text)?.protocol ?? '')) return text
  throw new MusterError('E_USAGE', 'MUSTER_ONLINE is not the URL of a Redis or Valkey', {
    field: 'MUSTER_ONLINE',
    hint: 'set redis://host:6379 or rediss://host:6379, or leave it out for the embedded store',
  })
}

/**
 * Throws E_USAGE for a value that cannot be meant, E_BIND for an address that needs authentication.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  fleetFolder: string,
  options: { readonly port?: number | undefined; readonly cores: number },
): Config {
  const host = env.MUSTER_HOST || '127.0.0.1'
  if (!loopback.has(host)) {
    throw new MusterError('E_BIND', `MUSTER_HOST is ${host}, which other machines can reach`, {
      field: 'MUSTER_HOST',
      hint: 'bind 127.0.0.1 and put a proxy that authenticates in front: Muster has no log-in yet',
    })
  }
  if (env.DATABASE_URL) checkDatabaseUrl(env.DATABASE_URL)
  const port = options.port ?? wholeNumber('MUSTER_PORT', env.MUSTER_PORT || '7077', 0, 65_534)
  const home = env.MUSTER_HOME || join(fleetFolder, '.muster')
  return {
    home: isAbsolute(home) ? home : resolve(fleetFolder, home),
    fleetFolder: resolve(fleetFolder),
    dataRoots: readDataRoots(env.MUSTER_DATA_ROOTS),
    connections: readConnections(env),
    host,
    port,
    grpc: readGrpc(env.MUSTER_GRPC_PORT, port),
    databaseUrl: env.DATABASE_URL || undefined,
    onlineUrl: readOnlineUrl(env.MUSTER_ONLINE),
    verifyMinutes: wholeNumber(
      'MUSTER_VERIFY_MINUTES',
      env.MUSTER_VERIFY_MINUTES || '60',
      0,
      10_080,
    ),
    residentBytes: env.MUSTER_RESIDENT_BYTES
      ? wholeNumber('MUSTER_RESIDENT_BYTES', env.MUSTER_RESIDENT_BYTES, 0, residentBytesMax)
      : undefined,
    tenantRowsPerSecond: env.MUSTER_TENANT_ROWS_PER_SECOND
      ? wholeNumber('MUSTER_TENANT_ROWS_PER_SECOND', env.MUSTER_TENANT_ROWS_PER_SECOND, 1, 1e9)
      : undefined,
    tenantHeader: readHeaderName(env.MUSTER_TENANT_HEADER || 'x-muster-tenant'),
    runners: wholeNumber('MUSTER_RUNNERS', env.MUSTER_RUNNERS || '2', 1, runnersMax),
    runnerMemoryMb: wholeNumber(
      'MUSTER_RUNNER_MEMORY_MB',
      env.MUSTER_RUNNER_MEMORY_MB || '512',
      64,
      65_536,
    ),
    keepPredictions: readKeepPredictions(env),
    tracing: readTracing(env),
    drainNoticeMs: wholeNumber(
      'MUSTER_DRAIN_NOTICE_MS',
      env.MUSTER_DRAIN_NOTICE_MS || '0',
      0,
      600_000,
    ),
    workers: wholeNumber(
      'MUSTER_WORKERS',
      env.MUSTER_WORKERS || String(Math.max(1, Math.min(options.cores, 8))),
      1,
      workersMax,
    ),
  }
}
