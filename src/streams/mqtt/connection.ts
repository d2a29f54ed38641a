import type { IClientOptions, MqttClient } from 'mqtt'
import type { MqttConnection } from '../../sources/index.ts'

const connectMs = 10_000
/** A half-open connection is found within one and a half of these. */
const keepAliveSeconds = 15

/** MQTT 5, with the first connection still to be made. Later ones are ours to make, with jitter. */
export async function mqttClient(
  { url, login }: MqttConnection,
  options: IClientOptions,
): Promise<MqttClient> {
  const { connect } = await import('mqtt')
  const client = connect(url, {
    protocolVersion: 5,
    manualConnect: true,
    reconnectPeriod: 0,
    connectTimeout: connectMs,
    keepalive: keepAliveSeconds,
    ...(login ? { username: login.user, password: login.password } : {}),
    ...options,
  })
  // Unheard, an error of a connection would end us; its loss is told by `lossOf`.
  client.on('error', () => {})
  return client
}

/** Throws when the connection is refused or lost before it stands. */
export async function connected(client: MqttClient): Promise<MqttClient> {
  const lost = lossOf(client)
  client.connect()
  await Promise.race([
    new Promise(resolve => client.once('connect', resolve)),
    lost.then(error => {
      throw error
    }),
  ])
  return client
}

const closeMs = 5_000

/** In order, so that the broker has read every acknowledgement; at once when it does not answer. */
export async function closed(client: MqttClient): Promise<void> {
  if (!client.connected) return client.endAsync(true)
  const timer = setTimeout(() => client.end(true), closeMs)
  await client.endAsync(false)
  clearTimeout(timer)
}

/** Resolves with the reason at the end of the connection. */
export function lossOf(client: MqttClient): Promise<Error> {
  const { promise, resolve } = Promise.withResolvers<Error>()
  client.on('error', resolve)
  client.on('disconnect', () => resolve(new Error('the broker ended it')))
  client.on('close', () => resolve(new Error('the broker closed it')))
  return promise
}
