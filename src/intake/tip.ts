import { MusterError } from '../base/errors.ts'
import { DataFault } from '../engine/index.ts'
import type { Snapshot, SourceChange, SourceCommit } from '../fleet/index.ts'
import {
  emptySnapshot,
  type KeptParts,
  type KeptShape,
  keptSnapshotOf,
  type WrittenFile,
  wholeOf,
} from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import {
  addLooseFiles,
  claimFiles,
  lastCommit,
  recordCommit,
  type Sql,
  snapshotLeft,
} from '../store/index.ts'
import type { IntakeAt } from './at.ts'
import { judgeSnapshot } from './judge.ts'

/*
 * The newest snapshot of a source that grows, and the one way to the next: files first, then one
 * transaction that makes them part of it. Whoever finds that another was faster begins anew from
 * what that one left, so nothing is locked while files are written.
 */

/** Where the history of a source stands. */
export interface Tip {
  readonly commit: SourceCommit | undefined
  /** With all rows: which of them are set aside is judged anew for each snapshot. */
  readonly snapshot: Snapshot
}

export async function readTip(source: SourceSpec, shape: KeptShape, sql: Sql): Promise<Tip> {
  const commit = await lastCommit(sql, source.name)
  const snapshot = commit && (await snapshotLeft(sql, commit.snapshot))
  if (snapshot === undefined) return { commit, snapshot: emptySnapshot(shape) }
  checkColumns(source, shape, snapshot)
  return { commit, snapshot: wholeOf(snapshot) }
}

function checkColumns(source: SourceSpec, shape: KeptShape, before: Snapshot): void {
  const was = before.columns.map(c => `${c.name} ${c.type}`)
  const is = emptySnapshot(shape).columns.map(c => `${c.name} ${c.type}`)
  if (was.join('\0') === is.join('\0')) return
  const other = is.find((column, at) => column !== was[at]) ?? was[is.length] ?? ''
  throw new DataFault(
    { kind: 'Source', name: source.name, path: ['columns'] },
    'E_DATA_SCHEMA',
    `the rows that were kept have other columns than what comes now: ${other}`,
    { hint: `declare ${was.slice(0, -1).join(', ')}; other columns need a source of another name` },
  )
}

/** What the next snapshot is, seen from a tip. */
export interface Growth {
  readonly parts: KeptParts
  readonly change: SourceChange
  /** Files of it that are new. */
  readonly written: readonly WrittenFile[]
  /** Runs in the transaction of the commit; false when what it stands on has changed. */
  readonly also?: (sql: Sql) => Promise<boolean>
}

/** Puts files where they stay. They are named in the database before. */
export async function storeFiles(
  source: SourceSpec,
  written: readonly WrittenFile[],
  at: IntakeAt,
): Promise<void> {
  await addLooseFiles(
    at.store,
    source.name,
    written.map(({ file }) => file.digest),
  )
  for (const { path } of written) await at.blobs.putFile(path)
}

/**
 * Records the next snapshot. `moved`: the tip is not the newest any more. `lost`: one of the files
 * was condemned meanwhile, and all are to be written again.
 */
export async function commitGrowth(
  source: SourceSpec,
  shape: KeptShape,
  tip: Tip,
  at: IntakeAt,
  growth: Growth,
): Promise<'recorded' | 'moved' | 'lost'> {
  const candidate = keptSnapshotOf(shape, growth.parts)
  const { snapshot, outcome, findings, profile } = await judgeSnapshot(source, candidate, at)
  // It tells of values too, so it is erased with them.
  if (profile !== null) await addLooseFiles(at.store, source.name, [profile])
  const claims = [...growth.written.map(({ file }) => file.digest), ...(profile ? [profile] : [])]
  const commit = {
    source: source.name,
    snapshot: snapshot.id,
    parent: tip.commit?.number ?? null,
    change: growth.change,
    outcome,
    findings,
    profile,
  }
  try {
    return await recordCommit(at.store, commit, snapshot, async sql => {
      if (!(await claimFiles(sql, claims))) throw new Undone('lost')
      if (growth.also && !(await growth.also(sql))) throw new Undone('moved')
    })
  } catch (error) {
    if (error instanceof Undone) return error.because
    throw error
  }
}

/** Ends a transaction without any effect. */
class Undone extends Error {
  readonly because: 'moved' | 'lost'
  constructor(because: 'moved' | 'lost') {
    super(because)
    this.because = because
  }
}

/** Others that write the same source at once are few; each loss means that one of them won. */
const attemptsMax = 20

/** Tries until the tip stands still; `attempt` gives undefined when it has to be made anew. */
export async function untilStill<T>(
  source: SourceSpec,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  for (let tries = 0; tries < attemptsMax; tries++) {
    const done = await attempt()
    if (done !== undefined) return done
  }
  throw new MusterError('E_BUSY', `too many write \`${source.name}\` at once`, {
    hint: 'try again',
    extra: { retryAfterSeconds: 1 },
  })
}
