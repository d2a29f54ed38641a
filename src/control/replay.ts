import type { Clock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelName, ReceiptId } from '../base/ids.ts'
import type { ReplayView } from '../contract/index.ts'
import type { Blobs } from '../fleet/index.ts'
import type { PredictionRow } from '../journal/index.ts'
import { openFamilySession } from '../onnx/index.ts'
import { readPack, versionDigest } from '../registry/index.ts'
import type { ImportedModels } from '../serve/index.ts'
import { readVersion, type Sql } from '../store/index.ts'
import { givesSame } from './replay-imported.ts'

/*
 * Computes an answer again: the graph and the row of parameters by their digests, the inputs as the
 * graph got them. A graph's answer for a row does not depend on what it ran beside, so the number
 * comes out the same to the last bit, or something of what it was made from is not what it was.
 */

export interface ReplayPlace {
  readonly store: Sql
  readonly blobs: Pick<Blobs, 'get'>
  /** The value of a declared rule for the inputs of one row. */
  readonly rule: (rule: string | number, inputs: PredictionRow['inputs']) => number
  /** Those that were brought in. Absent: this server runs none. */
  readonly imported?: Pick<ImportedModels, 'find'> | undefined
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** All rows of another answer. */
  find(receipt: ReceiptId): Promise<{ readonly rows: readonly PredictionRow[] }>
}

type Rows = readonly [PredictionRow, ...PredictionRow[]]
export type Replayed = Omit<ReplayView, 'erasedRows'>
type Ancestor = ReplayView['ancestors'][number]

/** `rows` are all that are left of one answer, in their order. */
export async function replay(rows: Rows, place: ReplayPlace): Promise<Replayed> {
  const [{ receipt, model, answeredBy, how, version }] = rows
  const recorded = rows.flatMap(({ value }) => value ?? [])
  const ancestors: Ancestor[] = []
  const about = { receipt, model, answeredBy, how, version, recorded, ancestors }
  let replayed: Float32Array | undefined
  let same: boolean
  try {
    // Tensors are no number a row: they are compared as they are.
    replayed = rows[0].tensors === null ? await compute(rows, place, ancestors) : undefined
    same = replayed
      ? isSame(Float32Array.from(recorded), replayed)
      : await replayImported(rows[0], place, ancestors)
  } catch (error) {
    const gone = ancestors.find(({ found }) => !found)
    if (gone === undefined) throw error
    const because = `${gone.kind} ${gone.name}: ${gone.because}`
    return { ...about, replayed: null, outcome: 'gone', because }
  }
  const by = how === 'rule' ? 'the rule' : `version ${version} of ${answeredBy}`
  const again = how === 'cached' ? `, as it was computed for ${rows[0].cachedFrom}` : ''
  return {
    ...about,
    replayed: [...(replayed ?? [])],
    outcome: same ? 'same' : 'different',
    because: `${by} gives ${same ? 'the same, to the last bit' : 'another number'}${again}`,
  }
}

async function compute(
  rows: Rows,
  place: ReplayPlace,
  ancestors: Ancestor[],
): Promise<Float32Array> {
  const [{ how, cachedFrom }] = rows
  if (how === 'rule') return replayRule(rows, place, ancestors)
  if (how !== 'cached') return replayVersion(rows, place, ancestors)
  // It was given for the same question, but perhaps without the features that could not be had.
  const { rows: found } = cachedFrom === null ? { rows: [] } : await place.find(cachedFrom)
  const [first, ...others] = found
  if (first === undefined) {
    const name = cachedFrom ?? 'unknown'
    throw missing(ancestors, 'answer', name, 'the journal does not have it any more')
  }
  ancestors.push({ kind: 'answer', name: first.receipt, found: true, because: null })
  return replayVersion([first, ...others], place, ancestors)
}

async function replayImported(
  row: PredictionRow,
  { imported, clock }: ReplayPlace,
  ancestors: Ancestor[],
): Promise<boolean> {
  const name = `${row.answeredBy} v${row.version}`
  try {
    const same = await givesSame(row, imported, clock.monotonicMs())
    ancestors.push({ kind: 'model', name, found: true, because: null })
    return same
  } catch (error) {
    // What may pass, such as a runner that is busy, says nothing of what is there.
    if (!(error instanceof MusterError) || !isGone(error)) throw error
    throw missing(ancestors, 'model', name, error.message)
  }
}

function isGone({ code }: MusterError): boolean {
  return code === 'E_NOT_FOUND' || code === 'E_BLOB_MISSING' || code === 'E_DIGEST_MISMATCH'
}

function missing(
  ancestors: Ancestor[],
  kind: Ancestor['kind'],
  name: string,
  because: string,
): MusterError {
  ancestors.push({ kind, name, found: false, because })
  return new MusterError('E_NOT_FOUND', because)
}

/** To the bit: a zero below zero is another number, and a number that is none is the same. */
function isSame(a: Float32Array, b: Float32Array): boolean {
  const [left, right] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer, b.byteOffset)]
  return a.length === b.length && left.every((bits, i) => bits === right[i])
}

function replayRule(rows: Rows, { rule }: ReplayPlace, ancestors: Ancestor[]): Float32Array {
  const [{ rule: declared }] = rows
  if (declared === null) throw missing(ancestors, 'rule', 'unknown', 'it was not recorded')
  ancestors.push({ kind: 'rule', name: String(declared), found: true, because: null })
  return Float32Array.from(rows, ({ inputs }) => rule(declared, inputs))
}

async function replayVersion(
  rows: Rows,
  { store, blobs }: ReplayPlace,
  ancestors: Ancestor[],
): Promise<Float32Array> {
  const [{ answeredBy, version, graph, pack, packRow, inputs }] = rows
  const find = async <T>(kind: Ancestor['kind'], name: string, deed: () => Promise<T>) => {
    try {
      const value = await deed()
      ancestors.push({ kind, name, found: true, because: null })
      return value
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      ancestors.push({ kind, name, found: false, because: error.message })
      throw error
    }
  }
  if (graph === null || pack === null) {
    throw missing(ancestors, 'pack', 'unknown', 'the answer names none')
  }
  const graphBytes = await find('graph', graph, () => blobs.get(graph))
  const block = await find('pack', pack, async () => readPack(await blobs.get(pack)))
  const parameters = block.rows.slice(packRow * block.width, (packRow + 1) * block.width)
  await find('version', `${answeredBy} v${version}`, async () => {
    const known = await readVersion(store, answeredBy as ModelName, version)
    if (known === undefined) throw new MusterError('E_NOT_FOUND', 'it is not recorded any more')
    if (known.digest === versionDigest(graph, answeredBy, parameters)) return
    throw new MusterError('E_DIGEST_MISMATCH', 'its row of parameters is another')
  })
  const x = new Float32Array(rows.length * inputs.length)
  for (const [at, row] of rows.entries()) {
    x.set(
      row.inputs.map(({ value }) => value),
      at * inputs.length,
    )
  }
  await using session = await openFamilySession(graphBytes)
  // Awaited here: it is closed when this returns.
  return await session.run(x, parameters, rows.length, 1)
}
