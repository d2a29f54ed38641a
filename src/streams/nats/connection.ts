import type { NatsConnection as Connected } from '@nats-io/transport-node'
import type { NatsConnection } from '../../sources/index.ts'

const connectMs = 10_000
/** A half-open connection is found within two of these. */
const pingMs = 10_000

/** Reconnecting is ours, with jitter, as for every broker. */
export async function connectNats({ servers, tls, login }: NatsConnection): Promise<Connected> {
  const { connect } = await import('@nats-io/transport-node')
  return connect({
    servers: [...servers],
    reconnect: false,
    timeout: connectMs,
    pingInterval: pingMs,
    tls: tls ? {} : null,
    ...(login ? { user: login.user, pass: login.password } : {}),
  })
}

export async function lossOf(connected: Connected): Promise<Error> {
  return (await connected.closed()) ?? new Error('the broker closed it')
}
