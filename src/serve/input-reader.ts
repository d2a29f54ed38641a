import type { Signature } from '../fleet/index.ts'
import { type Categories, codeOf, type Dictionary, dictionaryOf } from '../onnx/index.ts'
import type { FeatureSource, RowColumn } from './feature-source.ts'

/**
 * The tensor [rows, inputs], row-major, that may stand for all inputs of a model, in the order of
 * its metadata: what clients of other servers have, and a third of the bytes. It has a name of its
 * own, for the columns of any other tensor may stand in another order, and nothing would tell.
 */
export const matrixName = 'features'

/** Whether a model's inputs are all numbers, and none has the name of that tensor. */
export function takesMatrix({ inputs }: Signature, source: FeatureSource | undefined): boolean {
  const named = [...inputs, ...(source?.columns ?? [])]
  return (
    inputs.every(({ datatype }) => datatype === 'FP32') &&
    named.every(({ name }) => name !== matrixName)
  )
}

/** A signature made ready for look-ups, once per generation of a family. */
export interface InputReader {
  readonly signature: Signature
  readonly count: number
  readonly columns: ReadonlyMap<string, number>
  /** What training saw of each column; -Infinity and Infinity where that is not known. */
  readonly lows: Float32Array
  readonly highs: Float32Array
  /**
   * For each column, the request it was last seen in: finds doubles without an allocation per
   * request.
   */
  readonly seen: Uint32Array
  stamp: number
  /** Has inputs that a request leaves out, from columns of the row. */
  readonly source: FeatureSource | undefined
  readonly rowColumns: ReadonlyMap<string, RowColumn> | undefined
  /** Columns that are an input too: what is sent for the one counts for the other. */
  readonly sharedColumns: ReadonlyMap<string, RowColumn> | undefined
  /** By input that is a category: the codes of its texts in the graph that answers. */
  readonly dictionaries: readonly (Dictionary | undefined)[]
  /** And the texts of those codes. */
  readonly texts: readonly (readonly string[] | undefined)[]
  readonly takesMatrix: boolean
  /** Inputs of which a missing value is as good as an unknown one. */
  readonly unknownIfMissing: readonly number[]
}

/** `categories`: what the codes of the graph stand for that answers. */
export function inputReader(
  signature: Signature,
  source?: FeatureSource,
  categories: Categories = {},
): InputReader {
  const { inputs } = signature
  const texts = inputs.map(({ name, datatype }) =>
    datatype === 'BYTES' ? categories[name] : undefined,
  )
  const dictionaries = texts.map(known => known && dictionaryOf(known))
  const count = inputs.length
  const columns = new Map(inputs.map((input, column) => [input.name, column]))
  const byName = (wanted: readonly RowColumn[] | undefined) =>
    wanted && new Map(wanted.map(column => [column.name, column]))
  return {
    signature,
    count,
    columns,
    // The code of an unknown text is below that of every known one.
    lows: Float32Array.from(inputs, (input, i) =>
      dictionaries[i] ? 0 : (input.min ?? Number.NEGATIVE_INFINITY),
    ),
    highs: Float32Array.from(inputs, input => input.max ?? Number.POSITIVE_INFINITY),
    seen: new Uint32Array(count),
    stamp: 0,
    source,
    rowColumns: byName(source?.columns.filter(({ name }) => !columns.has(name))),
    sharedColumns: byName(source?.columns.filter(({ name }) => columns.has(name))),
    dictionaries,
    texts,
    takesMatrix: takesMatrix(signature, source),
    unknownIfMissing: inputs.flatMap((input, i) => (input.unknownIfMissing ? [i] : [])),
  }
}

/** Names of the inputs that some row of `x` misses and nothing imputes; undefined when none. */
export function missedInputs(
  reader: InputReader,
  x: Float32Array,
  rows: number,
): readonly string[] | undefined {
  if (reader.unknownIfMissing.length === 0) return undefined
  const missed = reader.unknownIfMissing.filter(input => {
    for (let row = 0, at = input; row < rows; row++, at += reader.count) {
      if (Number.isNaN(x[at]!)) return true
    }
    return false
  })
  return missed.length > 0 ? missed.map(input => reader.signature.inputs[input]!.name) : undefined
}

/** What the graph reads in the place of a text; NaN, for missing, where it reads none. */
export function codeOfText(reader: InputReader, column: number, text: string | null): number {
  const dictionary = reader.dictionaries[column]
  return text === null || !dictionary ? Number.NaN : codeOf(dictionary, text)
}
