import { assert } from '../base/assert.ts'
import type { ModelName, PlanId, RunId } from '../base/ids.ts'
import { modelName, parentOf } from '../base/model-name.ts'
import type { MemberList, PlanBase } from '../fleet/index.ts'
import { notify } from './notices.ts'
import { readPlan, type StoredPlan } from './plans.ts'
import { type PublishedView, publishViews } from './published-views.ts'
import { chunksOf, type Sql, type Transactions } from './sql.ts'

/** Who a blueprint declares now; of every blueprint that the plan trains. */
export interface DeclaredFamily {
  readonly blueprint: string
  readonly members: MemberList
}

export interface CreatedRun {
  readonly id: RunId
  readonly blueprint: string
  readonly members: number
}

export type Adoption =
  | { readonly state: 'adopted'; readonly runs: readonly CreatedRun[] }
  | { readonly state: 'superseded'; readonly because: string }

/**
 * Makes a plan the target, if the world is still the one that it was made in: its parent is the
 * target, and the routes of every environment are of the generation it saw. One transaction: either
 * the members are declared, the retired ones leave their routes, the runs wait and the views that
 * the plan reads are published, or nothing happened. Adopting the target again is `adopted`.
 */
export async function adoptPlan(
  store: Transactions,
  id: PlanId,
  families: readonly DeclaredFamily[],
  views: readonly Pick<PublishedView, 'id' | 'digest' | 'means'>[] = [],
): Promise<Adoption> {
  return store.transaction(async sql => {
    // The lock that all adopters queue on; sealing takes a share of it, so no route moves
    // meanwhile.
    const target = await sql.one<{ plan: PlanId | null }>('select plan from target_plan for update')
    const plan = await readPlan(sql, id)
    if (!plan) return { state: 'superseded', because: `there is no plan ${id}` }
    if (target?.plan === id) return { state: 'adopted', runs: await runsOf(sql, id) }
    const because =
      whyNotChildOf(plan.base, target?.plan ?? null) ?? (await whyRoutesMoved(sql, plan.base))
    if (because) {
      if (plan.state === 'proposed') {
        await sql.run(`update plan set state = 'superseded' where id = $1`, [id])
      }
      return { state: 'superseded', because }
    }
    await follow(sql, plan)
    for (const family of families) await declare(sql, family)
    await retire(sql, plan)
    await createRuns(sql, plan)
    await publishViews(sql, id, views)
    await notify(sql, { kind: 'plan', plan: id })
    return { state: 'adopted', runs: await runsOf(sql, id) }
  })
}

function whyNotChildOf(base: PlanBase, target: PlanId | null): string | undefined {
  if (base.parent === target) return undefined
  const made = base.parent === null ? 'before any was applied' : `after ${base.parent}`
  return `it was made ${made}, and the fleet follows ${target}`
}

async function whyRoutesMoved(sql: Sql, base: PlanBase): Promise<string | undefined> {
  const names = Object.keys(base.generations).sort()
  const moved = await sql.one<{ name: string; seen: number; now: number }>(
    `select b.name, b.seen, coalesce(e.generation, 0) as "now"
     from unnest($1::text[], $2::bigint[]) as b (name, seen)
     left join environment e on e.name = b.name
     where coalesce(e.generation, 0) <> b.seen
     order by b.name limit 1`,
    [names, names.map(name => base.generations[name])],
  )
  if (!moved) return undefined
  return `the routes of ${moved.name} are at generation ${moved.now}, it was made at ${moved.seen}`
}

async function follow(sql: Sql, plan: StoredPlan): Promise<void> {
  await sql.run('update target_plan set plan = $1, spec = $2', [plan.id, plan.base.spec])
  await sql.run(`update plan set state = 'adopted', adopted_at = now() where id = $1`, [plan.id])
  await sql.run(`update plan set state = 'superseded' where state = 'proposed'`)
  await sql.run(
    `insert into environment (name) select unnest($1::text[]) on conflict (name) do nothing`,
    [Object.keys(plan.base.generations)],
  )
  // The new plan holds whatever the runs of older ones had not done yet.
  await sql.run(
    `update run set state = 'failed', because = 'superseded by ' || $1, finished_at = now()
     where state in ('waiting', 'running')`,
    [plan.id],
  )
}

async function declare(sql: Sql, family: DeclaredFamily): Promise<void> {
  const { blueprint, members } = family
  await sql.run(
    `insert into family (blueprint, key_length) values ($1, $2)
     on conflict (blueprint) do update set key_length = excluded.key_length`,
    [blueprint, members.levels.length - 1],
  )
  for (const [depth, level] of members.levels.entries()) {
    const named = level.keys.map((key, i) => ({
      name: modelName(blueprint, key),
      rows: level.rows[i] ?? 0,
    }))
    for (const some of chunksOf(named, 20_000)) {
      const names = some.map(m => m.name)
      await declareModels(sql, {
        blueprint,
        depth,
        names,
        parents: names.map(name => parentOf(name) ?? null),
        rows: some.map(m => m.rows),
      })
    }
  }
}

/** Names in no state yet become `declared`; one that was retired begins anew. */
async function declareModels(
  sql: Sql,
  given: {
    readonly blueprint: string
    readonly depth: number
    readonly names: readonly ModelName[]
    readonly parents: readonly (ModelName | null)[]
    readonly rows: readonly number[]
  },
): Promise<void> {
  await sql.run(
    `insert into model (name, blueprint, depth, parent, rows, state, reason, because)
     select d.name, $1, $2, d.parent, d.rows, 'declared', 'declared', 'declared, not trained yet'
     from unnest($3::text[], $4::text[], $5::bigint[]) as d (name, parent, rows)
     on conflict (name) do update set
       depth = excluded.depth, parent = excluded.parent, rows = excluded.rows,
       state = case when model.state = 'retired' then 'declared' else model.state end,
       reason = case when model.state = 'retired' then 'declared' else model.reason end,
       because = case when model.state = 'retired' then excluded.because else model.because end,
       recipe = case when model.state = 'retired' then null else model.recipe end,
       changed_at = now()
     where model.state = 'retired' or model.rows <> excluded.rows or model.depth <> excluded.depth`,
    [given.blueprint, given.depth, given.names, given.parents, given.rows],
  )
}

async function retire(sql: Sql, plan: StoredPlan): Promise<void> {
  for (const group of plan.groups.filter(g => g.action === 'retire')) {
    await sql.run(
      `update model set state = 'retired', reason = $2, because = $3, recipe = null,
         changed_at = now()
       where name = any ($1) and state <> 'retired'`,
      [group.members, group.reason, group.because],
    )
    const left = await sql.all<{ environment: string }>(
      `with gone as (
         delete from route where blueprint = $2 and model = any ($1) returning environment
       ) select distinct environment from gone order by environment`,
      [group.members, group.blueprint],
    )
    for (const { environment } of left) await nextGeneration(sql, environment, group.blueprint)
  }
}

/**
 * Locks the environment, counts its generation on, and stamps the family with it. Everything that
 * moves a route goes through here, inside its transaction.
 */
export async function nextGeneration(
  sql: Sql,
  environment: string,
  blueprint: string,
  run?: RunId,
): Promise<number> {
  const row = await sql.one<{ generation: number }>(
    `insert into environment (name, generation, changed_at) values ($1, 1, now())
     on conflict (name) do update
       set generation = environment.generation + 1, changed_at = now()
     returning generation`,
    [environment],
  )
  const generation = row?.generation ?? 0
  await sql.run(
    `insert into family_generation (environment, blueprint, generation, run)
     values ($1, $2, $3, $4)
     on conflict (environment, blueprint) do update set
       generation = excluded.generation, run = coalesce(excluded.run, family_generation.run)`,
    [environment, blueprint, generation, run ?? null],
  )
  await notify(sql, { kind: 'route', environment, blueprint, generation })
  return generation
}

/** One run a blueprint that trains, with the work that the plan fixed. */
async function createRuns(sql: Sql, plan: StoredPlan): Promise<void> {
  const groups = plan.groups.filter(g => g.action === 'train')
  const blueprints = [...new Set(groups.map(g => g.blueprint))]
  for (const blueprint of blueprints) {
    const own = groups.filter(g => g.blueprint === blueprint)
    const created = await sql.run(
      `insert into run (plan, blueprint, because, members, work)
       select p.id, w.blueprint, $3, $4, w.work
       from plan p join plan_work w on w.plan = p.number
       where p.id = $1 and w.blueprint = $2`,
      [
        plan.id,
        blueprint,
        [...new Set(own.map(g => g.because))].join('; '),
        own.reduce((sum, g) => sum + g.members.length, 0),
      ],
    )
    assert(created === 1, `the plan holds the work of ${blueprint}, which it trains`)
  }
}

async function runsOf(sql: Sql, plan: PlanId): Promise<readonly CreatedRun[]> {
  return sql.all('select id, blueprint, members from run where plan = $1 order by number', [plan])
}
