import { DuckDBInstance } from '@duckdb/node-api'
import { digestOf } from '../base/digest.ts'
import {
  type BlueprintSpec,
  defaultServing,
  type FeatureGroupSpec,
  type FeatureViewSpec,
  type FleetSpec,
  type SourceSpec,
  type WindowFeature,
  type WindowLength,
  type WindowStat,
} from '../spec/index.ts'

/* Declarations as `spec/` would give them, and files of data. For tests only. */

const place = { file: 'muster.yaml', line: 7 }

export function aSource(files: string | readonly string[], more: Partial<SourceSpec> = {}) {
  const source: SourceSpec = {
    name: 'trips',
    location: { files: typeof files === 'string' ? [files] : files },
    format: 'by-ending',
    eventTime: 'happened',
    key: [],
    columns: {},
    expect: [],
    owner: 'tests',
    place,
    ...more,
  }
  return source
}

export function aGroup(features: readonly WindowFeature[], more: Partial<FeatureGroupSpec> = {}) {
  const group: FeatureGroupSpec = {
    name: 'past',
    source: 'trips',
    sql: undefined,
    eventTime: 'happened',
    knownAt: 'known',
    features,
    latest: [],
    online: true,
    owner: 'tests',
    place,
    ...more,
  }
  return group
}

export function aWindow(
  by: readonly string[],
  stat: WindowStat,
  over: WindowLength,
  of = 'value',
): WindowFeature {
  const length = over.kind === 'time' ? `${over.ms}ms` : `${over.rows}rows`
  return { name: [...by, of.replace(/\W+/g, ''), stat, length].join('_'), by, of, stat, over }
}

/** `rows` are SQL by feature name; features of `group` are all of its windows. */
export function aView(
  rows: Readonly<Record<string, string>>,
  group?: FeatureGroupSpec,
  more: Partial<FeatureViewSpec> = {},
) {
  const view: FeatureViewSpec = {
    name: 'now',
    version: 1,
    id: 'now@1',
    rows: 'trips',
    where: undefined,
    eventTime: 'happened',
    asOf: 'happened',
    features: [
      ...Object.entries(rows).map(([name, sql]) => ({
        name,
        from: { kind: 'row' as const, sql },
        transform: [],
      })),
      ...(group?.features ?? []).map(feature => ({
        name: `${group?.name}.${feature.name}`,
        from: { kind: 'group' as const, group: group?.name ?? '', feature: feature.name },
        transform: [],
      })),
    ],
    owner: 'tests',
    digest: digestOf('a view'),
    place,
    ...more,
  }
  return view
}

export function aBlueprint(more: Partial<BlueprintSpec> = {}): BlueprintSpec {
  const span = { text: '2001', fromMs: 0, toMs: 1 }
  return {
    name: 'trip-time',
    purpose: 'tests',
    owner: 'tests',
    riskClass: 'low',
    key: ['origin'],
    members: { where: undefined, atLeast: 1 },
    view: 'now@1',
    label: 'value',
    labelUnit: undefined,
    pipeline: { id: 'ridge@1', parameters: {} },
    fieldPlaces: { pipeline: place, view: place, label: place },
    parameterPlaces: {},
    spans: { train: span, judge: span, report: undefined },
    gates: {},
    objectives: { latencyP99Ms: undefined, quality: undefined },
    budget: { trainSeconds: undefined },
    serving: defaultServing('low'),
    overrides: [],
    environments: ['prod'],
    digest: digestOf('a blueprint'),
    place,
    ...more,
  }
}

export function aFleet(
  source: SourceSpec,
  groups: readonly FeatureGroupSpec[],
  views: readonly FeatureViewSpec[],
  blueprints: readonly BlueprintSpec[],
): FleetSpec {
  return {
    name: 'tests',
    environments: [{ name: 'prod' }],
    sources: new Map([[source.name, source]]),
    groups: new Map(groups.map(group => [group.name, group])),
    views: new Map(views.map(view => [view.id, view])),
    blueprints: new Map(blueprints.map(blueprint => [blueprint.name, blueprint])),
    graphs: new Map(),
    policies: [],
    digest: digestOf('a fleet'),
  }
}

/** Writes what a SELECT gives into a Parquet file, by a DuckDB that may. */
export async function writeParquet(path: string, select: string): Promise<void> {
  await copyOut(path, select, 'format parquet, row_group_size 2048')
}

export async function writeCsv(path: string, select: string): Promise<void> {
  await copyOut(path, select, 'format csv, header')
}

async function copyOut(path: string, select: string, options: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`copy (${select}) to '${path}' (${options})`)
  connection.closeSync()
  instance.closeSync()
}
