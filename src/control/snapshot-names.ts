import { MusterError } from '../base/errors.ts'
import type { Snapshot, SourceCommit } from '../fleet/index.ts'
import {
  acceptedAsOf,
  lastAcceptedCommit,
  lastCommit,
  newestCommitOf,
  readCommit,
  type Sql,
  snapshotLeft,
  snapshotsLike,
} from '../store/index.ts'

/** A snapshot and the newest entry of its source's history that names it. */
export interface NamedSnapshot {
  readonly snapshot: Snapshot
  readonly commit: SourceCommit | undefined
}

/**
 * The snapshot of a name: `c-12`, `SOURCE@TIME`, `SOURCE`, or a digest or the beginning of one, the
 * first of these that fits. Throws E_NOT_FOUND, E_QUERY.
 */
export async function namedSnapshot(name: string, sql: Sql): Promise<NamedSnapshot> {
  const number = /^c-(\d{1,15})$/.exec(name)?.[1]
  if (number !== undefined) return ofCommit(await readCommit(sql, Number(number)), name, sql)
  const at = name.lastIndexOf('@')
  if (at > 0) {
    const time = timeOf(name.slice(at + 1))
    return ofCommit(await acceptedAsOf(sql, name.slice(0, at), time), name, sql)
  }
  const commit = await lastAcceptedCommit(sql, name)
  if (commit !== undefined) return ofCommit(commit, name, sql)
  if ((await lastCommit(sql, name)) !== undefined) {
    throw new MusterError('E_NOT_FOUND', `nothing of \`${name}\` was accepted yet`, {
      hint: `name a commit of it: muster data history ${name}`,
    })
  }
  const hex = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(name)?.[1]
  if (hex === undefined) throw unknown(name)
  const [found, other] = await snapshotsLike(sql, hex)
  const snapshot = found && (await snapshotLeft(sql, found))
  if (snapshot === undefined) throw unknown(name)
  if (other === undefined) return { snapshot, commit: await newestCommitOf(sql, snapshot.id) }
  throw new MusterError('E_QUERY', `more than one snapshot begins with \`${name}\``, {
    hint: 'give more digits',
  })
}

async function ofCommit(
  commit: SourceCommit | undefined,
  name: string,
  sql: Sql,
): Promise<NamedSnapshot> {
  const snapshot = commit && (await snapshotLeft(sql, commit.snapshot))
  if (snapshot === undefined) throw unknown(name)
  return { snapshot, commit }
}

function timeOf(text: string): Date {
  const time = new Date(/^\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z)?$/.test(text) ? text : Number.NaN)
  if (!Number.isNaN(time.getTime())) return time
  throw new MusterError('E_QUERY', `\`${text}\` is not a time`, {
    hint: 'write it in UTC: flights@2026-11-01T08:00:00Z',
  })
}

function unknown(name: string): MusterError {
  return new MusterError('E_NOT_FOUND', `no snapshot is named \`${name}\``, {
    hint: 'name a commit (c-12), a source that has rows, SOURCE@TIME or a digest: muster data list',
  })
}
