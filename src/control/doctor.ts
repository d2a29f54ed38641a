import { access, constants, statfs } from 'node:fs/promises'
import { shortDigest } from '../base/digest.ts'
import { asMusterError } from '../base/errors.ts'
import { countOf, formatCount, formatNumber } from '../base/format.ts'
import { type DoctorAnswer, freeBytesMin } from '../contract/index.ts'
import { probeConnection } from '../sources/index.ts'
import { journalTotals } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { failedRuns } from './failed-runs.ts'

type Check = DoctorAnswer['checks'][number]

async function database({ store }: DeskParts): Promise<Check> {
  const name = 'database'
  try {
    const row = await store.one<{ version: string }>('select version() as "version"')
    return { name, ok: true, detail: row?.version.split(' on ')[0] ?? '', cure: null }
  } catch {
    return { name, ok: false, detail: 'it does not answer', cure: 'start Muster again: muster up' }
  }
}

async function state({ blobs }: DeskParts): Promise<Check> {
  const name = 'state'
  try {
    await access(blobs.scratch, constants.W_OK)
    return { name, ok: true, detail: 'its folder can be written', cure: null }
  } catch {
    const cure = 'let the user of the server own the folder, or set MUSTER_HOME to another'
    return { name, ok: false, detail: 'its folder cannot be written', cure }
  }
}

async function disk({ blobs }: DeskParts): Promise<Check> {
  const { bavail, bsize } = await statfs(blobs.scratch)
  const free = bavail * bsize
  const ok = free >= freeBytesMin
  return {
    name: 'disk',
    ok,
    detail: `${formatNumber(free / 1e9)} GB free where the state is`,
    cure: ok ? null : `free ${freeBytesMin / 1e9} GB at least, or move the state: MUSTER_HOME`,
  }
}

/** Half a gigabyte is read and hashed in about a second: as long as a person waits gladly. */
const readBytesMax = 500_000_000
const shownMax = 3

async function bytes({ blobs }: DeskParts): Promise<Check> {
  const report = await blobs.fsck(readBytesMax)
  const all = report.blobs + report.unread
  const sample = `${formatCount(report.blobs)} of ${formatCount(all)} blobs`
  const looked = report.unread > 0 ? `a sample: ${sample}` : 'every stored blob'
  const found = report.mismatching
  if (found.length === 0)
    return { name: 'bytes', ok: true, detail: `${looked} is whole`, cure: null }
  const shown = found.slice(0, shownMax).map(digest => shortDigest(digest, 12))
  const more = found.length > shownMax ? `, and ${formatCount(found.length - shownMax)} more` : ''
  return {
    name: 'bytes',
    ok: false,
    detail: `damaged (${looked} was read): ${shown.join(', ')}${more}`,
    cure: 'muster plan stores source data again; what serves is made anew at the next start',
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

async function connection(name: string, { connections }: DeskParts): Promise<Check> {
  return { name: `connection ${name}`, ...(await probeConnection(name, connections)) }
}

async function online({ online, fleet }: DeskParts): Promise<Check | undefined> {
  const groups = [...((await fleet.spec())?.groups.values() ?? [])].filter(group => group.online)
  if (online === undefined || groups.length === 0) return undefined
  const name = 'online'
  const kind = online.store.kind === 'lmdb' ? 'the embedded store' : 'Redis'
  try {
    for (const group of groups) {
      const because = await online.features.faultOf(group)
      if (because === undefined) continue
      const detail = `group ${group.name}: ${because}`
      return { name, ok: false, detail, cure: 'see what it says: muster features materialise' }
    }
    const detail = `${countOf(groups.length, 'group')} in ${kind}, all as new as their sources`
    return { name, ok: true, detail, cure: null }
  } catch (error) {
    const { message, hint = null } = asMusterError(error)
    return { name, ok: false, detail: message, cure: hint }
  }
}

async function journal({ predictions, store }: DeskParts): Promise<Check | undefined> {
  if (predictions === undefined) return undefined
  const name = 'journal'
  const { failing, lost, recorded } = predictions.journal.status
  const { rows, sizeBytes, badBytes } = await journalTotals(store)
  const cure = 'free space on the volume of the folder `journal` in MUSTER_HOME, or mend it'
  if (failing !== undefined) return { name, ok: false, detail: failing, cure }
  if (badBytes > 0) {
    const detail = `${formatCount(badBytes)} bytes were damaged before they were turned into files`
    return { name, ok: false, detail, cure: 'check the disk that holds MUSTER_HOME' }
  }
  const kept = `${countOf(rows, 'predicted row')} in files of ${formatNumber(sizeBytes / 1e9)} GB`
  const since = `${countOf(recorded, 'answer')} kept and ${formatCount(lost)} lost since the start`
  return { name, ok: lost === 0, detail: `${kept}; ${since}`, cure: lost === 0 ? null : cure }
}

/** What can be wrong on the side of the server, each with its cure. */
export async function doctor(parts: DeskParts): Promise<DoctorAnswer> {
  const checks = [await database(parts), await state(parts), await disk(parts), await bytes(parts)]
  if (checks[0]!.ok) {
    checks.push(await runs(parts))
    const kept = await online(parts)
    if (kept !== undefined) checks.push(kept)
    const answers = await journal(parts)
    if (answers !== undefined) checks.push(answers)
  }
  const { names } = parts.connections
  checks.push(...(await Promise.all(names.map(name => connection(name, parts)))))
  return { ok: checks.every(check => check.ok), checks }
}
