import { InferenceSession, Tensor } from 'onnxruntime-node'
import { assert, must } from '../base/assert.ts'
import { sessionOptions } from '../base/session-options.ts'
import { type Categories, readCategories } from './categories.ts'

/*
 * ONNX Runtime sessions. A run computes on the calling thread and cannot be interrupted, so only
 * graphs that we built ourselves are opened here.
 */

/** The graph of a family, open. Closed by `close`, or at the end of an `await using`. */
export class FamilySession implements AsyncDisposable {
  readonly #session: InferenceSession
  /** What the codes of its category features stand for. */
  readonly categories: Categories
  /** Raw features of a row of x. */
  readonly inputs: number
  /** Values in a parameter row. */
  readonly width: number

  constructor(session: InferenceSession, categories: Categories) {
    this.#session = session
    this.categories = categories
    this.inputs = columnsOf(session, 'x')
    this.width = columnsOf(session, 'parameters')
  }

  /**
   * The answers for `rows` rows of `x`, row-major [rows, inputs], with `parameters` [parameterRows,
   * width]: a row for each, or one for all. The arrays are read in place, and may be longer than
   * needed.
   */
  async run(
    x: Float32Array,
    parameters: Float32Array,
    rows: number,
    parameterRows: number = rows,
  ): Promise<Float32Array> {
    assert(
      parameterRows === rows || parameterRows === 1,
      'parameters are one a row, or one for all',
    )
    if (rows === 0) return new Float32Array(0)
    const { y } = await this.#session.run({
      x: tensorOf(x, rows, this.inputs),
      parameters: tensorOf(parameters, parameterRows, this.width),
    })
    return must(y, 'a family graph has the output y').data as Float32Array
  }

  close(): Promise<void> {
    return this.#session.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A standalone model, as `buildMemberModel` writes it, open. */
export class ModelSession implements AsyncDisposable {
  readonly #session: InferenceSession
  readonly inputNames: readonly string[]
  readonly outputName: string

  constructor(session: InferenceSession) {
    this.#session = session
    this.inputNames = session.inputNames
    this.outputName = must(session.outputNames[0], 'a model has an output')
  }

  /**
   * The answers for `rows` rows; `columns` has the raw values of each input, in the order of
   * `inputNames`: numbers, or texts for a category.
   */
  async run(
    columns: readonly (Float32Array | readonly string[])[],
    rows: number,
  ): Promise<Float32Array> {
    assert(columns.length === this.inputNames.length, 'every input has a column')
    if (rows === 0) return new Float32Array(0)
    const feeds: Record<string, Tensor> = {}
    this.inputNames.forEach((name, i) => {
      const column = must(columns[i], 'every input has a column')
      feeds[name] =
        column instanceof Float32Array
          ? tensorOf(column, rows, 1)
          : new Tensor('string', column.slice(0, rows), [rows, 1])
    })
    const answers = await this.#session.run(feeds)
    return must(answers[this.outputName], 'a model answers').data as Float32Array
  }

  close(): Promise<void> {
    return this.#session.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

export async function openFamilySession(graph: Uint8Array): Promise<FamilySession> {
  return new FamilySession(
    await InferenceSession.create(graph, sessionOptions),
    readCategories(graph),
  )
}

export async function openModelSession(model: Uint8Array): Promise<ModelSession> {
  return new ModelSession(await InferenceSession.create(model, sessionOptions))
}

function tensorOf(values: Float32Array, rows: number, columns: number): Tensor {
  const wanted = rows * columns
  assert(values.length >= wanted, `${rows} rows of ${columns} values are there`)
  const exact = values.length === wanted ? values : values.subarray(0, wanted)
  return new Tensor('float32', exact, [rows, columns])
}

function columnsOf(session: InferenceSession, input: string): number {
  const found = session.inputMetadata.find(each => each.name === input)
  assert(found?.isTensor, `a family graph has the input ${input}`)
  const columns = found.shape[1]
  assert(typeof columns === 'number', `${input} has a fixed number of columns`)
  return columns
}
