import type { Digest } from '../base/digest.ts'
import type { WorkInput } from '../fleet/index.ts'
import { workerLock } from './session.ts'
import type { Sql } from './sql.ts'

/** A job that is at work by its state, and has no living worker. */
export interface LostJob {
  readonly id: string
  readonly key: Digest
  readonly kind: WorkInput['kind']
  /** Null when its worker died before it could say that it has it. */
  readonly worker: number | null
  readonly retryCount: number
  readonly retryLimit: number
}

export async function claimJob(
  sql: Sql,
  claim: { readonly job: string; readonly step: Digest; readonly worker: number },
): Promise<void> {
  await sql.run(
    `insert into job_claim (job, step, worker) values ($1, $2, $3)
     on conflict (job) do update set worker = excluded.worker`,
    [claim.job, claim.step, claim.worker],
  )
}

export async function dropClaim(sql: Sql, job: string): Promise<void> {
  await sql.run('delete from job_claim where job = $1', [job])
}

/** Reads pg-boss' table of jobs: it has no call that tells jobs at work from others. */
export async function lostJobs(sql: Sql): Promise<readonly LostJob[]> {
  return sql.all(
    `select j.id, j.data->>'key' as "key", j.data->>'kind' as "kind", c.worker,
       j.retry_count as "retryCount", j.retry_limit as "retryLimit"
     from pgboss.job j left join job_claim c on c.job = j.id
     where j.name = 'step' and j.state = 'active' and not exists (
       select from pg_locks l
       where l.locktype = 'advisory' and l.granted and l.classid = $1::oid
         and l.objid = c.worker::oid and l.objsubid = 2
         and l.database = (select d.oid from pg_database d where d.datname = current_database())
     )`,
    [workerLock],
  )
}

export async function deadJobs(
  sql: Sql,
  queue: string,
  limit: number,
): Promise<
  readonly {
    readonly job: string
    readonly key: Digest
    readonly kind: WorkInput['kind']
    readonly at: Date
  }[]
> {
  return sql.all(
    `select id as "job", data->>'key' as "key", data->>'kind' as "kind", created_on as "at"
     from pgboss.job where name = $1 order by created_on desc limit $2`,
    [queue, limit],
  )
}
