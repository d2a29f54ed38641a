import pg from 'pg'
import type { PostgresConnection } from '../../sources/index.ts'
import { keptOutput } from '../kept-output.ts'
import type { StreamOutput } from '../message.ts'

const connectMs = 10_000
const statementMs = 10_000

/**
 * A table of another PostgreSQL, which its owner makes: (id text primary key, result jsonb). A row
 * whose id is there already is the same result delivered again, and is left as it is.
 */
export function postgresOutput({ url }: PostgresConnection, table: string): StreamOutput {
  const into = table.split('.').map(pg.escapeIdentifier).join('.')
  return keptOutput(async () => {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'muster sink',
      connectionTimeoutMillis: connectMs,
      statement_timeout: statementMs,
      keepAlive: true,
    })
    const { promise: lost, resolve: lose } = Promise.withResolvers<Error>()
    client.on('error', lose)
    client.on('end', () => lose(new Error('the database closed it')))
    await client.connect()
    return {
      send: async messages => {
        await client.query(
          `insert into ${into} (id, result)
           select * from unnest($1::text[], $2::jsonb[]) on conflict (id) do nothing`,
          [messages.map(({ id }) => id), messages.map(({ body }) => Buffer.from(body).toString())],
        )
        return messages.map(() => undefined)
      },
      lost,
      close: () => client.end(),
    }
  })
}
