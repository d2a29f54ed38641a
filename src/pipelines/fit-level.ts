import { must } from '../base/assert.ts'
import type { ModelName } from '../base/ids.ts'
import { ancestorsOf } from '../base/model-name.ts'
import { type FitFailure, fitFailures } from '../fleet/index.ts'
import type { FamilySession, GraphHead } from '../onnx/index.ts'
import type { FailedRow, FitResult } from './fit-output.ts'
import { type DeclaredMember, type LevelScope, noRows } from './fit-scope.ts'
import type { FitGround, Fitter, HeadFit } from './fitter.ts'
import { readHead, writeHead } from './head.ts'
import { type GroupLabels, labelsOf } from './leaf-counts.ts'
import type { FitParameters } from './open-fitter.ts'
import { parityErrorMax, parityErrors } from './parity.ts'

/** A level to fit, and what it is fitted from and checked with. */
export interface LevelWork {
  readonly scope: LevelScope
  readonly ground: FitGround<FitParameters>
  readonly fitter: Fitter<FitParameters>
  readonly head: GraphHead
  readonly session: FamilySession
  readonly parametersOf: (keyValues: readonly string[]) => FitParameters
  /** Packed rows of the fitted so far, by name. */
  readonly packed: ReadonlyMap<ModelName, Float32Array>
}

interface Candidate {
  readonly member: DeclaredMember
  readonly labels: GroupLabels
  readonly group: number
  readonly parameters: FitParameters
  readonly parent: Float64Array | undefined
}

/**
 * Fits the members of a level and checks each against the graph. One result a member, in their
 * order.
 */
export async function fitMembers(work: LevelWork): Promise<readonly FitResult[]> {
  const { members, level, samples } = work.scope
  const entries = members.map(member => candidateOf(work, member))
  const candidates = entries.filter(entry => 'member' in entry)
  const fits = work.fitter.fitLevel(level, candidates)
  const heads: (HeadFit | undefined)[] = []
  let next = 0
  for (const entry of entries) heads.push('member' in entry ? fits[next++] : undefined)
  const rows = heads.map((fit, m) =>
    fit && 'head' in fit ? packedRow(work, members[m]!, fit.head) : undefined,
  )
  const { features, layout } = work.ground
  const errors = await parityErrors(
    samples,
    {
      heads: heads.map(fit => (fit && 'head' in fit ? fit.head : undefined)),
      rows,
      scales: entries.map(entry => scaleOf(entry)),
    },
    { features, head: work.head, layout },
    work.session,
  )
  return entries.map((entry, m) => {
    if (!('member' in entry)) return { fit: entry }
    return resultOf(entry, must(heads[m], 'a candidate was fitted'), rows[m], errors[m]!)
  })
}

/** The member as the pipeline takes it, or why it cannot be fitted. */
function candidateOf(work: LevelWork, member: DeclaredMember): Candidate | FailedRow {
  const { group, name } = member
  if (group === undefined) return noRows(name)
  const labels = labelsOf(work.ground.training.counts, work.scope.level, group)
  const parameters = work.parametersOf(member.keyValues)
  if (labels.rows === 0) {
    const because = labels.dropped > 0 ? `all ${labels.dropped} rows miss a value` : undefined
    return failure(name, 'no-training-rows', 0, because)
  }
  if (labels.rows < parameters.minRows) {
    const because = `${labels.rows} training rows, and it needs ${parameters.minRows}`
    return failure(name, 'too-few-rows', labels.rows, because)
  }
  if (work.head.kind === 'linear' && labels.low === labels.high) {
    const because = `the label is ${labels.low} in all ${labels.rows} training rows`
    return failure(name, 'constant-label', labels.rows, because)
  }
  const common = { member, labels, group, parameters }
  if (member.keyValues.length === 0) return { ...common, parent: undefined }
  const row = rowOfAncestor(name, work.packed)
  if (row === undefined) return failure(name, 'parent-failed', labels.rows)
  return { ...common, parent: readHead(work.ground.layout, row) }
}

/** The packed row of the nearest fitted ancestor. */
export function rowOfAncestor(
  name: ModelName,
  packed: LevelWork['packed'],
): Float32Array | undefined {
  const nearest = ancestorsOf(name).find(each => packed.has(each))
  return nearest && packed.get(nearest)
}

/** What a difference between fit and graph is measured against. */
function scaleOf(entry: Candidate | FailedRow): number {
  if (!('member' in entry)) return 0
  return entry.labels.deviation
}

function packedRow(work: LevelWork, member: DeclaredMember, head: Float64Array): Float32Array {
  const group = must(member.group, 'a fitted member has rows')
  const row = work.ground.coordinates.served(group).slice()
  writeHead(work.ground.layout, head, row)
  return row
}

function resultOf(
  candidate: Candidate,
  fit: HeadFit,
  parameters: Float32Array | undefined,
  parityError: number,
): FitResult {
  const { labels, member } = candidate
  if ('failed' in fit) return { fit: failure(member.name, fit.failed, labels.rows) }
  if (!parameters?.every(Number.isFinite)) {
    return { fit: failure(member.name, 'not-finite', labels.rows) }
  }
  if (!(parityError <= parityErrorMax)) {
    const because = Number.isNaN(parityError)
      ? 'none of its sampled rows can be answered, so fit and graph could not be compared'
      : `fit and graph differ by ${parityError.toExponential(1)}, more than 1e-5`
    return { fit: failure(member.name, 'parity', labels.rows, because) }
  }
  const { head: _, ...chosen } = fit
  return {
    fit: {
      name: member.name,
      state: 'fitted',
      trainRows: labels.rows,
      droppedRows: labels.dropped,
      ...chosen,
      parityError,
      baseline: labels.sum / labels.rows,
    },
    parameters,
  }
}

function failure(
  name: ModelName,
  code: FitFailure,
  trainRows: number,
  because: string = fitFailures[code],
): FailedRow {
  return { name, state: 'failed', code, because, trainRows }
}
