import { assert } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { ViewFeature } from '../spec/index.ts'
import { unknownCode } from './categories.ts'
import { type GraphMore, writeCells, writeLinear } from './family-graph.ts'
import { axis, GraphWriter } from './graph-writer.ts'
import { type GraphHead, rowLayout, type StepGroup } from './row-layout.ts'
import { rowPieces } from './row-pieces.ts'

export interface ModelAbout {
  readonly name: string
  readonly version: number
  /** For people who open the file elsewhere: what it predicts, in which unit. */
  readonly doc: string
}

/**
 * One member as an ONNX file that needs nothing else: an input [n, 1] for each feature, named as
 * it is, float32 with NaN for missing, or string for a category, where an empty text is missing;
 * output `prediction` or `probability` [n, 1]. Its answers are those of the family's graph with the
 * same row, to the last bit.
 *
 * Throws E_SPEC when a feature is named as the output is.
 */
export function buildMemberModel(
  features: readonly ViewFeature[],
  head: GraphHead,
  row: Float32Array,
  about: ModelAbout,
  { crosses, categories }: GraphMore = {},
): Uint8Array {
  const layout = rowLayout(features, head, crosses)
  assert(row.length === layout.width, 'the row is as wide as its layout')
  const output = outputName(head)
  const graph = new GraphWriter()
  const inputs = features.map(feature => {
    if (feature.name === output) {
      throw new MusterError('E_SPEC', `a feature is named \`${output}\`, as the output is`, {
        field: feature.name,
        hint: 'Give the feature another name in a new version of the view.',
      })
    }
    return feature.type === 'category'
      ? writeCategory(graph, feature.name, categories?.[feature.name] ?? [])
      : graph.input(feature.name, ['n', 1])
  })
  for (const { name, offset, count } of rowPieces(layout)) {
    graph.floats(name, [1, count], row.subarray(offset, offset + count))
  }
  if (head.kind === 'linear') {
    const rawOf = (group: StepGroup, index: number): string => {
      const columns = group.features.map(feature => inputs[feature]!)
      return columns.length === 1
        ? columns[0]!
        : graph.op('Concat', columns, `/group${index}.raw`, axis(1))
    }
    writeLinear(graph, features, layout, head.output, rawOf, output)
  } else {
    const season = inputs[Math.max(head.season, 0)]
    assert(season !== undefined, 'a model has at least one feature')
    writeCells(graph, layout, head, season, output)
  }
  graph.output(output, ['n', 1])
  return graph.finish({
    graph: about.name,
    doc: about.doc,
    properties: { model: about.name, version: String(about.version), producer: 'muster' },
  })
}

/** The codes [n, 1] of an input of texts, as `codeOf` gives them. */
function writeCategory(graph: GraphWriter, name: string, texts: readonly string[]): string {
  const input = graph.textInput(name, ['n', 1])
  const known = texts.includes('') ? texts : [...texts, '']
  const codes = known.map((_, code) => (code < texts.length ? code : Number.NaN))
  return graph.encode(input, { texts: known, codes, others: unknownCode }, `/${name}.codes`)
}

export function outputName(head: GraphHead): 'prediction' | 'probability' {
  return head.output === 'sigmoid' ? 'probability' : 'prediction'
}
