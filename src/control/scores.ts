import { createReadStream } from 'node:fs'
import type { ScoresDesk } from '../api/index.ts'
import { digestOfValue } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { ScoreRow, ScoreView } from '../contract/index.ts'
import { levelKey, type ScoreWork } from '../fleet/index.ts'
import type { ScoreResult } from '../score/index.ts'
import {
  cancelScore,
  deliverAgain,
  listScores,
  readScore,
  readScoreByKey,
  recordScore,
  type ScoreRecord,
  type ScoreStep,
  stepsOfScore,
} from '../store/index.ts'
import { checkNoTable, hasMark } from '../streams/index.ts'
import { questionOf, type ScoreParts } from './score-question.ts'

export function scoresDesk(parts: ScoreParts): ScoresDesk {
  const { store, blobs } = parts
  const known = async (id: string): Promise<ScoreRecord> => {
    const found = await readScore(store, id)
    if (found) return found
    throw new MusterError('E_NOT_FOUND', `there is no score ${id}`, {
      hint: 'list them: muster scores',
    })
  }
  const view = async (record: ScoreRecord): Promise<ScoreView> => {
    const steps = await stepsOfScore(store, record.id)
    const keys = (await parts.fleet.blueprint(record.blueprint))?.key ?? []
    return {
      ...scoreRowOf(record),
      ask: record.ask as ScoreView['ask'],
      steps: steps.map(stepOf),
      report: reportOf(record, steps, keys),
    }
  }
  return {
    async ask(ask) {
      const { work, ...about } = await questionOf(ask, parts)
      const key = digestOfValue(work)
      const before = await readScoreByKey(store, key)
      await checkTable(work.target, before, parts)
      const record = await recordScore(store, { ...about, key, work, ask })
      parts.wake()
      return view(record)
    },
    async scores({ limit, after }) {
      return (await listScores(store, { limit, after: after?.id })).map(scoreRowOf)
    },
    score: async id => view(await known(id)),
    async cancel(id) {
      await known(id)
      await cancelScore(store, id, { code: 'E_CANCELLED', because: 'it was cancelled' })
      return view(await known(id))
    },
    async file(id, number) {
      const { state, result } = await known(id)
      const file = (result as ScoreResult | null)?.files[number]
      if (file === undefined) {
        throw new MusterError('E_NOT_FOUND', `the score ${id} has no file ${number}`, {
          hint: result === null ? `it is ${state}` : `see what it has: muster scores ${id}`,
        })
      }
      const bytes = createReadStream(await blobs.path(file.file))
      return { bytes, sizeBytes: file.sizeBytes, digest: file.file }
    },
  }
}

/**
 * A new score into a table that exists is refused before hours of work; one that is done and whose
 * table is gone or another's by now delivers it again.
 */
async function checkTable(
  target: ScoreWork['target'],
  before: ScoreRecord | undefined,
  { store, connections }: ScoreParts,
): Promise<void> {
  if (target.kind !== 'table') return
  const database = connections.of(target.connection, 'postgres')
  const left = (before?.result as ScoreResult | null | undefined)?.table
  if (left && (await hasMark(database, left))) return
  if (!target.overwrite && before?.state !== 'running') await checkNoTable(database, target.table)
  if (before?.state === 'done') await deliverAgain(store, before.id)
}

export function scoreRowOf(record: ScoreRecord): ScoreRow {
  const { id, state, because, view, blueprint, environment, generation } = record
  const { to } = record.ask as ScoreView['ask']
  return {
    id,
    state,
    because,
    view,
    blueprint,
    environment,
    generation,
    to: to.kind === 'table' ? `${to.connection}:${to.table}` : to.kind,
    createdAt: record.createdAt.toISOString(),
    begunAt: record.begunAt.toISOString(),
    finishedAt: record.finishedAt?.toISOString() ?? null,
  }
}

function stepOf(step: ScoreStep): ScoreView['steps'][number] {
  const { kind, part, state, done, total, unit, seconds, found, error } = step
  const why = state === 'failed' ? error : null
  return {
    kind,
    part,
    state,
    done,
    total,
    unit,
    seconds,
    found,
    code: why?.code ?? null,
    because: why?.because ?? null,
  }
}

function reportOf(
  { result, begunAt, finishedAt }: ScoreRecord,
  steps: readonly ScoreStep[],
  keys: readonly string[],
): ScoreView['report'] {
  if (result === null || finishedAt === null) return null
  const { counts, files, ...rest } = result as unknown as ScoreResult
  const seconds = (finishedAt.getTime() - begunAt.getTime()) / 1_000
  const own = steps.filter(step => !step.found)
  const scoring = own.filter(({ kind }) => kind === 'score')
  const peaks = own.flatMap(({ peakRssBytes }) => peakRssBytes ?? [])
  return {
    ...rest,
    failed: [...rest.failed],
    rows: counts.rows,
    byLevel: counts.byDepth.map((rows, depth) => ({
      level: levelKey(keys, depth) || 'root',
      rows,
    })),
    unscored: { ...counts.unscored },
    files: files.map(({ file, sizeBytes, rows }) => ({ digest: file, sizeBytes, rows })),
    seconds,
    scoringSeconds: scoring.reduce((sum, step) => sum + (step.seconds ?? 0), 0),
    rowsPerSecond: seconds > 0 ? counts.rows / seconds : 0,
    peakRssBytes: peaks.length > 0 ? Math.max(...peaks) : null,
  }
}
