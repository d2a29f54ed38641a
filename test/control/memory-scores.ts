import { Readable } from 'node:stream'
import type { ScoresDesk } from '../../src/api/index.ts'
import { digestOf } from '../../src/base/digest.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { ScoreAsk, ScoreView } from '../../src/contract/index.ts'

/* Scores that are done as soon as they are asked for, with two files of known bytes. */

export const scoredBytes = ['PAR1 the first part', 'PAR1 the second part'].map(text =>
  Buffer.from(text),
)

export function memoryScores(): ScoresDesk {
  const asked: ScoreView[] = []
  const known = (id: string): ScoreView => {
    const found = asked.find(score => score.id === id)
    if (found) return found
    throw new MusterError('E_NOT_FOUND', `there is no score ${id}`, {
      hint: 'list them: muster scores',
    })
  }
  return {
    async ask(ask) {
      if (ask.view === 'nobody@1') {
        throw new MusterError('E_NOT_FOUND', 'the fleet has no feature view `nobody@1`', {
          field: 'view',
        })
      }
      const score = scoreOf(`s-${asked.length + 1}`, ask)
      asked.unshift(score)
      return score
    },
    async scores({ limit, after }) {
      const from = asked.findIndex(({ id }) => id === after?.id) + 1
      return asked.slice(from, from + limit)
    },
    score: async id => known(id),
    cancel: async id => known(id),
    async file(id, number) {
      const file = known(id).report?.files[number]
      if (!file) throw new MusterError('E_NOT_FOUND', `the score ${id} has no file ${number}`)
      const bytes = Readable.from([scoredBytes[number]!])
      return { bytes, sizeBytes: file.sizeBytes, digest: file.digest }
    },
  }
}

function scoreOf(id: string, ask: ScoreAsk): ScoreView {
  const { to } = ask
  const files = to.kind === 'table' ? [] : scoredBytes.slice(0, to.kind === 'file' ? 1 : 2)
  return {
    id,
    state: 'done',
    because: '',
    view: ask.view,
    blueprint: ask.blueprint ?? 'route-late',
    environment: 'prod',
    generation: 4,
    to: to.kind === 'table' ? `${to.connection}:${to.table}` : to.kind,
    createdAt: '2026-11-21T12:03:41.000Z',
    begunAt: '2026-11-21T12:03:41.000Z',
    finishedAt: '2026-11-21T12:03:51.000Z',
    ask,
    steps: [
      {
        kind: 'score',
        part: 0,
        state: 'done',
        done: 3_000,
        total: 3_000,
        unit: 'rows',
        seconds: 4,
        found: false,
        code: null,
        because: null,
      },
    ],
    report: {
      rows: 3_000,
      byLevel: [
        { level: 'root', rows: 10 },
        { level: 'origin', rows: 990 },
        { level: 'origin.destination', rows: 2_000 },
      ],
      unscored: {},
      rowsWithoutKey: 2,
      parts: 2,
      failed: [],
      files: files.map(bytes => ({
        digest: digestOf(bytes),
        sizeBytes: bytes.length,
        rows: 1_500,
      })),
      table: to.kind === 'table' ? { table: to.table, rows: 3_000 } : null,
      seconds: 10,
      scoringSeconds: 4,
      rowsPerSecond: 300,
      peakRssBytes: 410_000_000,
    },
  }
}
