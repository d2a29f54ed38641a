import { must } from '../base/assert.ts'
import type { Transform, ViewFeature } from '../spec/index.ts'
import { axis, type GraphWriter } from './graph-writer.ts'
import type { RowLayout, StepGroup, StepKind } from './row-layout.ts'
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
  return columns.length === 1 ? columns[0]! : graph.op('Concat', columns, '/design', axis(1))
}

class GroupSteps {
  readonly #graph: GraphWriter
  readonly #features: readonly ViewFeature[]
  readonly #group: StepGroup
  readonly #index: number

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
  }

  /** Gives the tensors of the group's columns: one, or sines and cosines. */
  write(raw: string): readonly string[] {
    let x = raw
    for (const [at, kind] of this.#group.kinds.entries()) {
      const step = `/group${this.#index}.step${at}`
      if (kind === 'cyclic') return this.#cyclic(x, step, at)
      x = this.#step(kind, x, step, at)
    }
    return [x]
  }

  #step(kind: Exclude<StepKind, 'cyclic'>, x: string, step: string, at: number): string {
    const graph = this.#graph
    switch (kind) {
      case 'impute': {
        const missing = graph.op('IsNaN', [x], `${step}.missing`)
        return graph.op('Where', [missing, pieceName.fills(this.#index), x], step)
      }
      case 'standard': {
        const centred = graph.op('Sub', [x, pieceName.centers(this.#index)], `${step}.centred`)
        return graph.op('Mul', [centred, pieceName.scales(this.#index)], step)
      }
      case 'clip': {
        const low = this.#constants(`${step}.low`, at, s => (s.kind === 'clip' ? s.low : 0))
        const high = this.#constants(`${step}.high`, at, s => (s.kind === 'clip' ? s.high : 0))
        const raised = graph.op('Max', [x, low], `${step}.raised`)
        return graph.op('Min', [raised, high], step)
      }
      case 'log': {
        const size = graph.op('Abs', [x], `${step}.size`)
        const one = graph.floats(`${step}.one`, [], [1])
        const grown = graph.op('Add', [size, one], `${step}.grown`)
        const padded = this.#pad(grown, step)
        const log = this.#cut(graph.op('Log', [padded], `${step}.log`))
        const sign = graph.op('Sign', [x], `${step}.sign`)
        return graph.op('Mul', [sign, log], step)
      }
      default:
        return kind satisfies never
    }
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
