import { MusterError } from '../base/errors.ts'
import type { Signature } from '../fleet/index.ts'
import type { GraphHead, RowLayout } from '../onnx/index.ts'
import {
  builtInPipelines,
  mayBeMissing,
  type PipelineChoice,
  unknownIfMissing,
  type ViewFeature,
} from '../spec/index.ts'

/**
 * What a pipeline puts after the transforms. Throws E_SPEC when there is no such pipeline or
 * season.
 */
export function graphHead(pipeline: PipelineChoice, features: readonly ViewFeature[]): GraphHead {
  switch (pipeline.id) {
    case 'ridge@1':
      return { kind: 'linear', output: 'identity' }
    case 'logistic@1':
      return { kind: 'linear', output: 'sigmoid' }
    case 'baseline@1':
      return cellsHead(pipeline, features)
    default:
      throw new MusterError('E_SPEC', `there is no pipeline ${pipeline.id}`, {
        field: 'pipeline',
        hint: `Use one of ${Object.keys(builtInPipelines).join(', ')}.`,
      })
  }
}

function cellsHead(pipeline: PipelineChoice, features: readonly ViewFeature[]): GraphHead {
  const { season, seasons } = pipeline.parameters
  if (season === undefined) return { kind: 'cells', season: -1, cells: 1, output: 'identity' }
  const index = features.findIndex(feature => feature.name === season)
  if (index < 0 || typeof seasons !== 'number') {
    throw new MusterError('E_SPEC', `the season ${String(season)} is not a feature of the view`, {
      field: 'pipeline.season',
      hint: `Name one of its features: ${features.map(feature => feature.name).join(', ')}.`,
    })
  }
  if (features[index]?.type === 'category') {
    throw new MusterError(
      'E_SPEC',
      `the season ${season} is a category, and a season is a number`,
      {
        field: 'pipeline.season',
        hint: 'Name a feature that is a number: hour.',
      },
    )
  }
  return { kind: 'cells', season: index, cells: seasons, output: 'identity' }
}

/** What callers see of every member of the family. */
export function signatureOf(
  features: readonly ViewFeature[],
  head: GraphHead,
  unit: string | undefined,
): Signature {
  return {
    inputs: features.map(feature => ({
      name: feature.name,
      datatype: feature.type === 'category' ? 'BYTES' : 'FP32',
      mayBeMissing: mayBeMissing(feature),
      ...(unknownIfMissing(feature) && { unknownIfMissing: true }),
    })),
    output: {
      name: head.output === 'sigmoid' ? 'probability' : 'prediction',
      datatype: 'FP32',
    },
    unit,
  }
}

/** Writes fitted numbers into a parameter row. */
export function writeHead(layout: RowLayout, head: Float64Array, row: Float32Array): void {
  if (layout.cells) row.set(head, layout.cells.offset)
  else {
    row.set(head.subarray(0, layout.columns), layout.weights)
    row[layout.bias] = head[layout.columns]!
  }
}

/** The numbers that `writeHead` wrote, as they were rounded. */
export function readHead(layout: RowLayout, row: Float32Array): Float64Array {
  if (layout.cells) {
    const { offset, count } = layout.cells
    return Float64Array.from(row.subarray(offset, offset + count))
  }
  const head = new Float64Array(layout.columns + 1)
  head.set(row.subarray(layout.weights, layout.weights + layout.columns))
  head[layout.columns] = row[layout.bias]!
  return head
}
