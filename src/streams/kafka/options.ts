import type { KafkaConnection } from '../../sources/index.ts'

const connectMs = 10_000
/**
 * The client tries each of several things within one another so often. By its own second a wrong
 * password was told after half a minute; beyond these few, when to try again is ours to say.
 */
const retryMs = 100

/** What every client of the cluster is opened with. */
export function kafkaOptions({ servers, tls, login, mechanism }: KafkaConnection) {
  return {
    clientId: 'muster',
    bootstrapBrokers: [...servers],
    connectTimeout: connectMs,
    retries: 3,
    retryDelay: retryMs,
    ...(tls ? { tls: {} } : {}),
    ...(login ? { sasl: { mechanism, username: login.user, password: login.password } } : {}),
  }
}
