import { must } from '../base/assert.ts'
import {
  cellOf,
  designMatrix,
  type FamilySession,
  type GraphHead,
  type RowLayout,
} from '../onnx/index.ts'
import type { ViewFeature } from '../spec/index.ts'
import { answerRows } from './answer-rows.ts'
import { type Samples, samplesPerMember } from './parity-samples.ts'

/** Largest relative difference of fit and graph that a version may have. */
export const parityErrorMax = 1e-5

export interface FittedHeads {
  /** By member of the samples: the fit's own float64 head; undefined for those that have none. */
  readonly heads: readonly (Float64Array | undefined)[]
  /** By member: the packed row, which has the numbers of its transforms too. */
  readonly rows: readonly (Float32Array | undefined)[]
  /** By member: the size of answer against which a difference counts: see `parityErrors`. */
  readonly scales: readonly number[]
}

export interface Reading {
  readonly features: readonly ViewFeature[]
  readonly head: GraphHead
  readonly layout: RowLayout
}

/**
 * The largest |fit - graph| / max(|fit|, scale) of each member over its sampled rows: the fit in
 * float64 with its own coefficients, the graph in float32 with the packed ones. The scale keeps
 * answers near zero from being held to more than float32 has: the deviation of the member's labels,
 * which means the same in minutes and in seconds, and for a rare event is small as its answers are.
 * Infinity where one of them gives a number and the other none. NaN where no sampled row can be
 * answered, so nothing was checked. Neither passes a bound.
 */
export async function parityErrors(
  samples: Samples,
  fitted: FittedHeads,
  reading: Reading,
  session: FamilySession,
): Promise<Float64Array> {
  const count = samples.member.length
  const fits = fitAnswers(samples, fitted, reading)
  const graph = new Float32Array(count).fill(Number.NaN)
  await answerRows(session, {
    rows: count,
    raw: samples.raw,
    parametersOf: i => fitted.rows[samples.member[i]!],
    into: graph,
  })
  const errors = new Float64Array(fitted.heads.length).fill(Number.NaN)
  for (let i = 0; i < count; i++) {
    const error = errorOf(fits[i]!, graph[i]!, fitted.scales[samples.member[i]!]!)
    const m = samples.member[i]!
    if (!(error <= errors[m]!) && !Number.isNaN(error)) errors[m] = error
  }
  return errors
}

/** NaN when neither can answer. */
function errorOf(fit: number, graph: number, scale: number): number {
  const away = Math.abs(fit - graph)
  if (away === 0) return 0
  if (Number.isNaN(fit) && Number.isNaN(graph)) return Number.NaN
  return Number.isFinite(away) ? away / Math.max(Math.abs(fit), scale) : Number.POSITIVE_INFINITY
}

function fitAnswers(samples: Samples, fitted: FittedHeads, reading: Reading): Float64Array {
  const { features, head, layout } = reading
  const { member, raw } = samples
  const answers = new Float64Array(member.length).fill(Number.NaN)
  const z = new Float64Array(samplesPerMember * layout.columns)
  for (let from = 0, to = 0; from < member.length; from = to) {
    while (to < member.length && member[to] === member[from]) to++
    const own = fitted.heads[member[from]!]
    const row = fitted.rows[member[from]!]
    if (!own || !row) continue
    if (head.kind === 'linear') designMatrix(features, layout, raw, row, from, to, z)
    for (let i = from; i < to; i++) {
      if (head.kind === 'cells') {
        answers[i] = own[cellOf(seasonOf(samples, i, reading, row), head.cells)] ?? Number.NaN
        continue
      }
      const at = (i - from) * layout.columns
      let sum = own[layout.columns]!
      for (let j = 0; j < layout.columns; j++) sum += own[j]! * z[at + j]!
      answers[i] = head.output === 'sigmoid' ? 1 / (1 + Math.exp(-sum)) : sum
    }
  }
  return answers
}

function seasonOf(samples: Samples, i: number, reading: Reading, row: Float32Array): number {
  const { head, layout } = reading
  if (head.kind !== 'cells' || head.season < 0) return 0
  const value = must(samples.raw[head.season], 'the season is a feature')[i]!
  const fill = must(layout.slots[head.season], 'the season is a feature').fill
  return Number.isNaN(value) && fill >= 0 ? row[fill]! : value
}
