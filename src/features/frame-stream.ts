import { must } from '../base/assert.ts'
import { type Digest, digestOf } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { at, embedded, microsOf, quoted } from '../engine/index.ts'
import type { Blobs, Derived, FrameManifest, SourceData } from '../fleet/index.ts'
import type { FeatureGroupSpec, FeatureViewSpec } from '../spec/index.ts'
import { type ArrowColumn, arrowStream, keyColumnOf } from './arrow-stream.ts'
import type { AskedRows } from './asked-rows.ts'
import { buildFrame } from './frame.ts'
import { buildLabels } from './labels.ts'
import { lookupAsOf } from './lookup.ts'
import {
  type FrameRows,
  readLabelManifest,
  readLabelPart,
  readManifest,
  readPart,
} from './parts.ts'
import { defineLeaves, openSpine } from './spine.ts'
import { openSources, openViewRows } from './view-rows.ts'

/*
 * Training frames for people: what the steps of a run build, as one Arrow stream. Nothing is left
 * in the blob store, for nobody would know when it may go.
 */

export interface FrameJob {
  readonly view: FeatureViewSpec
  readonly groups: readonly FeatureGroupSpec[]
  readonly sources: readonly SourceData[]
  readonly rows:
    | {
        readonly of: 'view'
        /** Columns that come first, as text. */
        readonly key: readonly string[]
        /** A label of the view, or an expression over the row. */
        readonly label: string | undefined
        readonly span: { readonly fromMs: number; readonly toMs: number } | undefined
        /** Only so many, in the order of (key, event time). */
        readonly limit: number | undefined
      }
    | {
        readonly of: 'caller'
        readonly columns: AskedRows['columns']
        /** Of columns that the rows of the view have too. */
        readonly types: AskedRows['types']
        readonly eventMs: readonly number[]
      }
  /** More are refused. */
  readonly rowsMax: number
}

/** The name under which event times stand. */
export const eventTimeColumn = 'event_time'
/** All rows of a key are framed, in memory, before the first of them are taken. */
const framedRowsMax = 10_000_000
/** Of one batch: a megabyte or two for a dozen features. */
const batchRows = 65_536

/** Bytes of an Arrow IPC stream. Throws before the first of them, or for damage of the data. */
export async function frameStream(job: FrameJob, blobs: Blobs): Promise<AsyncIterable<Uint8Array>> {
  const batches =
    job.rows.of === 'view'
      ? await viewBatches(job, job.rows, blobs)
      : await spine(job, job.rows, blobs)
  return arrowStream(batches)
}

type ViewRows = Extract<FrameJob['rows'], { of: 'view' }>

async function viewBatches(job: FrameJob, ask: ViewRows, store: Blobs) {
  const { groups, sources, rowsMax } = job
  const { key, label, limit } = ask
  const view = await withFirst({ ...job, view: within(job.view, ask.span) }, ask, store)
  const blobs = new KeptInMemory(store)
  const place = { blobs, progress: () => {} }
  const framed = new Set([view.rows, ...groups.map(group => group.source)])
  const input = { view, groups, sources: sources.filter(s => framed.has(s.spec.name)), key }
  const frame = await buildFrame({ kind: 'frame', ...input }, place)
  const labels =
    label === undefined
      ? undefined
      : await buildLabels({ kind: 'label', frame, view, sources, key, label }, place)
  return readBatches(frame, labels, blobs, Math.min(limit ?? rowsMax, rowsMax))
}

/** The view's own rows of a span: what its groups read stays as it is. */
function within(view: FeatureViewSpec, span: ViewRows['span']): FeatureViewSpec {
  if (span === undefined) return view
  const us = microsOf(view.eventTime)
  const inSpan = `${us} >= ${span.fromMs * 1_000} and ${us} < ${span.toMs * 1_000}`
  const where = view.where === undefined ? inSpan : `${embedded(view.where)} and ${inSpan}`
  return { ...view, where }
}

/**
 * The view of no more keys than the first `limit` rows are of. Rows are counted before anything is
 * built: that takes a second where building takes a minute.
 */
async function withFirst(job: FrameJob, ask: ViewRows, blobs: Blobs): Promise<FeatureViewSpec> {
  const { view, rowsMax } = job
  const { key, limit } = ask
  const own = job.sources.filter(({ spec }) => spec.name === view.rows)
  const { engine, sources } = await openSources(own, blobs)
  await using _open = engine
  const { relation } = await openViewRows(engine, view, sources)
  const spine = await openSpine(engine, relation, view, key)
  const { leafRows, leafKeys } = await defineLeaves(engine, spine)
  let [rows, last] = [0, -1]
  while (last + 1 < leafRows.length && rows < (limit ?? Number.POSITIVE_INFINITY)) {
    last += 1
    rows += leafRows[last]!
  }
  const most = limit === undefined ? rowsMax : framedRowsMax
  if (rows <= most) return last + 1 < leafRows.length ? upTo(view, key, leafKeys, last) : view
  throw new MusterError(
    'E_TOO_LARGE',
    `${view.id} has ${rows.toLocaleString('en')} rows; ` +
      `${limit === undefined ? 'a frame has' : 'the first are taken of'} at most ` +
      most.toLocaleString('en'),
    { field: 'span', hint: 'ask for a span, or for the first rows by `limit`' },
  )
}

/** Rows of the keys up to a leaf, in the order of leaves: as text, column by column. */
function upTo(
  view: FeatureViewSpec,
  key: readonly string[],
  leafKeys: readonly (readonly string[])[],
  last: number,
): FeatureViewSpec {
  const inOrder = key.reduceRight((within, column, k) => {
    const value = `cast(${quoted(column)} as varchar)`
    const text = `'${leafKeys[k]![last]!.replaceAll("'", "''")}'`
    return `(${value} < ${text} or (${value} = ${text} and ${within}))`
  }, 'true')
  const where = view.where === undefined ? inOrder : `${embedded(view.where)} and ${inOrder}`
  return { ...view, where }
}

async function* readBatches(
  frame: Digest,
  labelled: Digest | undefined,
  blobs: Blobs,
  limit: number,
): AsyncGenerator<readonly ArrowColumn[]> {
  const manifest = await readManifest(frame, blobs)
  const labels = labelled === undefined ? undefined : await readLabelManifest(labelled, blobs)
  const keys = keysOf(manifest)
  let left = limit
  for (const [index, part] of manifest.parts.entries()) {
    if (left <= 0) return
    const rows = await readPart(manifest, index, blobs)
    const label = labels && (await readLabelPart(labels, index, blobs))
    const columns = [...keys.map(key => key(part)), ...columnsOf(manifest, rows, label)]
    for (let from = 0; from < part.rows && left > 0; from += batchRows) {
      const to = Math.min(from + batchRows, part.rows, from + left)
      left -= to - from
      yield columns.map(column => slice(column, from, to))
    }
  }
  if (manifest.parts.length > 0) return
  const none = new Float64Array(0)
  const features = manifest.features.map(() => new Float32Array(0))
  const empty = { rows: 0, eventMs: none, features }
  const nowhere = { leafFrom: 0, leafTo: 0, rows: 0 }
  yield [...keys.map(key => key(nowhere)), ...columnsOf(manifest, empty, labels && none)]
}

type Leaves = Pick<FrameManifest['parts'][number], 'leafFrom' | 'leafTo' | 'rows'>

/** Each value of a key column stands once in its dictionary, or pandas would not have it. */
function keysOf({ key, leafKeys, leafRows }: FrameManifest): ((at: Leaves) => ArrowColumn)[] {
  return key.map((name, k) => {
    const places = new Map<string, number>()
    const codes = leafKeys[k]!.map(text => {
      const code = places.get(text) ?? places.size
      places.set(text, code)
      return code
    })
    const texts = [...places.keys()]
    return ({ leafFrom, leafTo, rows }) => {
      const values = new Float32Array(rows)
      for (let at = 0, leaf = leafFrom; leaf < leafTo; leaf++) {
        values.fill(codes[leaf]!, at, at + leafRows[leaf]!)
        at += leafRows[leaf]!
      }
      return { name, type: 'category', values, texts }
    }
  })
}

function columnsOf(
  manifest: FrameManifest,
  { eventMs, features }: FrameRows,
  label: Float64Array | undefined,
): readonly ArrowColumn[] {
  return [
    { name: eventTimeColumn, type: 'time', values: eventMs },
    ...(label ? [{ name: 'label', type: 'number' as const, values: label }] : []),
    ...manifest.features.map((name, f): ArrowColumn => {
      const values = features[f]!
      const texts = manifest.categories?.[name]
      return texts ? { name, type: 'category', values, texts } : { name, type: 'number', values }
    }),
  ]
}

function slice(column: ArrowColumn, from: number, to: number): ArrowColumn {
  return { ...column, values: column.values.slice(from, to) } as ArrowColumn
}

async function spine(
  { view, groups, sources }: FrameJob,
  { columns, types, eventMs }: Extract<FrameJob['rows'], { of: 'caller' }>,
  blobs: Blobs,
): Promise<readonly (readonly ArrowColumn[])[]> {
  const asOfMs = Float64Array.from(eventMs)
  const { features } = view
  const found = await lookupAsOf(
    { features, groups, sources, rows: { columns, types, asOfMs } },
    { blobs },
  ).catch(error => {
    if (!(error instanceof MusterError) || error.code !== 'E_DATA_SCHEMA') throw error
    const hint = 'only eventTime was sent: give each row its entity columns too'
    throw at(error, { field: 'rows', hint })
  })
  const given = Object.entries(columns).map(([name, values]) => keyColumnOf(name, values))
  const looked = features.map(({ name }): ArrowColumn => {
    const values = must(found.get(name), 'every feature was looked up')
    return values instanceof Float64Array
      ? { name, type: 'number', values: Float32Array.from(values) }
      : { name, type: 'text', values }
  })
  const all = [
    ...given,
    { name: eventTimeColumn, type: 'time' as const, values: asOfMs },
    ...looked,
  ]
  const batches = []
  for (let from = 0; from === 0 || from < asOfMs.length; from += batchRows) {
    batches.push(all.map(column => slice(column, from, from + batchRows)))
  }
  return batches
}

/** Reads the store, and keeps what is put to itself. */
class KeptInMemory implements Blobs {
  readonly #store: Blobs
  readonly #kept = new Map<Digest, Uint8Array>()

  constructor(store: Blobs) {
    this.#store = store
  }

  get scratch(): string {
    return this.#store.scratch
  }

  /** It follows from what is in the store. */
  get derived(): Derived | undefined {
    return this.#store.derived
  }

  async put(bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes)
    this.#kept.set(digest, bytes)
    return digest
  }

  async get(digest: Digest): Promise<Uint8Array> {
    return this.#kept.get(digest) ?? this.#store.get(digest)
  }

  erase(digest: Digest): Promise<void> {
    return this.#store.erase(digest)
  }

  async has(digest: Digest): Promise<boolean> {
    return this.#kept.has(digest) || this.#store.has(digest)
  }

  path(digest: Digest): Promise<string> {
    return this.#store.path(digest)
  }

  putFile(path: string): Promise<Digest> {
    return this.#store.putFile(path)
  }
}
