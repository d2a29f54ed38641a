import { must } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { readModelName } from '../base/model-name.ts'
import {
  openVectors,
  type RowValue,
  readRowValue,
  rowColumnsOf,
  rowValueKind,
  type VectorPlace,
  type Vectors,
} from '../features/index.ts'
import type { RunWork } from '../fleet/index.ts'
import type { FeatureSource, RowColumn } from '../serve/index.ts'
import type { FeatureViewSpec, ViewFeature } from '../spec/index.ts'

type Frame = RunWork['frame']

interface RowType {
  readonly name: string
  readonly type: string
}

/**
 * What the data plane has in the place of inputs that callers leave out: the vectors of the view
 * that the family was trained on, and of the key columns what the name of a model says. Undefined
 * when every input has to be sent.
 */
export async function familySource(
  frame: Frame,
  place: VectorPlace,
  clock: Clock,
): Promise<FeatureSource | undefined> {
  const { view, groups, key, sources } = frame
  const rows = must(
    sources.find(({ spec }) => spec.name === view.rows),
    'the frame has the source of its rows',
  )
  const rowColumns = rowColumnsOf(view, rows.snapshot.columns)
  const vectors = await openVectors({ view, groups, rowColumns }, place)
  const columns = vectors.columns.filter(column => isSendable(view, column.name)).map(rowColumn)
  const sendable = new Set(columns.map(({ name }) => name))
  const follows = vectors.features.map(feature =>
    feature.follows?.every(name => sendable.has(name)) ? feature.follows : undefined,
  )
  if (follows.every(columns => columns === undefined)) return undefined
  const typeOf = new Map(columns.map(({ name, type }) => [name, type]))
  return {
    columns,
    follows,
    named(model) {
      const named = new Map<string, RowValue>()
      for (const [k, text] of (readModelName(model)?.keyValues ?? []).entries()) {
        const type = typeOf.get(key[k] ?? '')
        if (type !== undefined) named.set(key[k]!, readRowValue(type, text))
      }
      return named
    },
    fill: ask => fill(vectors, ask, clock.now().getTime()),
  }
}

async function fill(vectors: Vectors, ask: Parameters<FeatureSource['fill']>[0], nowMs: number) {
  const { columns, rows, inputs } = ask
  const found = await vectors.read(vectors.select(inputs), { columns, count: rows, nowMs })
  return found.map(({ values, looked }) =>
    looked ? { values, statuses: looked.statuses, eventMs: looked.eventMs } : { values },
  )
}

/** An input of the graph has its name already, unless it is that very column. */
function isSendable(view: FeatureViewSpec, name: string): boolean {
  const feature = view.features.find(feature => feature.name === name)
  return feature === undefined || isColumn(feature)
}

function isColumn({ name, from }: ViewFeature): boolean {
  return from.kind === 'row' && (from.sql === name || from.sql === `"${name}"`)
}

function rowColumn({ name, type }: RowType): RowColumn {
  switch (rowValueKind(type)) {
    case 'number':
      return { name, type, datatype: /INT/.test(type) ? 'INT64' : 'FP64' }
    case 'boolean':
      return { name, type, datatype: 'BOOL' }
    default:
      return { name, type, datatype: 'BYTES' }
  }
}
