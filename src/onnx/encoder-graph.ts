import type { GraphWriter } from './graph-writer.ts'
import { pieceName } from './row-pieces.ts'

const asFloat = { name: 'to', i: 1 }
const asBool = { name: 'to', i: 9 }

/**
 * The steps that compare a value with fitted ones, for a group of `features` columns at once. Every
 * comparison and every sum here is exact (of the terms of a sum all but one are zero), so nothing
 * depends on the place in the batch, `ReduceSum` included. NaN equals nothing, and is in no bucket.
 */
export class EncoderNodes {
  readonly #graph: GraphWriter
  readonly #features: number
  readonly #group: number

  constructor(graph: GraphWriter, features: number, group: number) {
    this.#graph = graph
    this.#features = features
    this.#group = group
  }

  /** [n, most * features] of 0 and 1: whether the value is the first code, the second ... */
  hits(x: string, most: number, name: string): string {
    const codes = pieceName.of('codes', this.#group)
    const equal = this.#graph.op('Equal', [this.#repeat(x, most, name), codes], `${name}.equal`)
    return this.#graph.op('Cast', [equal], `${name}.hits`, asFloat)
  }

  /** [n, features]: which code the value is, counted from 0; `others` where it is none. */
  places(x: string, most: number, others: string, name: string): string {
    const graph = this.#graph
    const places = Array.from({ length: most * this.#features }, (_, i) =>
      Math.floor(i / this.#features),
    )
    const numbers = graph.floats(`${name}.places`, [1, places.length], places)
    return this.#lookUp(this.hits(x, most, name), numbers, most, others, name)
  }

  /** [n, features]: the encoding of the value's code; the prior where it is none. */
  encodings(x: string, most: number, name: string): string {
    const own = pieceName.of('encodings', this.#group)
    const prior = pieceName.of('prior', this.#group)
    return this.#lookUp(this.hits(x, most, name), own, most, prior, name)
  }

  /** [n, count * features] of 0 and 1: whether the value is in the first bucket, the second ... */
  buckets(x: string, count: number, name: string): string {
    const graph = this.#graph
    const edges = pieceName.of('edges', this.#group)
    const beyond = (end: 'low' | 'high', limit: number): string => {
      // Of a matrix: rows and columns before, rows and columns behind.
      const room = end === 'low' ? [0, this.#features, 0, 0] : [0, 0, 0, this.#features]
      const added = [
        graph.int64s(`${name}.${end}.room`, room),
        graph.floats(`${name}.${end}.limit`, [], [limit]),
      ]
      return graph.op('Pad', [edges, ...added], `${name}.${end}`)
    }
    const repeated = this.#repeat(x, count, name)
    const low = beyond('low', Number.NEGATIVE_INFINITY)
    const high = beyond('high', Number.POSITIVE_INFINITY)
    const reached = graph.op('GreaterOrEqual', [repeated, low], `${name}.reached`)
    const below = graph.op('Less', [repeated, high], `${name}.below`)
    const within = graph.op('And', [reached, below], `${name}.within`)
    return graph.op('Cast', [within], `${name}.buckets`, asFloat)
  }

  /** All columns, `times` over: [n, times * features]. */
  #repeat(x: string, times: number, name: string): string {
    const repeats = this.#graph.int64s(`${name}.repeats`, [1, times])
    return this.#graph.op('Tile', [x, repeats], `${name}.repeated`)
  }

  #lookUp(hits: string, values: string, most: number, others: string, name: string): string {
    const graph = this.#graph
    const shape = graph.int64s(`${name}.shape`, [-1, most, this.#features])
    const middle = graph.int64s(`${name}.middle`, [1])
    const sum = (terms: string, of: string): string => {
      const cube = graph.op('Reshape', [terms, shape], `${name}.${of}.terms`)
      return graph.op('ReduceSum', [cube, middle], `${name}.${of}`, { name: 'keepdims', i: 0 })
    }
    const found = graph.op('Cast', [sum(hits, 'found')], `${name}.is.found`, asBool)
    const picked = sum(graph.op('Mul', [hits, values], `${name}.picks`), 'picked')
    return graph.op('Where', [found, picked, others], name)
  }
}
