import { MusterError } from '../base/errors.ts'
import type { TensorSignature } from '../fleet/index.ts'
import { checkFormat } from './check-format.ts'
import { type DeclaredValue, type LeftOut, readValue, signatureOf } from './check-signature.ts'
import { type Field, type Span, unreadable, Wire, wireType } from './wire.ts'

/*
 * Looks at a model that somebody else made, before any session sees it: what it is, that it brings
 * all of its values, that it has only operators of the standard, and how large it is, through every
 * subgraph, attribute and function. The field numbers are those of onnx.proto (IR 13). Pure, and
 * without a call per level: a graph nested ten thousand deep costs a number in a list.
 */

export interface ModelLimits {
  /** Bytes of the file. 256 MiB: a model of a fleet; the larger ones want a server of their own. */
  readonly bytesMax: number
  /** Operators, in all subgraphs. 100,000: ten times the largest of the public model zoo. */
  readonly nodesMax: number
  /** Graphs inside of graphs (If, Loop, Scan). 16: no exporter writes more than a few. */
  readonly depthMax: number
  /** Fields of the file: a forest of a million splits has twelve million; read in half a second. */
  readonly fieldsMax: number
  /** Inputs, and outputs. */
  readonly valuesMax: number
}

export const modelLimits: ModelLimits = {
  bytesMax: 256 * 1_048_576,
  nodesMax: 100_000,
  depthMax: 16,
  fieldsMax: 20_000_000,
  valuesMax: 1_024,
}

export interface CheckedModel {
  readonly signature: TensorSignature
  /** Outputs that are no tensors, which are not served. */
  readonly leftOut: readonly LeftOut[]
  readonly nodes: number
  readonly irVersion: number
  readonly opset: number
  readonly producer: string
}

/** What ONNX Runtime 1.30 reads. */
const irVersions = { min: 3, max: 13 }
const opsets = { min: 7, max: 26 }
const domains: ReadonlySet<string> = new Set(['', 'ai.onnx', 'ai.onnx.ml'])
/** Characters of a name or domain. */
const nameMax = 512

type Kind = 'model' | 'graph' | 'node' | 'attribute' | 'tensor' | 'sparse' | 'function' | 'training'

/** Which fields are messages to be walked: of each kind, by the number of the field. */
const walked: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
}

interface Frame extends Span {
  readonly kind: Kind
  /** Graphs around it. */
  readonly depth: number
  /** Whether it is the graph of the model itself, or a value of that. */
  readonly top: boolean
}

interface Found {
  readonly inputs: DeclaredValue[]
  readonly outputs: DeclaredValue[]
  readonly initialized: Set<string>
  nodes: number
  graphs: number
  irVersion: number
  opset: number
  producer: string
}

/**
 * The signature and size of a model, or why it is not taken: E_MODEL_FORMAT, E_MODEL_SIZE,
 * E_MODEL_PARSE, E_MODEL_EXTERNAL_DATA, E_MODEL_OP_DOMAIN, E_MODEL_VERSION, E_MODEL_SIGNATURE.
 */
export function checkModel(bytes: Uint8Array, limits: ModelLimits = modelLimits): CheckedModel {
  if (bytes.length === 0) throw unreadable('it is empty')
  checkFormat(bytes)
  checkModelSize(bytes.length, limits)
  const wire = new Wire(bytes, limits.fieldsMax)
  const found: Found = {
    inputs: [],
    outputs: [],
    initialized: new Set(),
    nodes: 0,
    graphs: 0,
    irVersion: 0,
    opset: 0,
    producer: '',
  }
  const frames: Frame[] = [{ kind: 'model', at: 0, end: bytes.length, depth: 0, top: false }]
  while (frames.length > 0) {
    const frame = frames.at(-1)!
    if (frame.at >= frame.end) {
      frames.pop()
      continue
    }
    const field = wire.next(frame)
    const kind = walked[frame.kind][field.number]
    if (kind !== undefined) {
      if (field.type !== wireType.bytes) throw unreadable(`a ${kind} is not a message`)
      frames.push(enter(kind, field, frame, found, limits))
    } else look(frame, field, wire, found, limits)
  }
  if (found.graphs === 0) throw unreadable('it has no graph')
  checkVersions(found)
  const { irVersion, opset, nodes, producer } = found
  return { ...signatureOf(found), nodes, irVersion, opset, producer }
}

/** Throws E_MODEL_SIZE with both sizes. */
export function checkModelSize(bytes: number, limits: ModelLimits = modelLimits): void {
  if (bytes <= limits.bytesMax) return
  throw new MusterError(
    'E_MODEL_SIZE',
    `the model has ${bytes} bytes; the limit is ${limits.bytesMax}`,
    { hint: 'prune or quantise it, or serve it from a server of its own' },
  )
}

function enter(kind: Kind, field: Field, within: Frame, found: Found, limits: ModelLimits): Frame {
  let { depth } = within
  if (kind === 'node') {
    found.nodes += 1
    if (found.nodes > limits.nodesMax) {
      throw new MusterError('E_MODEL_SIZE', `the model has more than ${limits.nodesMax} operators`)
    }
  }
  if (kind === 'graph') {
    depth += 1
    found.graphs += 1
    if (depth > limits.depthMax) {
      throw new MusterError(
        'E_MODEL_SIZE',
        `the graphs of the model are nested more than ${limits.depthMax} deep`,
      )
    }
  }
  const top = kind === 'graph' ? within.kind === 'model' : within.top && within.kind !== 'node'
  return { kind, at: field.from, end: field.to, depth, top }
}

/** A field that is not walked: what it says of the model. */
function look(frame: Frame, field: Field, wire: Wire, found: Found, limits: ModelLimits): void {
  const { number } = field
  switch (frame.kind) {
    case 'model':
      if (number === 1) found.irVersion = field.value
      else if (number === 2) found.producer = wire.text(field, nameMax)
      else if (number === 8) readOpset(wire, field, found)
      break
    case 'node':
      if (number === 7) checkDomain(wire.text(field, nameMax))
      break
    case 'tensor':
      if (number === 13 || (number === 14 && field.value !== 0)) throw external()
      if (number === 8 && frame.top) found.initialized.add(wire.text(field, nameMax))
      break
    case 'graph':
      if (!frame.top || (number !== 11 && number !== 12)) break
      takeValue(number === 11 ? found.inputs : found.outputs, readValue(wire, field), limits)
      break
    default:
  }
}

function takeValue(into: DeclaredValue[], value: DeclaredValue, limits: ModelLimits): void {
  if (into.length >= limits.valuesMax) {
    throw new MusterError(
      'E_MODEL_SIZE',
      `the model has more than ${limits.valuesMax} inputs or outputs`,
      { hint: 'give it one input with a column for each' },
    )
  }
  into.push(value)
}

function readOpset(wire: Wire, { from, to }: Field, found: Found): void {
  const span: Span = { at: from, end: to }
  let [domain, version] = ['', 0]
  while (span.at < span.end) {
    const field = wire.next(span)
    if (field.number === 1) domain = wire.text(field, nameMax)
    if (field.number === 2) version = field.value
  }
  if (domain === '' || domain === 'ai.onnx') found.opset = version
}

function checkDomain(domain: string): void {
  if (domains.has(domain)) return
  throw new MusterError(
    'E_MODEL_OP_DOMAIN',
    `the model has an operator of the domain \`${domain.replace(/[^\x20-\x7e]/g, '?')}\``,
    {
      hint:
        'only the operators of ONNX itself and of ai.onnx.ml are run: export without custom or ' +
        'fused ones, and inline functions (onnx.inliner.inline_local_functions)',
    },
  )
}

function external(): MusterError {
  return new MusterError(
    'E_MODEL_EXTERNAL_DATA',
    'the model keeps values in another file, by a path',
    { hint: 'save it as one file: onnx.save(model, path, save_as_external_data=False)' },
  )
}

function checkVersions({ irVersion, opset }: Found): void {
  if (irVersion < irVersions.min || irVersion > irVersions.max) {
    throw new MusterError(
      'E_MODEL_VERSION',
      `the file is of IR version ${irVersion}; ${irVersions.min} to ${irVersions.max} are read`,
      { hint: 'export it with a release of onnx from 2018 on, and not of tomorrow' },
    )
  }
  // A model of nothing but ai.onnx.ml needs no operators of ONNX itself.
  if (opset !== 0 && (opset < opsets.min || opset > opsets.max)) {
    throw new MusterError(
      'E_MODEL_VERSION',
      `the model is of opset ${opset}; ${opsets.min} to ${opsets.max} are run`,
      { hint: 'convert it: onnx.version_converter.convert_version(model, 17)' },
    )
  }
}
