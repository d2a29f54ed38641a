import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { Writer } from '../engine/index.ts'
import type { KeptShape, RowsFile } from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { batchByKey, type PushedBatch, reserveRows, type Sql } from '../store/index.ts'
import { acceptRows, numberRows } from './accept.ts'
import type { IntakeAt } from './at.ts'

/** Rows on their way in: a file that is not Muster's yet, usually in `blobs.scratch`. */
export interface IncomingRows extends RowsFile {
  /** `event`: history, known when it happened; `arrival`: known from now on. */
  readonly knownAt: 'arrival' | 'event'
  /** A delivery with the key of an earlier one and the same content has no effect. */
  readonly idempotencyKey?: string
}

/** Row numbers are INTEGER, for arrays are indexed by them. */
const rowNumbersMax = 2 ** 31 - 1

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
  { idempotencyKey }: IncomingRows,
  digest: Digest,
): Promise<PushedBatch | undefined> {
  if (idempotencyKey === undefined) return undefined
  const batch = await batchByKey(sql, source.name, idempotencyKey)
  if (batch === undefined || batch.digest === digest) return batch
  throw new MusterError('E_IDEMPOTENCY', `\`${idempotencyKey}\` came with other rows before`, {
    field: 'idempotency-key',
    hint: 'give every delivery a key of its own, and repeat it only with the same bytes',
  })
}

/**
 * Checks the rows and gives them their numbers; `view` shows them as they stand in files. Undefined
 * when there are none.
 */
export async function numbered(
  writer: Writer,
  shape: KeptShape,
  incoming: IncomingRows,
  digest: Digest,
  { store, clock }: IntakeAt,
): Promise<{ readonly batch: PushedBatch; readonly view: string } | undefined> {
  const now = clock.now()
  const rows = await acceptRows(writer, incoming, shape, now)
  if (rows === 0) return undefined
  const reserved = await reserveRows(store, shape.source, rows, now)
  if (reserved.rowFrom + rows > rowNumbersMax) {
    throw new MusterError('E_TOO_LARGE', `\`${shape.source}\` has ${reserved.rowFrom} rows`, {
      hint: `a source numbers ${rowNumbersMax} rows: begin another one`,
    })
  }
  const knownAt = incoming.knownAt === 'event' ? null : reserved.knownAt
  return {
    batch: {
      source: shape.source,
      number: reserved.batch,
      rowFrom: reserved.rowFrom,
      rows,
      knownAt,
      receivedAt: now,
      idempotencyKey: incoming.idempotencyKey ?? null,
      digest,
    },
    view: await numberRows(writer, shape, reserved.rowFrom, knownAt),
  }
}
