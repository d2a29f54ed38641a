import { access, constants, statfs } from 'node:fs/promises'
import { shortDigest } from '../base/digest.ts'
import { asMusterError } from '../base/errors.ts'
import { bytesWords, countOf, formatCount, formatNumber } from '../base/format.ts'
import { type DoctorAnswer, freeBytesMin } from '../contract/index.ts'
import { probeConnection } from '../sources/index.ts'
import { journalTotals, listLetters } from '../store/index.ts'
import type { TriggerStatus } from '../triggers/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { failedRuns } from './failed-runs.ts'

type Check = DoctorAnswer['checks'][number]

async function database({ store }: DeskParts): Promise<Check> {
  const name = 'database'
  try {
    const row = await store.one<{ version: string }>('select version() as "version"')
    return { name, ok: true, detail: row?.version.split(' on ')[0] ?? '', cure: null }
  } catch (error) {
    const cure = "see that its host is up; one of Muster's own: end Muster, then muster up"
    return { name, ok: false, detail: asMusterError(error).message, cure }
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
  const kept = `${countOf(rows, 'predicted row')} in files of ${bytesWords(sizeBytes)}`
  const since = `${countOf(recorded, 'answer')} kept and ${formatCount(lost)} lost since the start`
  return { name, ok: lost === 0, detail: `${kept}; ${since}`, cure: lost === 0 ? null : cure }
}

function triggers({ triggers }: DeskParts): Check | undefined {
  const all = triggers?.status() ?? []
  if (triggers === undefined || all.length === 0) return undefined
  const name = 'triggers'
  const faulty = all.filter(({ state, forMs }) => !isTaking(state, forMs))
  const waiting = triggers.waitingDeliveries
  const waits = waiting > 0 ? `; ${countOf(waiting, 'result')} waiting for sinks` : ''
  if (faulty.length === 0) {
    const detail = `${countOf(all.length, 'trigger')}, all taking messages${waits}`
    return { name, ok: true, detail, cure: null }
  }
  const shown = faulty
    .slice(0, shownMax)
    .map(({ name, state, because }) => `${name} is ${state}${because ? `: ${because}` : ''}`)
  const more = faulty.length > shownMax ? `; ${formatCount(faulty.length - shownMax)} more` : ''
  const detail = `${shown.join('; ')}${more}${waits}`
  return { name, ok: false, detail, cure: 'see all: muster triggers; mend their connections' }
}

/** A connection is made within seconds. */
const connectingMs = 10_000

function isTaking(state: TriggerStatus['state'], forMs: number): boolean {
  return state === 'connected' || (state === 'connecting' && forMs < connectingMs)
}

const lettersMax = 100

async function letters({ store }: DeskParts): Promise<Check> {
  const name = 'letters'
  const ask = { graph: undefined, state: 'waiting', beforeNumber: undefined } as const
  const waiting = await listLetters(store, { ...ask, limit: lettersMax + 1 })
  const newest = waiting[0]
  if (newest === undefined) return { name, ok: true, detail: 'none waits', cure: null }
  const count = waiting.length > lettersMax ? `more than ${lettersMax}` : `${waiting.length}`
  const { graph, trigger, cause } = newest
  const detail = `${count} waiting; the newest, of ${graph}/${trigger}: ${cause}`
  return { name, ok: false, detail, cure: 'see them: muster deadletters; then replay or drop them' }
}

/** Of each check: a person waits, and a disk or a database may stand still. */
const checkMs = 12_000

/** Never rejects; a check that has no end is a fault. */
async function within(name: string, look: () => Promise<Check | undefined>) {
  const failed = (detail: string): Check => ({
    name,
    ok: false,
    detail,
    cure: 'see log/control.log',
  })
  const { promise: late, resolve } = Promise.withResolvers<Check>()
  const timer = setTimeout(
    () => resolve(failed(`it is not known within ${checkMs / 1_000} s`)),
    checkMs,
  )
  try {
    return await Promise.race([look(), late])
  } catch (error) {
    return failed(asMusterError(error).message)
  } finally {
    clearTimeout(timer)
  }
}

/** What can be wrong on the side of the server, each with its cure; looked at side by side. */
export async function doctor(parts: DeskParts): Promise<DoctorAnswer> {
  const looked = (checks: Readonly<Record<string, () => Promise<Check | undefined>>>) =>
    Promise.all(Object.entries(checks).map(([name, look]) => within(name, look)))
  const connections = parts.connections.names.map(
    name => [`connection ${name}`, () => connection(name, parts)] as const,
  )
  const [[base], own, recorded, others] = await Promise.all([
    looked({ database: () => database(parts) }),
    looked({ state: () => state(parts), disk: () => disk(parts), bytes: () => bytes(parts) }),
    looked({
      runs: () => runs(parts),
      online: () => online(parts),
      journal: () => journal(parts),
      letters: () => letters(parts),
    }),
    looked({ triggers: async () => triggers(parts), ...Object.fromEntries(connections) }),
  ])
  // Without the database nothing is known of what is recorded there: that is said once.
  const found = [base, ...own, ...(base?.ok ? recorded : []), ...others]
  const checks = found.filter(check => check !== undefined)
  return { ok: checks.every(check => check.ok), checks }
}
