import { statfs } from 'node:fs/promises'
import { formatNumber } from '../base/format.ts'
import type { DoctorAnswer } from '../contract/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { failedRuns } from './failed-runs.ts'

type Check = DoctorAnswer['checks'][number]

/** Below this the next run may not find room for its frame. */
const freeBytesLeast = 1_000_000_000

async function database({ store }: DeskParts): Promise<Check> {
  const name = 'database'
  try {
    const row = await store.one<{ version: string }>('select version() as "version"')
    return { name, ok: true, detail: row?.version.split(' on ')[0] ?? '', cure: null }
  } catch {
    return { name, ok: false, detail: 'it does not answer', cure: 'start Muster again: muster up' }
  }
}

async function disk({ blobs }: DeskParts): Promise<Check> {
  const { bavail, bsize } = await statfs(blobs.scratch)
  const free = bavail * bsize
  const ok = free >= freeBytesLeast
  return {
    name: 'disk',
    ok,
    detail: `${formatNumber(free / 1e9)} GB free where the state is`,
    cure: ok ? null : 'free some space, or move the state: MUSTER_HOME',
  }
}

async function runs(parts: DeskParts): Promise<Check> {
  const failed = await failedRuns(parts.store)
  const first = failed[0]
  return {
    name: 'runs',
    ok: failed.length === 0,
    detail: first ? `${first.blueprint} (${first.id}) failed: ${first.because}` : 'none has failed',
    cure: first ? `see: muster runs ${first.id}; then plan again: muster plan` : null,
  }
}

/** What can be wrong on the side of the server, each with its cure. */
export async function doctor(parts: DeskParts): Promise<DoctorAnswer> {
  const checks = [await database(parts), await disk(parts)]
  if (checks[0]!.ok) checks.push(await runs(parts))
  return { ok: checks.every(check => check.ok), checks }
}
