import type { KafkaConnection } from '../../sources/index.ts'

const connectMs = 10_000

/** What every client of the cluster is opened with. */
export function kafkaOptions({ servers, tls, login, mechanism }: KafkaConnection) {
  return {
    clientId: 'muster',
    bootstrapBrokers: [...servers],
    connectTimeout: connectMs,
    retries: 3,
    ...(tls ? { tls: {} } : {}),
    ...(login ? { sasl: { mechanism, username: login.user, password: login.password } } : {}),
  }
}
