import type { Digest } from '../base/digest.ts'
import type { ModelName, PlanId } from '../base/ids.ts'
import type { Plan, RunWork } from '../fleet/index.ts'
import { chunksOf, json, type Sql, type Transactions } from './sql.ts'

export type PlanState = 'proposed' | 'adopted' | 'superseded'

/** A plan without its lists of members: for lists of plans. */
export interface PlanHead extends Omit<Plan, 'groups'> {
  readonly state: PlanState
  readonly groups: readonly Omit<Plan['groups'][number], 'members'>[]
}

export interface StoredPlan extends Plan {
  readonly state: PlanState
}

interface HeadRow {
  readonly id: PlanId
  readonly digest: Digest
  readonly state: PlanState
  readonly head: Pick<Plan, 'fleet' | 'base' | 'totals' | 'notes'> & Pick<PlanHead, 'groups'>
  readonly createdAt: Date
}

const headColumns = 'id, digest, state, head, created_at as "createdAt"'

function toHead(row: HeadRow): PlanHead {
  const { fleet, base, totals, notes } = row.head
  const groups = row.head.groups.map(g => ({ ...g, expectedSeconds: g.expectedSeconds }))
  const { id, digest, state, createdAt } = row
  return { id, digest, state, createdAt, fleet, base, totals, notes, groups }
}

/**
 * Keeps a plan, with the work of each blueprint that it trains, and gives it its number. The same
 * plan again (by digest, so in the same world) is the one that was kept.
 */
export async function recordPlan(
  store: Transactions,
  draft: Omit<Plan, 'id' | 'createdAt'>,
  works: ReadonlyMap<string, RunWork>,
): Promise<StoredPlan> {
  const { digest, fleet, base, totals, notes } = draft
  const groups = draft.groups.map(({ members: _, ...group }) => group)
  const row = await store.transaction(async sql => {
    const fresh = await sql.one<HeadRow & { number: number }>(
      // Looked for first: a conflict takes a number too, and people would miss it in the list.
      `insert into plan (digest, parent, head) select $1, $2, $3::jsonb
       where not exists (select from plan p where p.digest = $1)
       on conflict (digest) do nothing returning number, ${headColumns}`,
      [digest, base.parent, json({ fleet, base, totals, notes, groups })],
    )
    if (!fresh) return undefined
    for (const [index, group] of draft.groups.entries()) {
      await sql.run('insert into plan_members (plan, group_index, members) values ($1, $2, $3)', [
        fresh.number,
        index,
        json(group.members),
      ])
    }
    for (const some of chunksOf([...works], 20)) {
      await sql.run(
        `insert into plan_work (plan, blueprint, work)
         select $1, w.blueprint, w.work
         from jsonb_to_recordset($2) as w (blueprint text, work jsonb)`,
        [fresh.number, json(some.map(([blueprint, work]) => ({ blueprint, work })))],
      )
    }
    return fresh
  })
  const known =
    row ??
    (await store.one<HeadRow>(`select ${headColumns} from plan where digest = $1`, [digest]))!
  return { ...draft, id: known.id, state: known.state, createdAt: known.createdAt }
}

export async function readPlan(sql: Sql, id: PlanId): Promise<StoredPlan | undefined> {
  const head = await readPlanHead(sql, id)
  if (!head) return undefined
  // Not `jsonb_agg` in one statement: over a list of 100,000 names it takes more than ten seconds.
  const lists = await sql.all<{ members: readonly ModelName[] }>(
    `select m.members from plan p join plan_members m on m.plan = p.number
     where p.id = $1 order by m.group_index`,
    [id],
  )
  const groups = head.groups.map((group, i) => ({ ...group, members: lists[i]?.members ?? [] }))
  return { ...head, groups }
}

export async function readPlanHead(sql: Sql, id: PlanId): Promise<PlanHead | undefined> {
  const row = await sql.one<HeadRow>(`select ${headColumns} from plan where id = $1`, [id])
  return row && toHead(row)
}

/** Newest first, beginning after the plan `after`. */
export async function listPlans(
  sql: Sql,
  page: { readonly limit: number; readonly after?: PlanId | undefined },
): Promise<readonly PlanHead[]> {
  const rows = await sql.all<HeadRow>(
    `select ${headColumns} from plan
     where $2::text is null or number < (select p.number from plan p where p.id = $2)
     order by number desc limit $1`,
    [page.limit, page.after ?? null],
  )
  return rows.map(toHead)
}

export interface PlannedMember {
  readonly name: ModelName
  /** Index into the plan's groups. */
  readonly group: number
}

/** Members of a plan in order of name, beginning after the name `after`. */
export async function listPlanMembers(
  sql: Sql,
  id: PlanId,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly PlannedMember[]> {
  return sql.all(
    `select n.name as "name", m.group_index as "group"
     from plan p join plan_members m on m.plan = p.number,
       jsonb_array_elements_text(m.members) as n (name)
     where p.id = $1 and ($3::text is null or n.name collate "C" > $3)
     order by n.name collate "C" limit $2`,
    [id, page.limit, page.after ?? null],
  )
}

/** The plan that the fleet is brought to, or null before the first. */
export async function targetPlan(sql: Sql): Promise<PlanId | null> {
  const row = await sql.one<{ plan: PlanId | null }>('select plan from target_plan')
  return row?.plan ?? null
}

/** What each blueprint that the plan trains will carry out. */
export async function readPlanWorks(
  sql: Sql,
  id: PlanId,
): Promise<readonly (readonly [blueprint: string, work: RunWork])[]> {
  const rows = await sql.all<{ blueprint: string; work: RunWork }>(
    `select w.blueprint, w.work from plan p join plan_work w on w.plan = p.number
     where p.id = $1 order by w.blueprint`,
    [id],
  )
  return rows.map(({ blueprint, work }) => [blueprint, work])
}
