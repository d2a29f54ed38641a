import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { RunId } from '../base/ids.ts'
import {
  type Blobs,
  type FitOutput,
  type FrameManifest,
  type LabelManifest,
  type MemberList,
  putJson,
  type RunWork,
  readJson,
  type WorkInput,
} from '../fleet/index.ts'
import {
  readRunWork,
  reopenRun,
  reopenStep,
  runsOfRoutes,
  type StepRecord,
  servingRun,
  stepsOf,
  type Transactions,
} from '../store/index.ts'

/*
 * Bytes that a disk lost are made anew by the step that left them: equal input under equal code
 * gives equal bytes, so the digests that versions and routes name come true again, and nothing else
 * changes. Whoever meets the damage reopens those steps; the loop, which compares what runs need
 * with what steps have left, does the rest.
 */

export type Healing =
  /** Every step of the run has what it left; what is damaged is not its. */
  | { readonly state: 'whole' }
  | {
      readonly state: 'reopened'
      /** How many were reopened just now. */
      readonly steps: number
      /** Those, and those that are being carried out already. */
      readonly kinds: ReadonlySet<WorkInput['kind']>
    }
  /** What the steps read is damaged too, or the disk loses bytes as fast as they are made. */
  | { readonly state: 'beyond'; readonly because: string; readonly hint: string }

export interface HealAt {
  readonly store: Transactions
  readonly blobs: Blobs
}

/** Healed so often without success in between, a run is left as it is. */
const healsMax = 3

/** Whether stored bytes are damaged or gone. */
export function isDamage(error: unknown): error is MusterError {
  return (
    error instanceof MusterError &&
    (error.code === 'E_BLOB_MISSING' || error.code === 'E_DIGEST_MISMATCH')
  )
}

/**
 * Reopens the steps of a run whose output, or what it names, is damaged, and sets the run back to
 * running. Said again while they are carried out, it changes nothing.
 */
export async function reopenDamaged(run: RunId, { store, blobs }: HealAt): Promise<Healing> {
  const damaged: StepRecord[] = []
  // A step that waits or runs is being carried out already, for this run or another.
  const underWay: StepRecord[] = []
  for (const step of await stepsOf(store, run)) {
    if (step.output === null) (step.state === 'failed' ? damaged : underWay).push(step)
    else if (!(await isWhole(step.kind, step.output, blobs))) damaged.push(step)
  }
  const kinds = new Set([...damaged, ...underWay].map(step => step.kind))
  if (kinds.size === 0) return { state: 'whole' }
  const work = await readRunWork(store, run)
  const lost = work && (await lostInput(kinds, work, blobs))
  if (lost) return lost
  await store.transaction(async sql => {
    for (const { key } of damaged) await reopenStep(sql, key)
    await reopenRun(sql, run)
  })
  return { state: 'reopened', steps: damaged.length, kinds }
}

async function isWhole(kind: WorkInput['kind'], output: Digest, blobs: Blobs): Promise<boolean> {
  try {
    for (const digest of [output, ...(await namedBy(kind, output, blobs))]) {
      if (!(await blobs.has(digest))) return false
    }
    return true
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  }
}

/** The blobs that a step left beside its output, and that its output names. */
async function namedBy(
  kind: WorkInput['kind'],
  output: Digest,
  blobs: Blobs,
): Promise<readonly Digest[]> {
  switch (kind) {
    case 'frame':
      return (await readJson<FrameManifest>(blobs, output)).parts.map(part => part.digest)
    case 'label':
      return (await readJson<LabelManifest>(blobs, output)).parts
    case 'trunk':
    case 'leaves': {
      const { graph, pack, leafMoments = [], outOfFold } = await readJson<FitOutput>(blobs, output)
      return [graph, pack, ...leafMoments, ...(outOfFold ? [outOfFold] : [])]
    }
    case 'judge':
    case 'seal':
    case 'report':
    case 'score':
    case 'gather':
    case 'deliver':
      return []
    default:
      return kind satisfies never
  }
}

/** What the steps read that no step has made: source data, and who is a member. */
async function lostInput(
  kinds: ReadonlySet<WorkInput['kind']>,
  work: RunWork,
  blobs: Blobs,
): Promise<Healing | undefined> {
  const hint = 'muster plan stores it again, where the files of the sources are as they were'
  const readsSources = kinds.has('frame') || kinds.has('label')
  for (const { spec, snapshot } of readsSources
    ? [...work.frame.sources, ...work.label.sources]
    : []) {
    const aside = snapshot.setAside && { ...snapshot.setAside, path: 'rows in quarantine' }
    for (const { digest, path } of [...snapshot.files, ...(aside ? [aside] : [])]) {
      if (await blobs.has(digest)) continue
      const because = `the stored data of the source ${spec.name} (${path}) is damaged`
      return { state: 'beyond', because, hint }
    }
  }
  const readsMembers = [...kinds].some(kind => kind !== 'frame' && kind !== 'label')
  if (!readsMembers || (await blobs.has(work.family.members))) return undefined
  return { state: 'beyond', because: 'the stored list of its members is damaged', hint }
}

/**
 * Stores the member list of what serves again, where it is damaged: it is counted by the planner,
 * and so left by no step. Only a list that is still the same comes true again.
 */
export async function restoreMembers(
  lists: ReadonlyMap<string, MemberList>,
  { store, blobs }: HealAt,
): Promise<void> {
  for (const [blueprint, list] of lists) {
    const run = await servingRun(store, blueprint)
    const work = run && (await readRunWork(store, run.id))
    if (work && !(await blobs.has(work.family.members))) await putJson(blobs, list)
  }
}

/** Heals runs and families, and gives up where it does not help. One a process that looks. */
export class Healer {
  readonly #at: HealAt
  readonly #times = new Map<RunId, number>()

  constructor(at: HealAt) {
    this.#at = at
  }

  async healRun(run: RunId): Promise<Healing> {
    const times = this.#times.get(run) ?? 0
    if (times >= healsMax) {
      const because = `they were made anew ${times} times, and damaged again`
      return { state: 'beyond', because, hint: 'check the disk that holds the state folder' }
    }
    const healing = await reopenDamaged(run, this.#at)
    if (healing.state === 'reopened' && healing.steps > 0) this.#times.set(run, times + 1)
    return healing
  }

  /**
   * Heals the runs whose bytes the routes of a family name, and the one that it is described by.
   * `whole` when no step of theirs is at fault: then other code made the bytes.
   */
  async healFamily(environment: string, blueprint: string): Promise<Healing> {
    const { store } = this.#at
    const serving = await servingRun(store, blueprint)
    const routed = await runsOfRoutes(store, environment, blueprint)
    const all: Healing[] = []
    for (const run of new Set([...(serving ? [serving.id] : []), ...routed])) {
      all.push(await this.healRun(run))
    }
    return (
      all.find(healing => healing.state === 'beyond') ??
      all.find(healing => healing.state === 'reopened') ?? { state: 'whole' }
    )
  }

  /** Everything that serves was read, and found whole. */
  forget(): void {
    this.#times.clear()
  }
}
