import pg from 'pg'
import { MusterError } from '../../base/errors.ts'
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
    let last: Promise<unknown> = Promise.resolve()
    return {
      send: async messages => {
        const ids = messages.map(({ id }) => id)
        const results = messages.map(({ body }) => Buffer.from(body).toString())
        // One after another: the client takes no second statement during the first.
        const inserted = last.then(() =>
          client.query(
            `insert into ${into} (id, result)
             select * from unnest($1::text[], $2::jsonb[]) on conflict (id) do nothing`,
            [ids, results],
          ),
        )
        last = inserted.catch(() => {})
        await inserted.catch(refused)
        return messages.map(() => undefined)
      },
      lost,
      close: () => client.end(),
    }
  })
}

/**
 * What a table refuses for its values (SQLSTATE 22, 23, 54) it will refuse again. All else is seen
 * to by its owner, and waits: no such table, no right, no room.
 */
function refused(error: unknown): never {
  const { code } = error as { readonly code?: string }
  if (!/^(?:22|23|54)/.test(code ?? '')) throw error
  throw new MusterError('E_SINK', `the table refuses the result: SQLSTATE ${code}`, {
    hint: 'see to its constraints, then replay the letter',
    cause: error,
  })
}
