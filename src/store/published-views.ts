import type { Digest } from '../base/digest.ts'
import type { PlanId } from '../base/ids.ts'
import type { ViewMeaning } from '../spec/index.ts'
import { json, type Sql } from './sql.ts'

/** A version of a view as it was when a plan that reads it was adopted. */
export interface PublishedView {
  /** `name@version`. */
  readonly id: string
  readonly digest: Digest
  readonly means: ViewMeaning
  readonly plan: PlanId
  readonly at: Date
}

const columns = 'id, digest, means, plan, at'

/** What is published already stays as it is. */
export async function publishViews(
  sql: Sql,
  plan: PlanId,
  views: readonly Pick<PublishedView, 'id' | 'digest' | 'means'>[],
): Promise<void> {
  await sql.run(
    `insert into published_view (id, digest, means, plan)
     select v.id, v.digest, v.means, $2
     from jsonb_to_recordset($1) as v (id text, digest text, means jsonb)
     on conflict (id) do nothing`,
    [json(views), plan],
  )
}

/** Those of the ids that are published, in order of id. */
export async function publishedViews(
  sql: Sql,
  ids: readonly string[],
): Promise<readonly PublishedView[]> {
  return sql.all(`select ${columns} from published_view where id = any ($1) order by id`, [ids])
}

/** The largest version of a view that is published; 0 when none is. */
export async function newestPublished(sql: Sql, name: string): Promise<number> {
  const row = await sql.one<{ newest: number }>(
    `select coalesce(max(split_part(id, '@', 2)::int), 0) as "newest"
     from published_view where split_part(id, '@', 1) = $1`,
    [name],
  )
  return row?.newest ?? 0
}
