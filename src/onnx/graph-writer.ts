import onnxProto from 'onnx-proto'

/*
 * Writes ONNX graphs: nodes, constants, inputs, outputs, and at the end the bytes of the model. The
 * same calls give the same bytes: nothing here reads a clock or counts across graphs.
 */

const { onnx } = onnxProto

const FLOAT = 1
const INT64 = 7
const STRING = 8
/** Opset 17 and IR 8 are read by every ONNX Runtime since 1.12 (2022). */
const opset = 17
const irVersion = 8
/** The operators for text, in a version of the same age. */
const textDomain = { domain: 'ai.onnx.ml', version: 2 }

export type Dimension = number | string
export type Attribute = { readonly name: string; readonly i: number }

export interface TextCodes {
  readonly texts: readonly string[]
  readonly codes: readonly number[]
  readonly others: number
}

/** Facts about a model that travel inside its file. */
export interface ModelFacts {
  readonly graph: string
  readonly doc: string
  readonly properties: Readonly<Record<string, string>>
}

/**
 * Names of inner tensors begin with `/`, so that they can never be those of inputs, which are
 * features as people named them.
 */
export class GraphWriter {
  readonly #nodes: object[] = []
  readonly #constants: object[] = []
  readonly #inputs: object[] = []
  readonly #outputs: object[] = []
  #readsText = false

  /** Adds a float32 input of the given shape. A dimension in words varies. Gives its name. */
  input(name: string, shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, shape, FLOAT))
    return name
  }

  textInput(name: string, shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, shape, STRING))
    return name
  }

  output(name: string, shape: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(name, shape, FLOAT))
  }

  /** Numbers in the place of texts: `codes[i]` for `texts[i]`, `others` for all others. */
  encode(input: string, { texts, codes, others }: TextCodes, output: string): string {
    // In base64, because protobufjs passes over an empty array of bytes.
    const utf8 = texts.map(text => Buffer.from(text, 'utf8').toString('base64'))
    this.#readsText = true
    this.#nodes.push({
      opType: 'LabelEncoder',
      domain: textDomain.domain,
      name: output,
      input: [input],
      output: [output],
      attribute: [
        { name: 'keys_strings', type: 8, strings: utf8 },
        { name: 'values_floats', type: 6, floats: [...codes] },
        { name: 'default_float', type: 1, f: others },
      ],
    })
    return output
  }

  /** Adds an operation with one output, and gives the name of it. */
  op(
    operator: string,
    inputs: readonly string[],
    output: string,
    ...attributes: readonly Attribute[]
  ): string {
    this.#add(operator, inputs, [output], attributes)
    return output
  }

  /** Cuts columns into contiguous pieces of the given counts, in order. */
  split(input: string, pieces: readonly { readonly name: string; readonly count: number }[]): void {
    const outputs = pieces.map(piece => piece.name)
    const counts = pieces.map(piece => piece.count)
    const sizes = this.int64s(`${outputs[0]}.sizes`, counts)
    this.#add('Split', [input, sizes], outputs, [axis(1)])
  }

  floats(name: string, shape: readonly number[], values: ArrayLike<number>): string {
    const bytes = new Uint8Array(values.length * 4)
    const view = new DataView(bytes.buffer)
    for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i]!, true)
    this.#constants.push({ name, dataType: FLOAT, dims: [...shape], rawData: bytes })
    return name
  }

  /** A one-dimensional constant; a scalar with `scalar`. */
  int64s(name: string, values: readonly number[], form: 'list' | 'scalar' = 'list'): string {
    const bytes = new Uint8Array(values.length * 8)
    const view = new DataView(bytes.buffer)
    values.forEach((value, i) => {
      view.setBigInt64(i * 8, BigInt(value), true)
    })
    const dims = form === 'scalar' ? [] : [values.length]
    this.#constants.push({ name, dataType: INT64, dims, rawData: bytes })
    return name
  }

  /** The bytes of the model. */
  finish(facts: ModelFacts): Uint8Array {
    const model = onnx.ModelProto.fromObject({
      irVersion,
      producerName: 'muster',
      docString: facts.doc,
      opsetImport: [{ domain: '', version: opset }, ...(this.#readsText ? [textDomain] : [])],
      metadataProps: Object.entries(facts.properties).map(([key, value]) => ({ key, value })),
      graph: {
        name: facts.graph,
        node: this.#nodes,
        initializer: this.#constants,
        input: this.#inputs,
        output: this.#outputs,
      },
    })
    // A copy, because protobufjs hands out a part of a shared pool.
    return Uint8Array.from(onnx.ModelProto.encode(model).finish())
  }

  #add(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: readonly Attribute[],
  ): void {
    this.#nodes.push({
      opType: operator,
      name: outputs[0],
      input: [...inputs],
      output: [...outputs],
      attribute: attributes.map(({ name, i }) => ({ name, type: 2, i })),
    })
  }
}

export function axis(of: number): Attribute {
  return { name: 'axis', i: of }
}

function valueInfo(name: string, shape: readonly Dimension[], elemType: number): object {
  const dim = shape.map(d => (typeof d === 'string' ? { dimParam: d } : { dimValue: d }))
  return { name, type: { tensorType: { elemType, shape: { dim } } } }
}
