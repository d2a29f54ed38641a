import { assert } from '../base/assert.ts'
import { type Digest, digestOfValue } from '../base/digest.ts'
import type { ModelName, RunId } from '../base/ids.ts'
import type {
  Evidence,
  FitRow,
  LevelCount,
  Lineage,
  ModelState,
  Recipe,
  Verdict,
} from '../fleet/index.ts'
import { nextGeneration } from './adopt.ts'
import { putRecipes } from './models.ts'
import { notify } from './notices.ts'
import { chunksOf, json, type Sql, type Transactions } from './sql.ts'

/** A thousand members with their evidence are a few megabytes of JSON: one statement. */
const membersAtOnce = 1_000

export interface SealedMember {
  readonly name: ModelName
  readonly state: ModelState
  readonly reason: string
  readonly because: string
  /** Digest of one of `recipes`. */
  readonly recipe: Digest
  readonly fit: FitRow
  readonly verdict: Verdict
  /** What was fitted and judged, whether it will serve or not; undefined when the fit failed. */
  readonly version?:
    | {
        readonly digest: Digest
        readonly graph: Digest
        readonly pack: Digest
        readonly row: number
        /** Index into `lineages`. */
        readonly lineage: number
        readonly evidence: Evidence
      }
    | undefined
  /** `serve`: its version answers from now on. `remove`: an ancestor does. `keep`: as it was. */
  readonly route: 'serve' | 'remove' | 'keep'
}

export interface RunSeal {
  readonly run: RunId
  readonly environments: readonly string[]
  readonly lineages: readonly Lineage[]
  readonly recipes: ReadonlyMap<Digest, Recipe>
  readonly members: readonly SealedMember[]
  readonly levels: readonly LevelCount[]
  readonly reasons: Readonly<Record<string, number>>
}

export type Sealing =
  | { readonly state: 'sealed' }
  /** The run was sealed before; nothing was written. */
  | { readonly state: 'already' }
  /** The fleet follows another plan, or the run was given up; nothing was written. */
  | { readonly state: 'stale'; readonly because: string }

/**
 * Records what a run made: versions, verdicts, states, and routes of the next generation, in one
 * transaction. Said again, it changes nothing: a sealed run is known, equal bytes keep their
 * version's number, and a run of a plan that is no longer the target is fenced off. Only runs of
 * the target move routes, one a family, so its champions are still those it was judged against.
 */
export async function sealRun(store: Transactions, seal: RunSeal): Promise<Sealing> {
  return store.transaction(sql => sealIn(sql, seal))
}

async function sealIn(sql: Sql, seal: RunSeal): Promise<Sealing> {
  // Adoption takes this row for itself, so the target cannot change until we commit.
  const target = await sql.one<{ plan: string | null }>('select plan from target_plan for share')
  const run = await sql.one<{ plan: string; blueprint: string; sealed: boolean; state: string }>(
    `select plan, blueprint, sealed_at is not null as "sealed", state
     from run where id = $1 for update`,
    [seal.run],
  )
  assert(run, `the run ${seal.run} is known`)
  if (run.sealed) return { state: 'already' }
  if (run.plan !== target?.plan) {
    return { state: 'stale', because: `the fleet follows ${target?.plan}, the run ${run.plan}` }
  }
  if (run.state === 'failed') return { state: 'stale', because: 'the run has failed' }
  await putRecipes(sql, seal.recipes)
  const lineages = seal.lineages.map(lineage => digestOfValue(lineage))
  await putLineages(sql, seal.lineages, lineages)
  for (const some of chunksOf(seal.members, membersAtOnce)) {
    const fresh = await putVersions(sql, seal.run, run.plan, some, lineages)
    await putJudgements(sql, seal.run, some, fresh)
  }
  for (const some of chunksOf(seal.members, 20_000)) await setModels(sql, some)
  for (const environment of [...seal.environments].sort()) {
    await moveRoutes(sql, seal, environment, run.blueprint)
  }
  await leaveOthers(sql, seal.environments, run.blueprint)
  await sql.run(
    `update run set sealed_at = now(), state = 'running', levels = $2, reasons = $3,
       started_at = coalesce(started_at, now())
     where id = $1`,
    [seal.run, json(seal.levels), json(seal.reasons)],
  )
  await notify(sql, { kind: 'run', run: seal.run })
  return { state: 'sealed' }
}

async function putLineages(
  sql: Sql,
  lineages: readonly Lineage[],
  digests: readonly Digest[],
): Promise<void> {
  await sql.run(
    `insert into lineage (digest, body)
     select l.digest, l.body from jsonb_to_recordset($1) as l (digest text, body jsonb)
     on conflict (digest) do nothing`,
    [json(lineages.map((body, i) => ({ digest: digests[i], body })))],
  )
}

/** Gives the names whose version is new; equal bytes were there before and keep their number. */
async function putVersions(
  sql: Sql,
  run: RunId,
  plan: string,
  members: readonly SealedMember[],
  lineages: readonly Digest[],
): Promise<ReadonlySet<ModelName>> {
  const rows = members.flatMap(({ name, version, fit, verdict }) => {
    if (!version) return []
    const { lineage, ...bytes } = version
    assert(lineages[lineage], 'a version names one of the lineages')
    return [{ model: name, ...bytes, lineage: lineages[lineage], fit, verdict }]
  })
  if (rows.length === 0) return new Set()
  const fresh = await sql.all<{ model: ModelName }>(
    `insert into version
       (model, number, digest, run, plan, graph, pack, row, lineage, fit, evidence, verdict)
     select g.model,
       coalesce((select max(v.number) from version v where v.model = g.model), 0) + 1,
       g.digest, $2, $3, g.graph, g.pack, g.row, g.lineage, g.fit, g.evidence, g.verdict
     from json_to_recordset($1) as g (
       model text, digest text, graph text, pack text, row int, lineage text,
       fit json, evidence json, verdict json
     )
     on conflict (model, digest) do nothing
     returning model`,
    [json(rows), run, plan],
  )
  return new Set(fresh.map(row => row.model))
}

async function putJudgements(
  sql: Sql,
  run: RunId,
  members: readonly SealedMember[],
  fresh: ReadonlySet<ModelName>,
): Promise<void> {
  const rows = members.map(({ name, version, fit, verdict }) => ({
    model: name,
    version: version?.digest,
    ...(fresh.has(name) ? {} : { fit, verdict, evidence: version?.evidence }),
  }))
  await sql.run(
    `insert into judgement (model, run, version, fit, evidence, verdict)
     select g.model, $2, g.version, g.fit, g.evidence, g.verdict
     from json_to_recordset($1) as g (
       model text, version text, fit json, evidence json, verdict json
     )
     on conflict (model) do update set
       run = excluded.run, version = excluded.version, fit = excluded.fit,
       evidence = excluded.evidence, verdict = excluded.verdict`,
    [json(rows), run],
  )
}

async function setModels(sql: Sql, members: readonly SealedMember[]): Promise<void> {
  await sql.run(
    `update model set state = g.state, reason = g.reason, because = g.because,
       recipe = g.recipe, changed_at = now()
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
       as g (name, state, reason, because, recipe)
     where model.name = g.name and model.state <> 'retired'`,
    [
      members.map(m => m.name),
      members.map(m => m.state),
      members.map(m => m.reason),
      members.map(m => m.because),
      members.map(m => m.recipe),
    ],
  )
}

/** Environments that the blueprint no longer names have no routes of it any more. */
async function leaveOthers(
  sql: Sql,
  environments: readonly string[],
  blueprint: string,
): Promise<void> {
  const left = await sql.all<{ environment: string }>(
    `with gone as (
       delete from route where blueprint = $1 and environment <> all ($2) returning environment
     ) select distinct environment from gone order by environment`,
    [blueprint, environments],
  )
  for (const { environment } of left) await nextGeneration(sql, environment, blueprint)
}

async function moveRoutes(
  sql: Sql,
  seal: RunSeal,
  environment: string,
  blueprint: string,
): Promise<void> {
  const generation = await nextGeneration(sql, environment, blueprint, seal.run)
  const removed = seal.members.filter(m => m.route === 'remove').map(m => m.name)
  await sql.run('delete from route where environment = $1 and model = any ($2)', [
    environment,
    removed,
  ])
  const serving = seal.members.filter(m => m.route === 'serve')
  for (const some of chunksOf(serving, 20_000)) {
    const pointed = await sql.run(
      `insert into route
         (environment, model, blueprint, version, version_digest, graph, pack, row, generation)
       select $1, v.model, $2, v.number, v.digest, v.graph, v.pack, v.row, $3
       from unnest($4::text[], $5::text[]) as g (model, digest)
       join version v on v.model = g.model and v.digest = g.digest
       on conflict (environment, model) do update set
         version = excluded.version, version_digest = excluded.version_digest,
         graph = excluded.graph, pack = excluded.pack, row = excluded.row,
         generation = excluded.generation,
         since = case when route.version_digest = excluded.version_digest
           then route.since else excluded.since end`,
      [
        environment,
        blueprint,
        generation,
        some.map(m => m.name),
        some.map(m => m.version?.digest ?? null),
      ],
    )
    assert(pointed === some.length, 'every member that serves has a version')
  }
}
