import { isAbsolute, join, resolve } from 'node:path'
import { MusterError } from '../base/errors.ts'
import { type Connections, readConnections } from '../sources/index.ts'
import { readDataRoots } from '../spec/index.ts'
import { checkDatabaseUrl } from '../store/index.ts'

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
  /** An external PostgreSQL; undefined: the embedded one. */
  readonly databaseUrl: string | undefined
  readonly workers: number
  /** A Redis or Valkey for online features: MUSTER_ONLINE. Undefined: the embedded store. */
  readonly onlineUrl?: string | undefined
  /** Between two comparisons of online and offline values; 0 or undefined: none. */
  readonly verifyMinutes?: number
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])

/** Most workers that one machine is given: each holds a part of the data in memory. */
const workersMax = 64

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) {
    throw new MusterError('E_USAGE', `${name} is "${text}"`, {
      field: name,
      hint: `set ${name} to a whole number from ${least} to ${most}`,
    })
  }
  return value
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
  const home = env.MUSTER_HOME || join(fleetFolder, '.muster')
  return {
    home: isAbsolute(home) ? home : resolve(fleetFolder, home),
    fleetFolder: resolve(fleetFolder),
    dataRoots: readDataRoots(env.MUSTER_DATA_ROOTS),
    connections: readConnections(env),
    host,
    port: options.port ?? wholeNumber('MUSTER_PORT', env.MUSTER_PORT || '7077', 0, 65_535),
    databaseUrl: env.DATABASE_URL || undefined,
    onlineUrl: readOnlineUrl(env.MUSTER_ONLINE),
    verifyMinutes: wholeNumber(
      'MUSTER_VERIFY_MINUTES',
      env.MUSTER_VERIFY_MINUTES || '60',
      0,
      10_080,
    ),
    workers: wholeNumber(
      'MUSTER_WORKERS',
      env.MUSTER_WORKERS || String(Math.max(1, Math.min(options.cores, 8))),
      1,
      workersMax,
    ),
  }
}
