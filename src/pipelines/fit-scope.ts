import { must } from '../base/assert.ts'
import type { ModelName } from '../base/ids.ts'
import { modelName } from '../base/model-name.ts'
import { type FrameManifest, fitFailures, type MemberList } from '../fleet/index.ts'
import type { FailedRow } from './fit-output.ts'
import { chooseSamples, type Samples } from './parity-samples.ts'
import { groupCount, type LevelGroups, rowStarts } from './tree.ts'

/** What one fit step fits: which parts it reads, and which members of which levels. */
export interface FitScope {
  /** Indices of the parts to read. */
  readonly parts: readonly number[]
  /** Top down. */
  readonly levels: readonly LevelScope[]
  readonly deepest: LevelGroups
  /** Groups of the deepest level whose moments are taken. */
  readonly wanted: Uint8Array
  /** Declared leaves of which the frame has no row, so that no part would account for them. */
  readonly absent: readonly FailedRow[]
  /** Of the trunk that leaves moments: by part, the samples of its declared leaves. */
  readonly leafSamples: readonly Samples[]
  readonly members: number
}

export interface LevelScope {
  readonly level: LevelGroups
  readonly members: readonly DeclaredMember[]
  /** In the order of `members`. */
  readonly samples: Samples
}

export interface DeclaredMember {
  readonly name: ModelName
  readonly keyValues: readonly string[]
  /** Undefined when the frame has no row of it. */
  readonly group: number | undefined
}

export interface DeclaredFrame {
  readonly blueprint: string
  readonly manifest: FrameManifest
  readonly declared: MemberList
  readonly levels: readonly LevelGroups[]
}

/**
 * The trunk: every level but the leaves, from all parts. All groups count, for they make up their
 * ancestors.
 */
export function trunkScope(frame: DeclaredFrame, isLeaving: boolean): FitScope {
  const leafDepth = frame.levels.length - 1
  const deepest = must(frame.levels[leafDepth - 1], 'a key has a column')
  const levels = frame.levels
    .slice(0, leafDepth)
    .map(level => levelScope(frame, level, membersOf(frame, level)))
  const leaves = must(frame.levels[leafDepth], 'there are leaves')
  const absent = membersOf(frame, leaves, group => group === undefined).map(member =>
    noRows(member.name),
  )
  return {
    parts: frame.manifest.parts.map((_, index) => index),
    levels,
    deepest,
    wanted: new Uint8Array(groupCount(deepest)).fill(1),
    absent,
    leafSamples: isLeaving ? leafSamples(frame, leaves) : [],
    members: levels.reduce((sum, level) => sum + level.members.length, absent.length),
  }
}

/** The declared leaves of one part. */
export function leavesScope(frame: DeclaredFrame, index: number): FitScope {
  const part = must(frame.manifest.parts[index], 'the part is in the frame')
  const deepest = must(frame.levels.at(-1), 'there are leaves')
  const isOfPart = (group: number | undefined): boolean =>
    group !== undefined && group >= part.leafFrom && group < part.leafTo
  const members = membersOf(frame, deepest, isOfPart)
  const wanted = new Uint8Array(groupCount(deepest))
  for (const { group } of members) if (group !== undefined) wanted[group] = 1
  const levels = [levelScope(frame, deepest, members)]
  const none = { absent: [], leafSamples: [] }
  return { parts: [index], levels, deepest, wanted, ...none, members: members.length }
}

export function noRows(name: ModelName): FailedRow {
  const code = 'no-training-rows'
  return { name, state: 'failed', code, because: fitFailures[code], trainRows: 0 }
}

function membersOf(
  frame: DeclaredFrame,
  level: LevelGroups,
  isWanted: (group: number | undefined) => boolean = () => true,
): readonly DeclaredMember[] {
  const members: DeclaredMember[] = []
  for (const keyValues of frame.declared.levels[level.depth]?.keys ?? []) {
    const group = level.find(keyValues)
    if (!isWanted(group)) continue
    members.push({ name: modelName(frame.blueprint, keyValues), keyValues, group })
  }
  return members
}

/** The same as each part's own `leavesScope` chooses, for all parts at once. */
function leafSamples(frame: DeclaredFrame, leaves: LevelGroups): readonly Samples[] {
  const { parts, leafRows, features } = frame.manifest
  const starts = rowStarts(leafRows)
  const partOf = new Int32Array(leafRows.length)
  for (const [p, part] of parts.entries()) partOf.fill(p, part.leafFrom, part.leafTo)
  const ranges = parts.map((): { from: number; to: number }[] => [])
  for (const keyValues of frame.declared.levels[leaves.depth]?.keys ?? []) {
    const leaf = leaves.find(keyValues)
    if (leaf === undefined) continue
    ranges[partOf[leaf]!]!.push({ from: starts[leaf]!, to: starts[leaf + 1]! })
  }
  return ranges.map(own => chooseSamples(own, features.length))
}

function levelScope(
  frame: DeclaredFrame,
  level: LevelGroups,
  members: readonly DeclaredMember[],
): LevelScope {
  const starts = rowStarts(frame.manifest.leafRows)
  const ranges = members.map(({ group }) =>
    group === undefined
      ? undefined
      : { from: starts[level.leafStart[group]!]!, to: starts[level.leafStart[group + 1]!]! },
  )
  return { level, members, samples: chooseSamples(ranges, frame.manifest.features.length) }
}
