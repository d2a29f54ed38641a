import onnxProto from 'onnx-proto'

/*
 * Small models of other people, good and bad, made here so that no file of bytes has to be
 * believed: the endless loop and the 2 GB constant of the reliability notes among them.
 */

const { onnx } = onnxProto

type Plain = Record<string, unknown>

const FLOAT = 1
const INT64 = 7
const BOOL = 9

export function valueInfo(name: string, shape: readonly (number | string)[], elemType = FLOAT) {
  const dim = shape.map(each =>
    typeof each === 'number' ? { dimValue: each } : { dimParam: each },
  )
  return { name, type: { tensorType: { elemType, shape: { dim } } } }
}

export function modelOf(graph: Plain, more: Plain = {}): Uint8Array {
  const model = onnx.ModelProto.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: { name: 'g', ...graph },
    ...more,
  })
  return Uint8Array.from(onnx.ModelProto.encode(model).finish())
}

/** y [n, 1] = x [n, weights] . weights + bias, of another digest for other numbers. */
export function linear(weights: readonly number[], bias = 0): Uint8Array {
  return modelOf({
    node: [{ opType: 'Gemm', input: ['x', 'w', 'b'], output: ['y'] }],
    initializer: [
      { name: 'w', dataType: FLOAT, dims: [weights.length, 1], floatData: [...weights] },
      { name: 'b', dataType: FLOAT, dims: [1], floatData: [bias] },
    ],
    input: [valueInfo('x', ['n', weights.length])],
    output: [valueInfo('y', ['n', 1])],
  })
}

/** One that carries `floats` weights which it needs: of any size on disk and in memory. */
export function heavy(floats: number, seed: number): Uint8Array {
  const values = new Float32Array(floats)
  values[0] = seed
  return modelOf({
    node: [
      { opType: 'ReduceSum', input: ['w'], output: ['s'] },
      { opType: 'Add', input: ['x', 's'], output: ['y'] },
    ],
    initializer: [
      {
        name: 'w',
        dataType: FLOAT,
        dims: [1, floats],
        rawData: new Uint8Array(values.buffer),
      },
    ],
    input: [valueInfo('x', ['n', 1])],
    output: [valueInfo('y', ['n', 1])],
  })
}

/** Runs for ever: a Loop without a trip count whose condition stays true. */
export function endlessLoop(): Uint8Array {
  return modelOf({
    node: [loopOf('')],
    initializer: [truth],
    input: [valueInfo('x', [1])],
    output: [valueInfo('y', [1])],
  })
}

/** As many turns as its input `turns` says: harmless, until somebody asks for many. */
export function asLongAsAsked(): Uint8Array {
  return modelOf({
    node: [loopOf('turns')],
    initializer: [truth],
    input: [valueInfo('x', [1]), valueInfo('turns', [1], INT64)],
    output: [valueInfo('y', [1])],
  })
}

const truth = { name: 'c', dataType: BOOL, dims: [], int32Data: [1] }

function loopOf(turns: string): Plain {
  const body = {
    name: 'b',
    node: [
      { opType: 'Identity', input: ['d'], output: ['e'] },
      { opType: 'Identity', input: ['v'], output: ['w'] },
    ],
    input: [valueInfo('i', [], INT64), valueInfo('d', [], BOOL), valueInfo('v', [1])],
    output: [valueInfo('e', [], BOOL), valueInfo('w', [1])],
  }
  const attribute = [{ name: 'body', type: 5, g: body }]
  return { opType: 'Loop', input: [turns, 'c', 'x'], output: ['y'], attribute }
}

/** Asks for `elements` float32 when it runs, out of a file of less than a hundred bytes. */
export function constantOfShape(elements = 536_870_912): Uint8Array {
  return modelOf({
    node: [{ opType: 'ConstantOfShape', input: ['s'], output: ['y'] }],
    initializer: [{ name: 's', dataType: INT64, dims: [1], int64Data: [elements] }],
    output: [valueInfo('y', ['n'])],
  })
}

/** The same, as large as its input says: harmless, until somebody asks. */
export function asLargeAsAsked(): Uint8Array {
  return modelOf({
    node: [
      { opType: 'ConstantOfShape', input: ['s'], output: ['z'] },
      { opType: 'ReduceSum', input: ['z'], output: ['y'] },
    ],
    input: [valueInfo('s', [1], INT64)],
    output: [valueInfo('y', [1])],
  })
}

/** y = log x: NaN for what is below zero. */
export function logarithm(): Uint8Array {
  return modelOf({
    node: [{ opType: 'Log', input: ['x'], output: ['y'] }],
    input: [valueInfo('x', ['n', 1])],
    output: [valueInfo('y', ['n', 1])],
  })
}

/** If inside of If inside of If: written from the inside, since an encoder would call itself. */
export function nestedIfs(levels: number): Uint8Array {
  const pieces: Buffer[] = []
  let length = 0
  const around = (field: number, before: Buffer) => {
    const header = Buffer.concat([before, Buffer.from([field * 8 + 2]), varint(length)])
    pieces.push(header)
    length += header.length
  }
  const operator = Buffer.concat([Buffer.from([0x22, 2]), Buffer.from('If')])
  const none = Buffer.alloc(0)
  for (let level = 0; level < levels; level++) {
    around(6, none) // a graph of an attribute
    around(5, operator) // of a node
    around(1, none) // of a graph
  }
  around(7, Buffer.from([0x08, 8, 0x42, 2, 0x10, 17])) // of a model: IR 8, opset 17
  return Uint8Array.from(Buffer.concat(pieces.reverse()))
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left % 128) + 128)
  }
}
