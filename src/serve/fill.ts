import { assert, must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { PredictedLookup } from '../fleet/index.ts'
import type { FeatureSource, FeatureStatus, FilledInput, RowValue } from './feature-source.ts'
import { codeOfText, type InputReader } from './input-reader.ts'
import type { Gaps, ReadRequest } from './validate.ts'

/*
 * A request that leaves inputs out: they are had from the family's feature source and put beside
 * those that were sent. What is missing there is missing as if the caller had said so, and the
 * answer tells how much was looked up and how old it is.
 */

/** What an answer says of inputs that its caller did not send. */
export interface Filled {
  /** Values computed from the request, and values looked up. */
  readonly computed: number
  readonly lookedUp: number
  /** Of the values that were looked up, those that are not PRESENT: they were imputed. */
  readonly missing: number
  /** Inputs with such a value, the first `missingNamesMax` of them. */
  readonly missingInputs: readonly string[]
  /** Age of the oldest value that was looked up and present; undefined without any. */
  readonly oldestMs: number | undefined
  /** When looked up values happened; undefined without any. */
  readonly lookups: readonly PredictedLookup[] | undefined
}

/** Enough to see what is wrong; an answer of a wide model stays short. */
export const missingNamesMax = 10

/**
 * Writes what `gaps` names into `x`. Throws E_TENSOR_MISSING when the request and the name of the
 * model do not say enough, E_FEATURE_VALUE for what is missing and not imputed, and what
 * `FeatureSource.fill` throws.
 */
export async function fillGaps(
  request: Pick<ReadRequest, 'rows' | 'x'> & { readonly gaps: Gaps },
  reader: InputReader,
  model: string,
  nowMs: () => number,
): Promise<Filled & Pick<ReadRequest, 'outOfRange'>> {
  const { gaps, rows, x } = request
  const source = must(reader.source, 'only a family with a source has gaps')
  const columns = withName(gaps.columns, source, model, rows)
  checkEnough(gaps, columns, reader)
  const found = await source.fill({ columns, rows, inputs: gaps.inputs })
  const now = nowMs()
  const outOfRange: string[] = []
  const missingInputs: string[] = []
  const lookups: PredictedLookup[] = []
  let [lookedUp, missing, oldestMs] = [0, 0, -1]
  for (const [i, input] of gaps.inputs.entries()) {
    const filled = must(found[i], 'an answer an input')
    assert(filled.values.length === rows, 'a value a row')
    const { name } = reader.signature.inputs[input]!
    if (write(filled, input, reader, x)) outOfRange.push(name)
    if (filled.statuses === undefined) continue
    lookedUp += rows
    const absent = countAbsent(filled.statuses)
    missing += absent
    if (absent > 0 && missingInputs.length < missingNamesMax) missingInputs.push(name)
    if (filled.eventMs !== undefined) lookups.push({ input, eventMs: filled.eventMs })
    for (const eventMs of filled.eventMs ?? []) {
      if (now - eventMs > oldestMs) oldestMs = now - eventMs
    }
  }
  return {
    computed: gaps.inputs.length * rows - lookedUp,
    lookedUp,
    missing,
    missingInputs,
    oldestMs: oldestMs < 0 ? undefined : oldestMs,
    lookups: lookups.length > 0 ? lookups : undefined,
    outOfRange: outOfRange.length > 0 ? outOfRange : undefined,
  }
}

function countAbsent(statuses: readonly FeatureStatus[]): number {
  let absent = 0
  for (const status of statuses) if (status !== 'PRESENT') absent++
  return absent
}

/** What was sent counts before what the name says: one model may be asked about others' rows. */
function withName(
  sent: Gaps['columns'],
  source: FeatureSource,
  model: string,
  rows: number,
): ReadonlyMap<string, readonly RowValue[]> {
  const columns = new Map(sent)
  for (const [name, value] of source.named(model)) {
    if (!columns.has(name)) columns.set(name, new Array<RowValue>(rows).fill(value))
  }
  return columns
}

function checkEnough(gaps: Gaps, columns: Gaps['columns'], reader: InputReader): void {
  const lacking = new Set<string>()
  const inputs: string[] = []
  for (const input of gaps.inputs) {
    const absent = reader.source?.follows[input]?.filter(name => !columns.has(name)) ?? []
    if (absent.length === 0) continue
    inputs.push(reader.signature.inputs[input]!.name)
    for (const name of absent) lacking.add(name)
  }
  if (inputs.length === 0) return
  const listed = (names: Iterable<string>) => [...names].map(name => `\`${name}\``).join(', ')
  throw new MusterError(
    'E_TENSOR_MISSING',
    `${listed(inputs)} ${inputs.length === 1 ? 'is' : 'are'} missing`,
    {
      field: inputs[0]!,
      hint: `send ${listed(lacking)}, from which Muster has the rest, or all inputs`,
    },
  )
}

/** Gives whether a value lies outside of what training saw. */
function write(filled: FilledInput, input: number, reader: InputReader, x: Float32Array): boolean {
  const { name, mayBeMissing } = reader.signature.inputs[input]!
  const low = reader.lows[input]!
  const high = reader.highs[input]!
  let outside = false
  const values = numbersOf(filled.values, reader, input)
  for (let row = 0, at = input; row < values.length; row++, at += reader.count) {
    const value = values[row]!
    if (!mayBeMissing && Number.isNaN(value)) throw absent(name, row, filled.statuses?.[row])
    x[at] = value
    if (value < low || value > high) outside = true
  }
  return outside
}

function numbersOf(
  values: FilledInput['values'],
  reader: InputReader,
  input: number,
): Float32Array {
  if (values instanceof Float32Array) return values
  return Float32Array.from(values, text => codeOfText(reader, input, text))
}

function absent(name: string, row: number, status: string | undefined): MusterError {
  const why = status === undefined ? 'comes out as null' : `is ${status} in the online store`
  return new MusterError('E_FEATURE_VALUE', `\`${name}\` of row ${row} ${why}`, {
    field: name,
    hint: 'send a value: the feature view declares no `impute` for it',
    extra: status === undefined ? {} : { featureStatus: status },
  })
}
