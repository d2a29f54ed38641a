import { MusterError } from '../base/errors.ts'
import {
  type BrokerConnection,
  brokerForms,
  readBrokerConnection,
  type WebhookConnection,
} from './broker-connections.ts'

/*
 * A declaration names a connection; whoever runs Muster says in the environment what it is. So no
 * declaration can reach a place that the operator did not open, and no secret stands in version
 * control. Addresses and secrets leave this folder in no error, log or answer.
 */

export interface PostgresConnection {
  readonly kind: 'postgres'
  readonly url: string
}

export interface S3Connection {
  readonly kind: 's3'
  /** `https://host:port`. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** Undefined: those that the SDK finds by itself, in AWS_* or the role of the machine. */
  readonly credentials:
    | { readonly accessKeyId: string; readonly secretAccessKey: string }
    | undefined
}

export type Connection = PostgresConnection | S3Connection | BrokerConnection | WebhookConnection

/** The connections of this server, by name. Printed or logged, it shows nothing. */
export class Connections {
  readonly #byName: ReadonlyMap<string, Connection>

  constructor(byName: ReadonlyMap<string, Connection>) {
    this.#byName = byName
  }

  /** In order. */
  get names(): readonly string[] {
    return [...this.#byName.keys()].sort()
  }

  /** Throws E_SOURCE when there is none of this name, with the names that there are. */
  get(name: string): Connection {
    const found = this.#byName.get(name)
    if (found) return found
    const others = this.names.map(other => `\`${other}\``).join(', ')
    throw new MusterError('E_SOURCE', `there is no connection \`${name}\``, {
      hint: others
        ? `name one of ${others}, or start Muster with ${variableOf(name)}`
        : `start Muster with ${variableOf(name)}=postgres://..., s3://..., amqp://... and the like`,
    })
  }

  /** Throws E_SOURCE when the connection is of another kind. */
  of<Kind extends Connection['kind']>(
    name: string,
    kind: Kind,
  ): Extract<Connection, { readonly kind: Kind }> {
    const found = this.get(name)
    if (found.kind === kind) return found as Extract<Connection, { readonly kind: Kind }>
    throw new MusterError('E_SOURCE', `the connection \`${name}\` is ${found.kind}, not ${kind}`, {
      hint: `name one of ${kind}://..., or set ${variableOf(name)} to that`,
    })
  }
}

const prefix = 'MUSTER_CONNECTION_'

/** The variable that says what a connection is. */
export function variableOf(name: string): string {
  return `${prefix}${name.toUpperCase().replaceAll('-', '_')}`
}

/**
 * Reads MUSTER_CONNECTION_<NAME>: `postgres://user:password@host:5432/database`, or
 * `s3://key:secret@host:9000/bucket?region=eu-central-1&tls=false`, or one of `brokerForms`. The
 * name is lower-cased, with - for _. Throws E_USAGE or E_EGRESS_DENIED naming the variable and
 * never its value.
 */
export function readConnections(env: Readonly<Record<string, string | undefined>>): Connections {
  const byName = new Map<string, Connection>()
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || !value) continue
    const name = variable.slice(prefix.length).toLowerCase().replaceAll('_', '-')
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name) || variableOf(name) !== variable) {
      throw wrong(variable, 'names no connection', 'use capital letters, digits and _')
    }
    byName.set(name, readConnection(variable, value))
  }
  return new Connections(byName)
}

const forms = 'postgres://user:password@host:5432/database or s3://key:secret@host:9000/bucket'

function readConnection(variable: string, value: string): Connection {
  const broker = readBrokerConnection(value, (what, hint) => wrong(variable, what, hint))
  if (broker !== undefined) return broker
  // The error of URL itself holds the whole text, so it is not kept as a cause.
  const url = URL.parse(value)
  if (!url?.hostname) throw wrong(variable, 'is no address', `of the form ${forms}, with %-escapes`)
  if (/^postgres(?:ql)?:$/.test(url.protocol)) {
    if (url.pathname.length < 2) throw wrong(variable, 'names no database', `write ${forms}`)
    return { kind: 'postgres', url: value }
  }
  if (url.protocol === 's3:') return readS3(variable, url)
  const others = Object.values(brokerForms).join(', ')
  throw wrong(variable, 'is of no kind that is known', `write ${forms}, ${others}`)
}

function readS3(variable: string, url: URL): S3Connection {
  const bucket = url.pathname.slice(1).replace(/\/$/, '')
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw wrong(variable, 'names no bucket', 'write s3://key:secret@host:9000/bucket')
  }
  const unknown = [...url.searchParams.keys()].find(key => key !== 'region' && key !== 'tls')
  const tls = url.searchParams.get('tls') ?? 'true'
  if (unknown !== undefined || !['true', 'false'].includes(tls)) {
    throw wrong(variable, 'has a wrong option', 'use ?region=eu-central-1 and &tls=false')
  }
  if ((url.username === '') !== (url.password === '')) {
    throw wrong(variable, 'has half of its credentials', 'write both: s3://key:secret@host/bucket')
  }
  return {
    kind: 's3',
    endpoint: `${tls === 'true' ? 'https' : 'http'}://${url.host}`,
    region: url.searchParams.get('region') ?? 'us-east-1',
    bucket,
    credentials:
      url.username === ''
        ? undefined
        : {
            accessKeyId: unescaped(variable, url.username),
            secretAccessKey: unescaped(variable, url.password),
          },
  }
}

function unescaped(variable: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong(variable, 'has a stray %', 'write % itself as %25, / as %2F, + as %2B')
  }
}

function wrong(variable: string, what: string, hint: string): MusterError {
  return new MusterError('E_USAGE', `${variable} ${what}`, { field: variable, hint })
}
