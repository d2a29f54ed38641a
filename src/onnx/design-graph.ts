import { must } from '../base/assert.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'
import { EncoderNodes } from './encoder-graph.ts'
import { axis, type GraphWriter } from './graph-writer.ts'
import type { RowLayout, StepGroup } from './row-layout.ts'
import { pieceName } from './row-pieces.ts'

/*
 * The transforms as ONNX nodes, one step for a whole group of columns at a time. `design.ts` is the
 * same in float64.
 *
 * An answer must not depend on who else is in the batch. ONNX Runtime computes Sin, Cos and Log
 * with vector instructions, and the last few values of a tensor, which do not fill a vector, by
 * another routine that rounds differently (measured on 1.30: one value in ten has another last
 * bit). So those three are given `padRows` more rows, cut off again afterwards, and every value
 * that counts goes through the vector routine.
 */

/** Values in the widest vector register that ONNX Runtime knows (AVX-512: 16 float32). */
const padRows = 16

/**
 * Writes the design columns [n, columns] in the layout's order, and gives the name of the tensor.
 *
 * `rawOf` gives the raw columns [n, features] of a group.
 */
export function writeDesign(
  graph: GraphWriter,
  features: readonly ViewFeature[],
  layout: RowLayout,
  rawOf: (group: StepGroup, index: number) => string,
): string {
  const columns = layout.groups.flatMap((group, index) => {
    const at = new GroupSteps(graph, features, group, index)
    return at.write(rawOf(group, index))
  })
  const own = columns.length === 1 ? columns[0]! : graph.op('Concat', columns, '/design', axis(1))
  if (layout.crosses.length === 0) return own
  const side = (name: 'left' | 'right'): string => {
    const places = layout.crosses.map(cross => cross[name])
    const from = graph.int64s(`/cross.${name}.columns`, places)
    return graph.op('Gather', [own, from], `/cross.${name}`, axis(1))
  }
  const products = graph.op('Mul', [side('left'), side('right')], '/crosses')
  return graph.op('Concat', [own, products], '/design.crossed', axis(1))
}

class GroupSteps {
  readonly #graph: GraphWriter
  readonly #features: readonly ViewFeature[]
  readonly #group: StepGroup
  readonly #index: number
  readonly #encoder: EncoderNodes

  constructor(
    graph: GraphWriter,
    features: readonly ViewFeature[],
    group: StepGroup,
    index: number,
  ) {
    this.#graph = graph
    this.#features = features
    this.#group = group
    this.#index = index
    this.#encoder = new EncoderNodes(graph, group.features.length, index)
  }

  /** Gives the tensors of the group's columns, part by part: sines, cosines, whether missing. */
  write(raw: string): readonly string[] {
    let columns: readonly string[] = [raw]
    const indicators: string[] = []
    for (const [at, step] of this.#group.steps.entries()) {
      const [x] = columns
      const name = `/group${this.#index}.step${at}`
      columns = this.#step(step, must(x, 'a step has a column'), name, at)
      if (step.kind !== 'impute' || !step.indicator) continue
      const asFloat = { name: 'to', i: 1 }
      indicators.push(this.#graph.op('Cast', [`${name}.missing`], `${name}.indicator`, asFloat))
    }
    return [...columns, ...indicators]
  }

  #step(step: Transform, x: string, name: string, at: number): readonly string[] {
    const graph = this.#graph
    switch (step.kind) {
      case 'impute': {
        const missing = graph.op('IsNaN', [x], `${name}.missing`)
        return [graph.op('Where', [missing, pieceName.of('fill', this.#index), x], name)]
      }
      case 'standard':
      case 'minmax':
      case 'robust': {
        const center = pieceName.of('center', this.#index)
        const centred = graph.op('Sub', [x, center], `${name}.centred`)
        return [graph.op('Mul', [centred, pieceName.of('scale', this.#index)], name)]
      }
      case 'clip': {
        const low = this.#constants(`${name}.low`, at, s => (s.kind === 'clip' ? s.low : 0))
        const high = this.#constants(`${name}.high`, at, s => (s.kind === 'clip' ? s.high : 0))
        const raised = graph.op('Max', [x, low], `${name}.raised`)
        return [graph.op('Min', [raised, high], name)]
      }
      case 'log':
        return [this.#log(x, name)]
      case 'cyclic':
        return this.#cyclic(x, name, at)
      case 'onehot':
        return [this.#encoder.hits(x, step.most, name)]
      case 'buckets':
        return [this.#encoder.buckets(x, step.count, name)]
      case 'ordinal': {
        const unknown = (s: Transform): number => (s.kind === 'ordinal' ? s.unknown : 0)
        const others = this.#constants(`${name}.unknown`, at, unknown)
        return [this.#encoder.places(x, step.most, others, name)]
      }
      case 'target':
        return [this.#encoder.encodings(x, step.most, name)]
      default:
        return step satisfies never
    }
  }

  #log(x: string, name: string): string {
    const graph = this.#graph
    const size = graph.op('Abs', [x], `${name}.size`)
    const one = graph.floats(`${name}.one`, [], [1])
    const grown = graph.op('Add', [size, one], `${name}.grown`)
    const padded = this.#pad(grown, name)
    const log = this.#cut(graph.op('Log', [padded], `${name}.log`))
    const sign = graph.op('Sign', [x], `${name}.sign`)
    return graph.op('Mul', [sign, log], name)
  }

  /**
   * The rest of the period is taken first, because it is exact: the sine of a large angle is not.
   */
  #cyclic(x: string, step: string, at: number): readonly string[] {
    const graph = this.#graph
    const periodOf = (s: Transform): number => (s.kind === 'cyclic' ? Math.fround(s.period) : 1)
    const period = this.#constants(`${step}.period`, at, periodOf)
    const turn = this.#constants(`${step}.turn`, at, s => (2 * Math.PI) / periodOf(s))
    const rest = graph.op('Mod', [x, period], `${step}.rest`, { name: 'fmod', i: 1 })
    const angle = this.#pad(graph.op('Mul', [rest, turn], `${step}.angle`), step)
    const sine = graph.op('Sin', [angle], `${step}.sin`)
    const cosine = graph.op('Cos', [angle], `${step}.cos`)
    return [this.#cut(sine), this.#cut(cosine)]
  }

  /** One number for the group when all its features agree, which is faster; else one a column. */
  #constants(name: string, at: number, of: (step: Transform) => number): string {
    const values = this.#group.features.map(feature =>
      of(must(this.#features[feature]?.transform[at], 'features of a group have the same steps')),
    )
    const same = values.every(value => value === values[0])
    return same
      ? this.#graph.floats(name, [], values.slice(0, 1))
      : this.#graph.floats(name, [1, values.length], values)
  }

  #pad(x: string, step: string): string {
    const count = this.#group.features.length
    const ones = new Float32Array(padRows * count).fill(1)
    const padding = this.#graph.floats(`${step}.padding`, [padRows, count], ones)
    return this.#graph.op('Concat', [x, padding], `${step}.padded`, axis(0))
  }

  #cut(padded: string): string {
    const graph = this.#graph
    const ends = [graph.int64s(`${padded}.from`, [0]), graph.int64s(`${padded}.to`, [-padRows])]
    return graph.op('Slice', [padded, ...ends], `${padded}.cut`)
  }
}
