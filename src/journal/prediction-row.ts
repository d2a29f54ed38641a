import type { Digest } from '../base/digest.ts'
import { type ReceiptId, timeOfReceipt } from '../base/ids.ts'
import type { PredictedBy } from '../fleet/index.ts'
import { eventPrefix, inputPrefix, textPrefix } from './columns.ts'
import type { KeptPrediction } from './read-segment.ts'
import type { KeptTensors } from './tensors.ts'

/** One predicted row, wherever it was read from. */
export interface PredictionRow {
  readonly receipt: ReceiptId
  /** Its place in the request, from 0. */
  readonly row: number
  /** Rows of the request. */
  readonly rows: number
  readonly atMs: number
  readonly model: string
  readonly answeredBy: string
  readonly how: PredictedBy
  readonly version: number
  /** Null for an imported model, whose answer is in its tensors. */
  readonly value: number | null
  readonly output: string
  readonly latencyMs: number
  readonly caller: string | null
  readonly tenant: string | null
  readonly requestId: string | null
  readonly cachedFrom: ReceiptId | null
  /** The declared rule that answered. */
  readonly rule: string | number | null
  readonly environment: string
  readonly generation: number
  readonly graph: Digest | null
  readonly pack: Digest | null
  readonly packRow: number
  /** In the order of the graph. */
  readonly inputs: readonly PredictionInput[]
  readonly tensors: KeptTensors | null
}

export interface PredictionInput {
  readonly name: string
  /** As the graph got it: NaN is missing, and a category its code. */
  readonly value: number
  /** Of a category; null for one that the graph does not know. Undefined: a number. */
  readonly text?: string | null
  /** When a value that was looked up happened; undefined for what was sent or computed. */
  readonly eventMs?: number
}

/** The rows of one answer in a segment. */
export function rowsOfKept(p: KeptPrediction): readonly PredictionRow[] {
  const rows = p.tensors === undefined ? p.rows : 1
  return Array.from({ length: rows }, (_, row) => keptRow(p, row))
}

function keptRow(p: KeptPrediction, row: number): PredictionRow {
  const { origin, lookups } = p
  const width = origin.inputs.length
  const inputs = p.tensors !== undefined ? [] : origin.inputs
  return {
    receipt: p.receipt,
    row,
    rows: p.rows,
    atMs: timeOfReceipt(p.receipt),
    model: p.model,
    answeredBy: p.answeredBy,
    how: p.how,
    version: p.version,
    value: p.values[row] ?? null,
    output: origin.output,
    latencyMs: p.latencyMs,
    caller: p.caller ?? null,
    tenant: p.tenant ?? null,
    requestId: p.requestId ?? null,
    cachedFrom: p.cachedFrom ?? null,
    rule: p.how === 'rule' ? (origin.rule ?? null) : null,
    environment: origin.environment,
    generation: origin.generation,
    graph: origin.graph,
    pack: origin.pack,
    packRow: p.packRow,
    inputs: inputs.map(({ name, datatype, texts }, at) => {
      const value = p.x[row * width + at]!
      const eventMs = lookups?.find(({ input }) => input === at)?.eventMs[row]
      return {
        name,
        value,
        ...(datatype === 'BYTES' && { text: texts?.[value] ?? null }),
        ...(Number.isFinite(eventMs) && { eventMs: eventMs! }),
      }
    }),
    tensors: p.tensors ?? null,
  }
}

/** The SELECT that `parquetRow` reads; `files` is a `read_parquet`. */
export function parquetSelect(files: string): string {
  const doubles = ['version', 'generation', 'pack_row', '"row"', '"rows"']
  return `select * replace (${doubles.map(name => `${name}::double as ${name}`).join(', ')})
    from ${files}`
}

type Found = Readonly<Record<string, unknown>>

/** A row of a file. Columns that other files have, and this one has not, are null. */
export function parquetRow(found: Found): PredictionRow {
  const receipt = found.receipt as ReceiptId
  const { rule, tensors } = found
  return {
    receipt,
    row: found.row as number,
    rows: found.rows as number,
    atMs: timeOfReceipt(receipt),
    model: found.model as string,
    answeredBy: found.answered_by as string,
    how: found.how as PredictedBy,
    version: found.version as number,
    value: found.value as number | null,
    output: found.output as string,
    latencyMs: found.latency_ms as number,
    caller: found.caller as string | null,
    tenant: found.tenant as string | null,
    requestId: found.request_id as string | null,
    cachedFrom: found.cached_from as ReceiptId | null,
    rule: rule === null ? null : (JSON.parse(rule as string) as string | number),
    environment: found.environment as string,
    generation: found.generation as number,
    graph: found.graph as Digest | null,
    pack: found.pack as Digest | null,
    packRow: found.pack_row as number,
    inputs: inputsOf(found),
    tensors: tensors === null ? null : (JSON.parse(tensors as string) as KeptTensors),
  }
}

function inputsOf(found: Found): readonly PredictionInput[] {
  const inputs: PredictionInput[] = []
  for (const [column, value] of Object.entries(found)) {
    if (!column.startsWith(inputPrefix) || value === null) continue
    const name = column.slice(inputPrefix.length)
    const text = found[textPrefix + name] as string | null | undefined
    const event = found[eventPrefix + name]
    inputs.push({
      name,
      value: value as number,
      ...(text !== undefined && { text }),
      ...(event instanceof Date && { eventMs: event.getTime() }),
    })
  }
  return inputs
}
