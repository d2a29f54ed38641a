import { MusterError } from '../base/errors.ts'
import type { ModelName } from '../base/ids.ts'
import { ancestorsOf, readModelName } from '../base/model-name.ts'
import { nearest } from '../base/nearest.ts'
import type { ModelRow, ModelsAsk } from '../contract/index.ts'
import { type ModelRecord, roleOf } from '../fleet/index.ts'
import {
  families,
  listModels,
  type ModelRoute,
  nearestModels,
  readModel,
  routesOf,
  type Sql,
} from '../store/index.ts'
import { type AsideParts, asideOf } from './aside.ts'

type RowParts = AsideParts & { readonly store: Sql }

/** Who answers a call for each of the models: itself, or its nearest ancestor with a route. */
export async function answerersOf(
  sql: Sql,
  names: readonly ModelName[],
): Promise<ReadonlyMap<ModelName, ModelRoute>> {
  const asked = new Set(names.flatMap(name => [name, ...ancestorsOf(name)]))
  const routes = new Map<string, ModelRoute>()
  for (const route of await routesOf(sql, [...asked])) {
    if (!routes.has(route.model)) routes.set(route.model, route)
  }
  const found = new Map<ModelName, ModelRoute>()
  for (const name of names) {
    const by = [name, ...ancestorsOf(name)].find(at => routes.has(at))
    if (by !== undefined) found.set(name, routes.get(by)!)
  }
  return found
}

export async function modelRows(
  parts: RowParts,
  records: readonly ModelRecord[],
): Promise<readonly ModelRow[]> {
  const { store: sql } = parts
  const aside = asideOf(parts)
  const keyLengths = new Map((await families(sql)).map(f => [f.blueprint, f.keyLength]))
  const answerers = await answerersOf(
    sql,
    records.map(record => record.name),
  )
  return records.map(({ name, blueprint, depth, rows, state, reason, because }) => {
    const route = state === 'retired' ? undefined : answerers.get(name)
    const version = route?.model === name ? route.version : null
    return {
      name,
      blueprint,
      level: roleOf(depth, keyLengths.get(blueprint) ?? depth),
      depth,
      rows,
      state,
      reason,
      because,
      version,
      answeredBy: route?.model ?? null,
      aside: version === null ? null : aside(name, version),
    }
  })
}

export async function modelsPage(parts: RowParts, ask: ModelsAsk): Promise<readonly ModelRow[]> {
  const { limit, after, sort } = ask
  return modelRows(parts, await listModels(parts.store, ask.filter, { limit, after, sort }))
}

/** Throws E_NAME, or E_MODEL_UNKNOWN with the nearest names. */
export async function knownModel(sql: Sql, name: string): Promise<ModelRecord> {
  if (!readModelName(name)) {
    throw new MusterError('E_NAME', `\`${name}\` is not the name of a model`, {
      hint: 'a name is its blueprint and its key values with dots between: route-delay.ATL.LGA',
    })
  }
  const record = await readModel(sql, name)
  if (record) return record
  const near = nearest(name, await nearestModels(sql, name))
  throw new MusterError('E_MODEL_UNKNOWN', `\`${name}\` is not a model of this fleet`, {
    hint: near.length > 0 ? `nearest: ${near.join(', ')}` : 'list them: muster list',
    extra: { nearest: near },
  })
}
