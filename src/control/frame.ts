import type { Readable } from 'node:stream'
import { MusterError } from '../base/errors.ts'
import type { FrameAsk, RowWord } from '../contract/index.ts'
import type { FrameJob, OnDemand } from '../features/index.ts'
import type { SourceData } from '../fleet/index.ts'
import type { FeatureViewSpec, FleetSpec } from '../spec/index.ts'
import { nearestNames } from './catalogue.ts'
import type { DeskParts } from './desk-parts.ts'
import { rowTypes, sourceColumns } from './row-columns.ts'
import { namedSnapshot } from './snapshot-names.ts'
import { findView } from './vector-owners.ts'

/** Builds frames in a process of its own, which ends with the signal. Throws E_BUSY. */
export interface FrameBuilds {
  build(job: FrameJob, signal: AbortSignal): Promise<Readable>
}

/**
 * About 50 MB for a dozen features: what a notebook takes in at a time. Larger ones are asked for
 * span by span.
 */
const rowsMax = 1_000_000

export interface FrameParts extends Pick<DeskParts, 'store' | 'fleet'> {
  readonly frames: FrameBuilds
  readonly onDemand: OnDemand
}

export async function frameOf(
  ask: FrameAsk,
  signal: AbortSignal,
  parts: FrameParts,
): Promise<Readable> {
  const spec = await parts.fleet.applied()
  const view = chosen(viewOf(ask.view, spec), ask.features)
  const used = new Set(view.features.flatMap(f => (f.from.kind === 'group' ? f.from.group : [])))
  const groups = [...used].sort().flatMap(name => spec.groups.get(name) ?? [])
  const label = view.labels?.find(({ name }) => name === ask.label)
  const own = ask.rows === undefined ? [view.rows, ...(label ? [label.source] : [])] : []
  const names = new Set([...own, ...groups.map(group => group.source)])
  const sources = await Promise.all(
    [...names].sort().map(async (name): Promise<SourceData> => {
      const { snapshot } = await namedSnapshot(
        ask.asOf === undefined ? name : `${name}@${ask.asOf}`,
        parts.store,
      )
      return { spec: spec.sources.get(name)!, snapshot }
    }),
  )
  const rows =
    ask.rows === undefined
      ? ofView(ask, view, spec)
      : ofCaller(ask, ask.rows, await typesOf(view, spec, parts))
  return parts.frames.build({ view, groups, sources, rows, rowsMax }, signal)
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

function chosen(view: FeatureViewSpec, names: readonly string[] | undefined): FeatureViewSpec {
  if (names === undefined) return view
  const features = names.map(name => {
    const feature = view.features.find(one => one.name === name)
    if (feature) return feature
    const near = nearestNames(
      name,
      view.features.map(one => one.name),
    )
    throw new MusterError('E_NOT_FOUND', `${view.id} has no feature \`${name}\``, {
      field: 'features',
      ...(near.length > 0 && { hint: `nearest: ${near.join(', ')}` }),
    })
  })
  return { ...view, features }
}

function ofView(ask: FrameAsk, view: FeatureViewSpec, spec: FleetSpec): FrameJob['rows'] {
  const { label, limit } = ask
  const read = [...spec.blueprints.values()].find(blueprint => blueprint.view === view.id)
  const key = ask.key ?? read?.key ?? view.grid?.by
  if (key === undefined) {
    throw new MusterError('E_USAGE', `no blueprint reads ${view.id}, so nobody says its key`, {
      field: 'key',
      hint: 'name the columns that its rows are told apart by: "key": ["station"]',
    })
  }
  const span = ask.span && { fromMs: Date.parse(ask.span.from), toMs: Date.parse(ask.span.to) }
  if (span && span.fromMs >= span.toMs) {
    throw new MusterError('E_USAGE', 'the span ends before it begins', { field: 'span' })
  }
  return { of: 'view', key, label, span, limit }
}

/** Without a snapshot of the view's own rows, only what the view declares of a request is known. */
async function typesOf(
  view: FeatureViewSpec,
  spec: FleetSpec,
  { store, onDemand }: FrameParts,
): Promise<Readonly<Record<string, string>>> {
  const source = await sourceColumns(view.rows, spec, { store, onDemand }).catch(error => {
    if (error instanceof MusterError && error.code === 'E_NOT_FOUND') return []
    throw error
  })
  return rowTypes(view, source, onDemand)
}

function ofCaller(
  ask: FrameAsk,
  rows: NonNullable<FrameAsk['rows']>,
  types: Readonly<Record<string, string>>,
): FrameJob['rows'] {
  const odd = (['span', 'limit', 'key', 'label'] as const).find(name => ask[name] !== undefined)
  if (odd !== undefined) {
    throw new MusterError(
      'E_USAGE',
      `\`${odd}\` is of the rows of a view, and \`rows\` are given`,
      {
        field: odd,
        hint: 'leave one of them out',
      },
    )
  }
  const columns: Record<string, RowWord[]> = {}
  for (const [index, row] of rows.entries()) {
    for (const [name, value] of Object.entries(row)) {
      if (name === 'eventTime') continue
      const into = columns[name] ?? new Array<RowWord>(rows.length).fill(null)
      columns[name] = into
      into[index] = value as RowWord
    }
  }
  return { of: 'caller', columns, types, eventMs: rows.map(row => eventMsOf(row.eventTime)) }
}

/** Of ISO 8601, UTC without an offset; to the microsecond, which `Date.parse` would cut. */
export function eventMsOf(text: string): number {
  const zoned = /(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`
  const micros = /[.]\d{3}(\d{1,3})/.exec(text)?.[1]?.padEnd(3, '0') ?? '0'
  return Date.parse(zoned) + Number(micros) / 1_000
}
