import { assert } from '../base/assert.ts'
import type { ViewFeature } from '../spec/index.ts'
import { type Categories, categoriesProperty } from './categories.ts'
import { writeDesign } from './design-graph.ts'
import { axis, GraphWriter } from './graph-writer.ts'
import {
  type Crosses,
  type GraphHead,
  type RowLayout,
  rowLayout,
  type StepGroup,
} from './row-layout.ts'
import { pieceName, rowPieces } from './row-pieces.ts'

/** What a graph is made from beside the features of a view and its head. */
export interface GraphMore {
  readonly crosses?: Crosses | undefined
  /** What the codes of its category features stand for. */
  readonly categories?: Categories | undefined
}

/**
 * The one graph of a family, whose weights are an input: `x` [n, features] float32, NaN is missing
 * and a category is its code; `parameters` [m, width] float32, a row for every row of `x` or one
 * for all; output `y` [n, 1]. Equal arguments give equal bytes.
 *
 * The answer for a row does not depend on n, m, its place in the batch or the other rows, to the
 * last bit.
 */
export function buildFamilyGraph(
  features: readonly ViewFeature[],
  head: GraphHead,
  { crosses, categories }: GraphMore = {},
): Uint8Array {
  const layout = rowLayout(features, head, crosses)
  const graph = new GraphWriter()
  const x = graph.input('x', ['n', layout.inputs])
  const parameters = graph.input('parameters', ['m', layout.width])
  const pieces = rowPieces(layout)
  graph.split(parameters, pieces)
  if (head.kind === 'linear') {
    const rawOf = splitByGroup(graph, x, layout)
    writeLinear(graph, features, layout, head.output, rawOf, 'y')
  } else {
    const season = head.season < 0 ? x : takeColumn(graph, x, head.season)
    writeCells(graph, layout, head, season, 'y')
  }
  graph.output('y', ['n', 1])
  return graph.finish({ graph: 'family', doc: '', properties: categoriesProperty(categories) })
}

/**
 * Weights times columns, summed, plus bias. The sum is a product with a vector of ones: `ReduceSum`
 * adds in an order that depends on where in memory a row begins (measured on 1.30), `MatMul` does
 * not.
 */
export function writeLinear(
  graph: GraphWriter,
  features: readonly ViewFeature[],
  layout: RowLayout,
  output: 'identity' | 'sigmoid',
  rawOf: (group: StepGroup, index: number) => string,
  name: string,
): void {
  const design = writeDesign(graph, features, layout, rawOf)
  const terms = graph.op('Mul', [design, pieceName.weights], '/terms')
  const ones = new Float32Array(layout.columns).fill(1)
  const sum = graph.op('MatMul', [terms, graph.floats('/ones', [layout.columns, 1], ones)], '/sum')
  if (output === 'identity') {
    graph.op('Add', [sum, pieceName.bias], name)
    return
  }
  graph.op('Sigmoid', [graph.op('Add', [sum, pieceName.bias], '/logit')], name)
}

/**
 * The cell of each row's season. A missing season that nothing fills gives NaN. The place of a
 * value is (row of the parameters, cell); the row is 0 for all when there is one row of parameters.
 *
 * `season` is the raw season [n, 1]; without one, any tensor of n rows.
 */
export function writeCells(
  graph: GraphWriter,
  layout: RowLayout,
  head: GraphHead & { kind: 'cells' },
  season: string,
  name: string,
): void {
  const zero = graph.int64s('/zero', [0], 'scalar')
  const one = graph.int64s('/one', [1], 'scalar')
  const column = graph.int64s('/column', [1])
  const rows = graph.op('Shape', [season], '/rows', { name: 'start', i: 0 }, { name: 'end', i: 1 })
  const count = graph.op('Squeeze', [rows], '/rows.count')
  const range = graph.op('Range', [zero, count, one], '/range')
  const held = graph.op(
    'Shape',
    [pieceName.cells],
    '/held',
    { name: 'start', i: 0 },
    { name: 'end', i: 1 },
  )
  const last = graph.op('Sub', [held, column], '/held.last')
  const parameterRow = graph.op('Min', [range, last], '/parameter.row')
  const rowColumn = graph.op('Unsqueeze', [parameterRow, column], '/parameter.row.column')
  const { cell, missing } = writeCell(graph, layout, head, season, rowColumn)
  const place = graph.op('Concat', [rowColumn, cell], '/place', axis(1))
  const found = graph.op('GatherND', [pieceName.cells, place], '/found')
  if (missing === undefined) {
    graph.op('Unsqueeze', [found, column], name)
    return
  }
  const value = graph.op('Unsqueeze', [found, column], '/value')
  const nothing = graph.floats('/nothing', [], [Number.NaN])
  graph.op('Where', [missing, nothing, value], name)
}

/** The number of the cell, int64 [n, 1], and where the season is missing for good. */
function writeCell(
  graph: GraphWriter,
  layout: RowLayout,
  head: GraphHead & { kind: 'cells' },
  season: string,
  rowColumn: string,
): { cell: string; missing: string | undefined } {
  if (head.season < 0)
    return { cell: graph.op('Sub', [rowColumn, rowColumn], '/cell'), missing: undefined }
  const missing = graph.op('IsNaN', [season], '/season.missing')
  const filler = layout.fills.length > 0 ? pieceName.seasonFill : graph.floats('/first', [], [0])
  const filled = graph.op('Where', [missing, filler, season], '/season.filled')
  const whole = graph.op('Floor', [filled], '/season.whole')
  const integer = graph.op('Cast', [whole], '/season.integer', { name: 'to', i: 7 })
  const cells = graph.int64s('/cells.count', [head.cells], 'scalar')
  // With integers, Mod takes the sign of the divisor: never negative.
  const cell = graph.op('Mod', [integer, cells], '/cell')
  return { cell, missing: layout.fills.length > 0 ? undefined : missing }
}

/** Raw columns in the order of the groups, then one cut. */
function splitByGroup(
  graph: GraphWriter,
  x: string,
  layout: RowLayout,
): (group: StepGroup, index: number) => string {
  const order = layout.groups.flatMap(group => group.features)
  assert(order.length === layout.inputs, 'every feature is in one group')
  const inOrder = order.every((feature, at) => feature === at)
  const raw = inOrder ? x : graph.op('Gather', [x, graph.int64s('/order', order)], '/raw', axis(1))
  if (layout.groups.length === 1) return () => raw
  const pieces = layout.groups.map((group, index) => ({
    name: `/group${index}.raw`,
    count: group.features.length,
  }))
  graph.split(raw, pieces)
  return (_group, index) => pieces[index]!.name
}

function takeColumn(graph: GraphWriter, x: string, column: number): string {
  return graph.op('Gather', [x, graph.int64s('/season.column', [column])], '/season', axis(1))
}
