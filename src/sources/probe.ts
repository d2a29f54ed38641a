import { connect as dial } from 'node:net'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import {
  type BrokerConnection,
  firstServerOf,
  type WebhookConnection,
} from './broker-connections.ts'
import {
  type Connection,
  type Connections,
  type PostgresConnection,
  type S3Connection,
  variableOf,
} from './connections.ts'
import { connect, connectReason } from './postgres-session.ts'
import { bucketReason, openBucket } from './s3.ts'

/** Whether a connection can be used now; a fault comes with its cure, and never with an address. */
export interface Probe {
  readonly ok: boolean
  readonly detail: string
  readonly cure: string | null
}

/** A person waits. */
const probeMs = 5_000

export async function probeConnection(name: string, connections: Connections): Promise<Probe> {
  const connection = connections.get(name)
  const faulty = (reason: string): Probe => ({
    ok: false,
    detail: reason,
    cure: `see that its server is up, and that ${variableOf(name)} is right`,
  })
  const { promise: late, resolve } = Promise.withResolvers<Probe>()
  const timer = setTimeout(() => resolve(faulty('it does not answer in time')), probeMs)
  const probe = probeOf(connection).catch(error => faulty(reasonOf(connection, error)))
  try {
    return await Promise.race([probe, late])
  } finally {
    clearTimeout(timer)
  }
}

function probeOf(connection: Connection): Promise<Probe> {
  switch (connection.kind) {
    case 'postgres':
      return probePostgres(connection)
    case 's3':
      return probeBucket(connection)
    default:
      return probeServer(connection)
  }
}

function reasonOf({ kind }: Connection, error: unknown): string {
  if (kind === 'postgres') return connectReason(error)
  return kind === 's3' ? bucketReason(error) : 'no connection can be made to it'
}

/** Only whether it listens: to log in would leave traces in brokers, to post would be a message. */
function probeServer(connection: BrokerConnection | WebhookConnection): Promise<Probe> {
  return new Promise((resolve, reject) => {
    const socket = dial({ ...firstServerOf(connection), timeout: probeMs })
    socket.on('connect', () => {
      socket.destroy()
      resolve({ ok: true, detail: 'a port is open; whoever uses it logs in', cure: null })
    })
    socket.on('timeout', () => socket.destroy(new Error('it does not answer in time')))
    socket.on('error', reject)
  })
}

async function probePostgres({ url }: PostgresConnection): Promise<Probe> {
  const client = await connect(url, probeMs)
  try {
    const { rows } = await client.query<{ version: string; superuser: string }>(
      `select current_setting('server_version') as version,
       current_setting('is_superuser') as superuser`,
    )
    const { version, superuser } = rows[0]!
    const may = superuser === 'on' ? ', its role may do everything: give it one that reads' : ''
    return { ok: true, detail: `PostgreSQL ${version}${may}`, cure: null }
  } finally {
    await client.end()
  }
}

async function probeBucket(connection: S3Connection): Promise<Probe> {
  const client = openBucket(connection, 1)
  try {
    await client.send(new ListObjectsV2Command({ Bucket: connection.bucket, MaxKeys: 1 }))
    return { ok: true, detail: 'its bucket can be listed', cure: null }
  } finally {
    client.destroy()
  }
}
