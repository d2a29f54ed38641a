import type { ImpactAnswer, ImpactAsk } from '../contract/index.ts'
import { type ColumnIndex, columnsNamed } from '../features/index.ts'
import { roleOf } from '../fleet/index.ts'
import { impactOf, readImpactOf } from '../plan/index.ts'
import type { FleetSpec } from '../spec/index.ts'
import {
  countModels,
  countRoutes,
  families,
  latestSnapshot,
  listModels,
  type Sql,
} from '../store/index.ts'
import { nearestNames, notDeclared } from './catalogue.ts'
import { entriesOf } from './catalogue-entries.ts'
import type { DeskParts } from './desk-parts.ts'

/** What a change would touch. The declaration says which blueprints; PostgreSQL counts them. */
export async function impact(
  { fleet, store }: Pick<DeskParts, 'fleet' | 'store'>,
  ask: ImpactAsk,
): Promise<Omit<ImpactAnswer, 'nextCursor'>> {
  const spec = await fleet.spec()
  if (!spec) throw notDeclared(`\`${ask.of}\`: nothing was applied yet`, [])
  const changes = readImpactOf(spec, ask.of)
  if (changes.length === 0) {
    throw notDeclared(
      `\`${ask.of}\``,
      nearestNames(
        ask.of,
        entriesOf(spec).map(e => e.name),
      ),
    )
  }
  for (const change of changes) {
    if (change.kind === 'column') await refuseUnknownColumn(store, change.source, change.column)
  }
  const named = changes.some(c => c.kind === 'column') ? await namedBy(spec) : new Map()
  const { groups, views, labels, blueprints } = impactOf(spec, changes, named)
  const names = blueprints.map(blueprint => blueprint.name)
  const counted = await countsOf(store, names)
  const models = await listModels(
    store,
    { blueprints: names, states: liveStates },
    { sort: 'name', limit: ask.limit, after: ask.after },
  )
  return {
    of: ask.of,
    is: [...new Set(changes.map(change => change.kind))],
    groups: groups.map(group => ({ name: group.name, features: [...group.features] })),
    views: views.map(touched),
    labels: labels.map(touched),
    blueprints: blueprints.map(blueprint => ({
      ...touched(blueprint),
      view: blueprint.view,
      models: counted.byBlueprint.get(blueprint.name) ?? 0,
    })),
    models: counted.models,
    routes: await routesOf(store, new Set(names)),
    items: models.map(({ name, blueprint, depth, state }) => ({
      name,
      level: roleOf(depth, counted.keyLengths.get(blueprint) ?? depth),
      state,
    })),
  }
}

const liveStates = ['declared', 'serving', 'inherited', 'refused', 'failed'] as const

function touched({ name, by }: { readonly name: string; readonly by: readonly string[] }) {
  return { name, by: [...by] }
}

const indices = new WeakMap<FleetSpec, Promise<ColumnIndex>>()

/** Read once for each declaration: a thousand expressions take a second to parse. */
function namedBy(spec: FleetSpec): Promise<ColumnIndex> {
  const known = indices.get(spec) ?? columnsNamed(spec)
  indices.set(spec, known)
  return known
}

async function refuseUnknownColumn(sql: Sql, source: string, column: string): Promise<void> {
  const columns = (await latestSnapshot(sql, source))?.columns.map(c => c.name)
  if (!columns || columns.some(name => name.toLowerCase() === column.toLowerCase())) return
  const near = nearestNames(column, columns).map(name => `${source}.${name}`)
  throw notDeclared(`column \`${column}\` in source \`${source}\``, near)
}

async function countsOf(sql: Sql, blueprints: readonly string[]) {
  const keyLengths = new Map((await families(sql)).map(f => [f.blueprint, f.keyLength]))
  const byBlueprint = new Map<string, number>()
  const models: ImpactAnswer['models'] = { total: 0, byState: {}, byLevel: {} }
  const counts = await countModels(sql, { blueprints, states: liveStates })
  for (const { blueprint, depth, state, models: count } of counts) {
    const level = roleOf(depth, keyLengths.get(blueprint) ?? depth)
    byBlueprint.set(blueprint, (byBlueprint.get(blueprint) ?? 0) + count)
    models.total += count
    models.byState[state] = (models.byState[state] ?? 0) + count
    models.byLevel[level] = (models.byLevel[level] ?? 0) + count
  }
  return { keyLengths, byBlueprint, models }
}

async function routesOf(
  sql: Sql,
  blueprints: ReadonlySet<string>,
): Promise<ImpactAnswer['routes']> {
  const counts = new Map<string, number>()
  for (const { environment, blueprint, models } of await countRoutes(sql)) {
    if (blueprints.has(blueprint)) counts.set(environment, (counts.get(environment) ?? 0) + models)
  }
  return [...counts].map(([environment, models]) => ({ environment, models }))
}
