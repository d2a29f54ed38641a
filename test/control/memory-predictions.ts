import type { PredictionsDesk } from '../../src/api/index.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { OutcomeRow, PredictionView } from '../../src/contract/index.ts'

/* Two answers, one of them with its outcome, as the desk tells of them. */

const first: PredictionView = {
  receipt: '01KB3Q8W5V5M2T9R4XJ6C7D8EF',
  row: 0,
  at: '2026-11-21T12:03:41.000Z',
  model: 'route-late.ATL.LGA',
  answeredBy: 'route-late.ATL.LGA',
  how: 'itself',
  version: 3,
  value: 0.30078125,
  output: 'probability',
  latencyMs: 0.4375,
  caller: 'checkout',
  tenant: null,
  requestId: 'req-1',
  cachedFrom: null,
  environment: 'prod',
  generation: 12,
  graph: `sha256:${'1'.repeat(64)}`,
  pack: `sha256:${'2'.repeat(64)}`,
  packRow: 17,
  inputs: { carrier: 'DL', hour: 17, distance: null },
  lookedUp: { hour: '2026-11-21T11:00:00.000Z' },
  tensors: null,
}
const second: PredictionView = {
  ...first,
  receipt: '01KB3Q8W5V000000000000000A',
  model: 'route-late.ATL.XNA',
  answeredBy: 'route-late.ATL',
  how: 'ancestor',
  value: 0.25,
}

const outcome: OutcomeRow = {
  receipt: first.receipt,
  row: 0,
  at: first.at,
  receivedAt: '2026-11-22T08:00:00.000Z',
  corrected: false,
  model: first.model,
  version: 3,
  predicted: 0.30078125,
  value: 1,
  error: -0.69921875,
}

export const memoryPredictions: PredictionsDesk = {
  async list({ model, limit, after }) {
    const all = [first, second].filter(p => model === undefined || p.model.startsWith(model))
    const from = after === undefined ? 0 : all.findIndex(p => p.receipt === after.id) + 1
    return { items: all.slice(from, from + limit), unreadable: [] }
  },
  async prediction(receipt) {
    if (receipt !== first.receipt) throw unknown(receipt)
    return {
      receipt,
      rows: [first],
      erasedRows: 1,
      lineage: {
        versionDigest: `sha256:${'3'.repeat(64)}`,
        view: 'flights@1',
        viewDigest: `sha256:${'4'.repeat(64)}`,
        snapshots: { flights: `sha256:${'5'.repeat(64)}` },
        pipeline: 'logistic@1',
        code: '0.1.0+a1b2c3d4',
        plan: 'p-81',
        run: 'r-7',
        trainedAt: '2026-11-20T08:00:00.000Z',
      },
      outcomes: [{ row: 0, value: 1, receivedAt: outcome.receivedAt, corrected: false }],
    }
  },
  async replay(receipt) {
    const { model, answeredBy, how, version, graph, pack } = first
    const recorded = [0.30078125]
    const about = { receipt, model, answeredBy, how, version, recorded, erasedRows: 0 }
    const there = { kind: 'graph' as const, name: graph!, found: true, because: null }
    if (receipt === first.receipt) {
      return {
        ...about,
        outcome: 'same',
        because: `version 3 of ${model} gives the same, to the last bit`,
        replayed: recorded,
        ancestors: [there],
      }
    }
    if (receipt !== second.receipt) throw unknown(receipt)
    const because = 'the bytes of sha256:222222222222 are gone'
    return {
      ...about,
      erasedRows: 2,
      outcome: 'gone',
      because: `pack ${pack}: ${because}`,
      replayed: null,
      ancestors: [there, { kind: 'pack', name: pack!, found: false, because }],
    }
  },
  async erase({ receipts }) {
    const items = receipts.map(receipt =>
      receipt === first.receipt
        ? { receipt, rows: 2, outcome: 'erased' as const }
        : { receipt, rows: 0, outcome: 'unknown' as const },
    )
    return { unreadable: 0, items }
  },
  async takeOutcomes({ outcomes }) {
    const items = outcomes.map(({ receipt }) =>
      receipt === first.receipt
        ? { status: 200, state: 'recorded' as const, receipt, row: 0, because: null }
        : {
            status: 404,
            state: 'unknown' as const,
            receipt: receipt ?? null,
            row: null,
            because: 'the journal has no such prediction',
          },
    )
    const taken = items.filter(({ status }) => status === 200).length
    return { taken, refused: items.length - taken, items }
  },
  outcomes: async () => [outcome],
  errors: async () => ({
    outcomes: 1,
    models: [
      {
        model: first.model,
        outcomes: 1,
        meanAbsoluteError: 0.69921875,
        bias: -0.69921875,
        rootMeanSquaredError: 0.69921875,
      },
    ],
  }),
}

function unknown(receipt: string): MusterError {
  return new MusterError('E_NOT_FOUND', `the journal has no answer with the receipt ${receipt}`)
}
