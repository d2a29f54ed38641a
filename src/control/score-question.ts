import { MusterError } from '../base/errors.ts'
import { readModelName } from '../base/model-name.ts'
import type { ScoreAsk } from '../contract/index.ts'
import type { Column } from '../engine/index.ts'
import { putJson, type ScoreTarget, type SourceData } from '../fleet/index.ts'
import { checkWhere, workOf } from '../score/index.ts'
import type { BlueprintSpec, FeatureViewSpec, FleetSpec } from '../spec/index.ts'
import { type NewScore, routedModels } from '../store/index.ts'
import { nearestNames } from './catalogue.ts'
import type { DeskParts } from './desk-parts.ts'
import { namedSnapshot } from './snapshot-names.ts'
import { findView } from './vector-owners.ts'

/** What scores are asked of. */
export type ScoreParts = Pick<
  DeskParts,
  'store' | 'blobs' | 'fleet' | 'connections' | 'environment' | 'wake'
>

/** From the words of an ask to work that has no choices left. See `ScoresDesk.ask`. */
export async function questionOf(
  ask: ScoreAsk,
  parts: ScoreParts,
): Promise<Omit<NewScore, 'key' | 'ask'>> {
  const { store, blobs, environment = 'prod' } = parts
  const spec = await parts.fleet.applied()
  const view = viewOf(ask.view, spec)
  const blueprint = blueprintOf(ask, view, spec)
  const under = underOf(ask.model, blueprint)
  const span = spanOf(ask)
  const snapshots = await snapshotsOf(view, ask.asOf, spec, parts)
  if (ask.where !== undefined) await checkWhere(ask.where, columnsOf(view, snapshots, spec))
  const target = targetOf(ask.to, parts)
  const routes = await routedModels(store, environment, blueprint.name)
  if (routes === undefined) {
    throw new MusterError('E_NOT_SERVING', `nothing of ${blueprint.name} serves yet`, {
      field: 'blueprint',
      hint: `train and release it first: muster apply (see why: muster why ${blueprint.name})`,
    })
  }
  const work = workOf(
    {
      view,
      blueprint,
      where: ask.where,
      routes: await putJson(blobs, routes),
      span,
      under,
      target,
      partial: ask.partial ?? false,
    },
    spec,
    source => snapshots.get(source)!,
  )
  const { generation } = routes
  return { work, view: view.id, blueprint: blueprint.name, environment, generation }
}

function viewOf(text: string, spec: FleetSpec): FeatureViewSpec {
  const view = findView(text, spec)
  if (view) return view
  const near = nearestNames(text, [...spec.views.keys()])
  throw new MusterError('E_NOT_FOUND', `the fleet has no feature view \`${text}\``, {
    field: 'view',
    hint: near.length > 0 ? `nearest: ${near.join(', ')}` : 'see what there is: muster features',
  })
}

function blueprintOf(ask: ScoreAsk, view: FeatureViewSpec, spec: FleetSpec): BlueprintSpec {
  const all = [...spec.blueprints.values()].filter(blueprint => blueprint.view === view.id)
  const names = all.map(({ name }) => name)
  const fromModel = ask.model === undefined ? undefined : readModelName(ask.model)?.blueprint
  const asked = ask.blueprint ?? (names.includes(fromModel ?? '') ? fromModel : undefined)
  const field = 'blueprint'
  if (all.length === 0) {
    throw new MusterError('E_NOT_FOUND', `no blueprint reads ${view.id}, so no model answers`, {
      field: 'view',
      hint: `score a view that one reads: ${[...spec.blueprints.values()][0]?.view ?? 'none yet'}`,
    })
  }
  if (asked !== undefined) {
    const found = all.find(({ name }) => name === asked)
    if (found) return found
    throw new MusterError('E_NOT_FOUND', `no blueprint \`${asked}\` reads ${view.id}`, {
      field,
      hint: `those that do: ${names.join(', ')}`,
    })
  }
  if (all.length === 1) return all[0]!
  throw new MusterError('E_USAGE', `${names.length} blueprints read ${view.id}`, {
    field,
    hint: `say which: --blueprint ${names.join(' or --blueprint ')}`,
  })
}

/** The key values that rows of a model and all below it begin with. */
function underOf(model: string | undefined, blueprint: BlueprintSpec): readonly string[] {
  if (model === undefined) return []
  const read = readModelName(model)
  if (read?.blueprint === blueprint.name && read.keyValues.length <= blueprint.key.length) {
    return read.keyValues
  }
  throw new MusterError('E_NAME', `\`${model}\` is no model of ${blueprint.name}`, {
    field: 'model',
    hint: `name it or something below it: ${[blueprint.name, ...blueprint.key].join('.')}`,
  })
}

function spanOf({ from, until }: ScoreAsk): { fromMs: number | null; toMs: number | null } {
  const fromMs = from === undefined ? null : Date.parse(from)
  const toMs = until === undefined ? null : Date.parse(until)
  if (fromMs === null || toMs === null || fromMs < toMs) return { fromMs, toMs }
  throw new MusterError('E_USAGE', 'the span ends before it begins', { field: 'until' })
}

type Snapshots = ReadonlyMap<string, SourceData['snapshot']>

async function snapshotsOf(
  view: FeatureViewSpec,
  asOf: string | undefined,
  spec: FleetSpec,
  { store }: ScoreParts,
): Promise<Snapshots> {
  const groups = view.features.flatMap(({ from }) => {
    const group = from.kind === 'group' ? spec.groups.get(from.group) : undefined
    return group ? [group.source] : []
  })
  const snapshots = new Map<string, SourceData['snapshot']>()
  for (const name of new Set([view.rows, ...groups])) {
    const asked = asOf === undefined ? name : `${name}@${asOf}`
    snapshots.set(name, (await namedSnapshot(asked, store)).snapshot)
  }
  return snapshots
}

/** Of a grid, the entity and the moment; else the columns of the rows. */
function columnsOf(
  view: FeatureViewSpec,
  snapshots: Snapshots,
  spec: FleetSpec,
): readonly Column[] {
  const { columns } = snapshots.get(spec.sources.get(view.rows)!.name)!
  if (view.grid === undefined) return columns
  const { by } = view.grid
  const entity = columns.filter(({ name }) => by.includes(name))
  return [...entity, { name: 'at', type: 'TIMESTAMP' }]
}

function targetOf(to: ScoreAsk['to'], { connections }: ScoreParts): ScoreTarget {
  if (to.kind !== 'table') return to
  const { connection, table, overwrite = false } = to
  connections.of(connection, 'postgres')
  return { kind: 'table', connection, table, overwrite }
}
