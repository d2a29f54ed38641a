import { must } from '../base/assert.ts'
import { DataFault } from '../engine/index.ts'
import type { Finding, Snapshot, SourceCommit } from '../fleet/index.ts'
import { expectationDigest, freshness, takeSnapshot, wholeOf } from '../sources/index.ts'
import { isKept, type SourceSpec } from '../spec/index.ts'
import {
  acceptedAsOf,
  lastAcceptedCommit,
  lastCommit,
  newestCommitOf,
  recordCommit,
  type Sql,
  snapshotLeft,
} from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { type Judgement, judgeSnapshot } from './judge.ts'
import { keptSnapshot } from './kept.ts'
import { untilStill } from './tip.ts'

/*
 * What the fleet may train on now. Each source is looked at, judged and entered into its history;
 * one that fails what is expected of it keeps the snapshot that was accepted before, so that it
 * stops what would be trained on it and nothing that serves.
 */

export interface TakenSource {
  readonly source: SourceSpec
  /** What may be trained on; undefined when nothing was accepted that still holds. */
  readonly snapshot: Snapshot | undefined
  /** The newest entry of its history, accepted or not; undefined when nothing was recorded. */
  readonly commit: SourceCommit | undefined
  readonly findings: readonly Finding[]
  /** Why what the source holds now is not what is trained on. */
  readonly held?: Held
  /** Why it could not be looked at: it cannot be read, or an expectation does not fit it. */
  readonly fault?: DataFault
}

export interface Held {
  readonly because: string
  readonly hint: string
}

/**
 * Looks at sources and records what is new; with `at.asOf` only at what was recorded by then.
 * Said again with nothing changed, it records nothing.
 */
export async function takeSources(
  sources: readonly SourceSpec[],
  at: IntakeAt,
): Promise<readonly TakenSource[]> {
  const taken: TakenSource[] = []
  for (const source of sources) {
    const { asOf } = at
    if (asOf !== undefined) taken.push(await takenAsOf(source, asOf, at))
    else taken.push(await awayIsHeld(await orFault(source, () => enter(source, at)), at))
  }
  return taken
}

/** Looks and judges like `takeSources`, and records nothing: what a check of declarations asks. */
export async function checkSources(
  sources: readonly SourceSpec[],
  at: IntakeAt,
): Promise<readonly TakenSource[]> {
  const checked: TakenSource[] = []
  for (const source of sources) {
    checked.push(await orFault(source, () => check(source, at)))
  }
  return checked
}

async function orFault(source: SourceSpec, look: () => Promise<TakenSource>): Promise<TakenSource> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof DataFault)) throw error
    return { source, snapshot: undefined, commit: undefined, findings: [], fault: error }
  }
}

/**
 * What lies with others may be away for a while: then what was accepted before stands, and the rest
 * of the fleet goes on. A file of the fleet that cannot be read is whoever plans's to mend.
 */
async function awayIsHeld(taken: TakenSource, { store }: IntakeAt): Promise<TakenSource> {
  const { source, fault } = taken
  const isOurs = !('postgres' in source.location || 's3' in source.location)
  if (isOurs || fault?.code !== 'E_SOURCE') return taken
  const commit = await lastCommit(store, source.name)
  const snapshot = commit && (await stillAccepted(source, store))
  if (snapshot === undefined) return taken
  const held = { because: `it could not be read: ${fault.message}`, hint: fault.hint }
  return { source, snapshot, commit, findings: commit?.findings ?? [], held }
}

async function takenAsOf(source: SourceSpec, asOf: Date, at: IntakeAt): Promise<TakenSource> {
  const commit = await acceptedAsOf(at.store, source.name, asOf)
  const snapshot = commit && (await snapshotLeft(at.store, commit.snapshot))
  const known = { source, snapshot, commit, findings: commit?.findings ?? [] }
  if (snapshot !== undefined) return known
  const when = asOf.toISOString()
  const because = `nothing of it was accepted by ${when}`
  return {
    ...known,
    held: { because, hint: `see what there was: muster data history ${source.name}` },
  }
}

/** Enters what the source holds now into its history, unless it stands there already. */
async function enter(source: SourceSpec, at: IntakeAt): Promise<TakenSource> {
  return untilStill(source, async () => {
    const candidate = await candidateOf(source, at)
    const last = await lastCommit(at.store, source.name)
    if (!last && isKept(source) && candidate.files.length === 0) return nothingYet(source)
    if (last && (await isJudged(source, last, candidate, at))) return standing(source, last, at)
    const judged = await judgeSnapshot(source, candidate, at)
    if (last && saysThe(last, judged)) return standing(source, last, at)
    const { snapshot, ...rest } = judged
    const commit = {
      ...rest,
      source: source.name,
      snapshot: snapshot.id,
      parent: last?.number ?? null,
      change: { kind: 'taken' as const },
    }
    if ((await recordCommit(at.store, commit, snapshot)) === 'moved') return undefined
    const entered = await lastCommit(at.store, source.name)
    return standing(source, must(entered, 'it was recorded'), at)
  })
}

async function candidateOf(source: SourceSpec, at: IntakeAt): Promise<Snapshot> {
  return isKept(source) ? wholeOf(await keptSnapshot(source, at)) : takeSnapshot(source, at)
}

/**
 * Whether the commit is of this candidate, under the expectations of now. That an event is fresh
 * may come to be false by time alone; all other answers stay as they are.
 */
async function isJudged(
  { expect }: SourceSpec,
  commit: SourceCommit,
  candidate: Snapshot,
  { store, blobs, clock }: IntakeAt,
): Promise<boolean> {
  const snapshot = await snapshotLeft(store, commit.snapshot)
  if (snapshot === undefined || wholeOf(snapshot).id !== candidate.id) return false
  if (commit.findings.length !== expect.length) return false
  if (snapshot.setAside && !(await blobs.has(snapshot.setAside.digest))) return false
  return expect.every((spec, at) => {
    const finding = commit.findings[at]
    if (finding?.of !== expectationDigest(spec)) return false
    if (spec.check.kind !== 'freshWithin') return true
    return finding.holds !== freshness(spec.check, snapshot.toMs, clock.now()).fails
  })
}

/** Whether a commit says what a judgement found, but for the words. */
function saysThe(commit: SourceCommit, judged: Judgement): boolean {
  const facts = (findings: readonly Finding[]) =>
    JSON.stringify(findings.map(({ of, holds, count }) => [of, holds, count]))
  return (
    commit.snapshot === judged.snapshot.id &&
    commit.outcome === judged.outcome &&
    facts(commit.findings) === facts(judged.findings)
  )
}

/** What a source has to offer after its newest commit. */
async function standing(
  source: SourceSpec,
  commit: SourceCommit,
  at: IntakeAt,
): Promise<TakenSource> {
  const { store } = at
  const { findings } = commit
  if (commit.outcome === 'accepted') {
    return { source, commit, findings, snapshot: await snapshotLeft(store, commit.snapshot) }
  }
  const snapshot = await stillAccepted(source, store)
  const number = `c-${commit.number}`
  return { source, commit, findings, snapshot, held: heldBy(findings, `${number} was rejected: `) }
}

/**
 * The newest snapshot that was accepted, unless it was rejected since: what is expected of a source
 * may become more. Those of which only the newest event has grown too old are as good as they were.
 */
async function stillAccepted(source: SourceSpec, sql: Sql): Promise<Snapshot | undefined> {
  const accepted = await lastAcceptedCommit(sql, source.name)
  const judged = accepted && (await newestCommitOf(sql, accepted.snapshot))
  const isFault = ({ index, onFail, holds }: Finding) =>
    !holds && onFail === 'reject' && source.expect[index]?.check.kind !== 'freshWithin'
  if (judged === undefined || judged.findings.some(isFault)) return undefined
  return snapshotLeft(sql, judged.snapshot)
}

function heldBy(findings: readonly Finding[], words: string): Held {
  const failing = findings.filter(({ holds, onFail }) => !holds && onFail === 'reject')
  const said = failing.slice(0, 2).map(({ expected, because }) => `${expected} (${because})`)
  const more = failing.length > said.length ? `, and ${failing.length - said.length} more` : ''
  return {
    because: `${words}${said.join('; ')}${more}`,
    hint: 'mend the data, or what is expected of it, then: muster plan',
  }
}

async function check(source: SourceSpec, at: IntakeAt): Promise<TakenSource> {
  const commit = await lastCommit(at.store, source.name)
  const candidate = await lookedAt(source, commit, at)
  if (candidate === undefined) return nothingYet(source)
  const { snapshot, findings, outcome } = await judgeSnapshot(source, candidate, at)
  const known = { source, commit, findings, snapshot }
  return outcome === 'accepted' ? known : { ...known, held: heldBy(findings, '') }
}

/** What a source holds, without a change: what was pushed stays where it is. */
async function lookedAt(
  source: SourceSpec,
  commit: SourceCommit | undefined,
  at: IntakeAt,
): Promise<Snapshot | undefined> {
  const { location } = source
  if (!isKept(source)) return takeSnapshot(source, at)
  const stored = commit && (await snapshotLeft(at.store, commit.snapshot))
  if (stored !== undefined) return wholeOf(stored)
  if (!('postgres' in location)) return undefined
  // Never read yet: all of the table, as its first read will take it.
  const whole = { postgres: { ...location.postgres, cursor: undefined } }
  return takeSnapshot({ ...source, location: whole }, at)
}

function nothingYet(source: SourceSpec): TakenSource {
  const hint = `once it is applied, send some: muster data append ${source.name} FILE`
  const held = { because: 'it has no rows yet', hint }
  return { source, snapshot: undefined, commit: undefined, findings: [], held }
}
