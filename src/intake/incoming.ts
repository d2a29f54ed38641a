import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { openWriter, type Writer } from '../engine/index.ts'
import { type KeptShape, pathsOf, type RowsFile } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { batchByKey, type PushedBatch, reserveRows, type Sql } from '../store/index.ts'
import { acceptRows, checkLoaded, numberedRows } from './accept.ts'
import type { IntakeAt } from './at.ts'
import { flushPushed } from './flush.ts'
import { readTip } from './tip.ts'

/** Rows on their way in: a file that is not Muster's yet, usually in `blobs.scratch`. */
export interface IncomingRows extends RowsFile {
  /** `event`: history, known when it happened; `arrival`: known from now on. */
  readonly knownAt: 'arrival' | 'event'
  /** A delivery with the key of an earlier one and the same content has no effect. */
  readonly idempotencyKey?: string
}

/** Rows can be sent only to a source that says so. */
export function checkPushed(source: SourceSpec): void {
  if ('push' in source.location) return
  throw new MusterError('E_SOURCE', `\`${source.name}\` takes no rows: it reads its own`, {
    hint: 'declare a source with `push: {}` for rows that are sent',
  })
}

/** An earlier delivery of the same under this key. Throws E_IDEMPOTENCY when it was another. */
export async function earlier(
  sql: Sql,
  source: SourceSpec,
  { idempotencyKey }: { readonly idempotencyKey?: string | undefined },
  digest: Digest,
): Promise<PushedBatch | undefined> {
  if (idempotencyKey === undefined) return undefined
  const batch = await batchByKey(sql, source.name, idempotencyKey)
  if (batch === undefined || batch.digest === digest) return batch
  throw otherRows(idempotencyKey)
}

export function otherRows(idempotencyKey: string): MusterError {
  return new MusterError('E_IDEMPOTENCY', `\`${idempotencyKey}\` came with other rows before`, {
    field: 'idempotency-key',
    hint: 'give every delivery a key of its own, and repeat it only with the same bytes',
  })
}

/** A writer that may read the rows and what they have to agree with. */
export interface Opened extends AsyncDisposable {
  readonly writer: Writer
  /** The rows, where the writer reads them. */
  readonly path: string
  /** Files of rows that were known when they happened, as those that come in will be. */
  readonly loaded: readonly string[]
}

/** Whether rows have to agree with those that were loaded before. */
export function agrees({ knownAt }: Pick<IncomingRows, 'knownAt'>, { key }: KeptShape): boolean {
  return knownAt === 'event' && key.length > 0
}

export async function openIncoming(
  source: SourceSpec,
  shape: KeptShape,
  incoming: IncomingRows,
  at: IntakeAt,
): Promise<Opened> {
  const loaded = agrees(incoming, shape) ? await keptFiles(source, shape, at) : []
  const allowedPaths = [incoming.path, ...loaded]
  const writer = await openWriter({ allowedPaths, scratch: at.blobs.scratch, threads: 1 })
  return {
    writer,
    path: incoming.path,
    loaded,
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  }
}

/** Files of a source with all that was pushed to it. */
export async function keptFiles(
  source: SourceSpec,
  shape: KeptShape,
  at: IntakeAt,
): Promise<readonly string[]> {
  if ('push' in source.location) await flushPushed(source, shape, at)
  const { snapshot } = await readTip(source, shape, at.store)
  const paths = await pathsOf([snapshot], at.blobs)
  return snapshot.files.map(file => paths.get(file.digest)!)
}

/**
 * Checks the rows and gives them their numbers; `relation` is them as they stand in files.
 * Undefined when there are none.
 */
export async function numbered(
  { writer, path, loaded }: Opened,
  shape: KeptShape,
  incoming: IncomingRows,
  digest: Digest,
  { store, clock }: IntakeAt,
): Promise<{ readonly batch: PushedBatch; readonly relation: string } | undefined> {
  const now = clock.now()
  const rows = await acceptRows(writer, { path, format: incoming.format }, shape, now)
  if (rows === 0) return undefined
  if (loaded.length > 0) await checkLoaded(writer, shape, loaded)
  const reserved = await reserveRows(store, shape.source, rows, now)
  const knownUs = incoming.knownAt === 'event' ? null : reserved.knownUs
  return {
    batch: {
      source: shape.source,
      number: reserved.batch,
      rowFrom: reserved.rowFrom,
      rows,
      knownUs,
      receivedAt: now,
      idempotencyKey: incoming.idempotencyKey ?? null,
      digest,
    },
    relation: numberedRows(shape, reserved.rowFrom, knownUs),
  }
}
