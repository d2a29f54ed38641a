import type { ControlDesk } from '../../src/api/index.ts'
import { digestOf } from '../../src/base/digest.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { ModelName } from '../../src/base/ids.ts'
import { levelOf, parentOf } from '../../src/base/model-name.ts'
import { nearest } from '../../src/base/nearest.ts'
import {
  type ControlEvent,
  type FleetSummary,
  type ModelRow,
  type ModelView,
  type PlanMember,
  type PlanView,
  type RunRow,
  type RunView,
  type StepRow,
  selectModels,
} from '../../src/contract/index.ts'
import { memoryCatalogue } from './memory-catalogue.ts'
import { memoryGraphs } from './memory-graphs.ts'
import { memoryImported } from './memory-imported.ts'
import { memoryOnline } from './memory-online.ts'
import { memoryPredictions } from './memory-predictions.ts'
import { memoryQuarantine } from './memory-quarantine.ts'
import { memoryScores } from './memory-scores.ts'
import { memorySnapshots } from './memory-snapshots.ts'
import { memorySources } from './memory-sources.ts'
import { memoryTables } from './memory-tables.ts'
import { memoryTriggers } from './memory-triggers.ts'

/*
 * A control desk that holds a small fleet in memory: what tests of `api/` and `cli/` put behind a
 * real server. The real desk is tested end to end with the rest of Muster.
 */

const madeAt = '2026-11-21T12:03:41.000Z'
export const unitSnapshot = digestOf('snapshot')
const states: Readonly<Record<string, ModelRow['state']>> = {
  'route-late.ATL.XNA': 'inherited',
  'route-late.ATL.HNL': 'refused',
  'route-late.BOS.ZZZ': 'failed',
  'route-late.BOS': 'declared',
}

const quarantined = {
  state: 'quarantined',
  because: 'the graph failed on this call',
  since: madeAt,
} as const

function row(name: string, rows: number): ModelRow {
  const depth = levelOf(name as ModelName)
  const state = states[name] ?? 'serving'
  const serves = state === 'serving'
  return {
    name,
    blueprint: 'route-late',
    level: (['root', 'segment', 'leaf'] as const)[depth]!,
    depth,
    rows,
    state,
    reason: serves ? 'kept' : state === 'failed' ? 'constant-label' : 'not-worth-keeping',
    because: serves ? 'better than its parent by 0.019' : 'worse by 0.003 than its parent',
    version: serves ? 1 : null,
    answeredBy: serves ? name : parentOf(name as ModelName)!,
    aside: name === 'route-late.ATL.LGA' ? quarantined : null,
  }
}

export function someModels(): ModelRow[] {
  return [
    row('route-late', 9_000),
    row('route-late.ATL', 6_000),
    row('route-late.BOS', 3_000),
    row('route-late.ATL.LGA', 5_012),
    row('route-late.ATL.XNA', 180),
    row('route-late.ATL.HNL', 150),
    row('route-late.BOS.LAX', 1_200),
    row('route-late.BOS.ZZZ', 110),
  ]
}

export function someRun(state: RunRow['state'] = 'running'): RunRow {
  const done = state === 'done'
  return {
    id: 'r-7',
    plan: 'p-81',
    blueprint: 'route-late',
    state,
    because: 'no version yet',
    members: 8,
    levels: done
      ? [
          {
            level: 'root',
            key: '',
            declared: 1,
            trained: 1,
            failed: 0,
            kept: 1,
            pruned: 0,
            refused: 0,
            serving: 1,
          },
          {
            level: 'leaf',
            key: 'origin.destination',
            declared: 5,
            trained: 4,
            failed: 1,
            kept: 2,
            pruned: 1,
            refused: 1,
            serving: 2,
          },
        ]
      : [],
    reasons: done ? { 'not-worth-keeping': 2, 'constant-label': 1 } : {},
    createdAt: madeAt,
    finishedAt: done ? '2026-11-21T12:03:53.000Z' : null,
  }
}

export function someStep(kind: string, state: StepRow['state'], done = 0, total = 0): StepRow {
  const seconds = state === 'done' ? 1.5 : null
  const unit = kind === 'frame' ? 'rows' : 'members'
  return {
    run: 'r-7',
    blueprint: 'route-late',
    kind,
    part: 0,
    state,
    attempts: 1,
    done,
    total,
    unit,
    seconds,
    found: false,
  }
}

export const runStory: readonly ControlEvent[] = [
  { type: 'run', run: someRun('running') },
  { type: 'step', step: someStep('frame', 'running', 1_000, 3_000) },
  { type: 'step', step: someStep('frame', 'done', 3_000, 3_000) },
  { type: 'step', step: someStep('leaves', 'running', 2, 5) },
  { type: 'step', step: someStep('leaves', 'done', 5, 5) },
  { type: 'run', run: someRun('done') },
]

export function somePlan(): PlanView {
  return {
    id: 'p-81',
    digest: digestOf('p-81'),
    fleet: 'flights',
    parent: null,
    state: 'proposed',
    createdAt: madeAt,
    totals: { declared: 6_794, serving: 0, train: 3_397, retire: 0, unchanged: 3_397 },
    newDeclaration: true,
    environments: [{ name: 'prod', generation: 41 }],
    blueprints: ['route-delay', 'route-late'],
    groups: [
      {
        action: 'train',
        blueprint: 'route-late',
        pipeline: 'logistic@1',
        reason: 'no-version',
        because: 'no version yet',
        members: 3_397,
        levels: [
          { level: 'root', key: '', members: 1 },
          { level: 'segment', key: 'origin', members: 229 },
          { level: 'leaf', key: 'origin.destination', members: 3_167 },
        ],
        expectedSeconds: 40,
      },
    ],
    expectedSeconds: 40,
    data: [
      {
        source: 'flights',
        snapshot: unitSnapshot,
        rows: 3_000_000,
        to: '2001-07-01T00:00:00.000Z',
      },
    ],
    notes: [],
  }
}

function view(model: ModelRow): ModelView {
  return {
    ...model,
    parent: parentOf(model.name as ModelName) ?? null,
    keyValues: [{ column: 'origin', value: 'ATL' }],
    children: 0,
    purpose: 'Chance that a flight leaves late',
    owner: 'network-ops',
    riskClass: 'low',
    declaredAt: 'muster.yaml:41',
    signature: {
      inputs: [{ name: 'hour', datatype: 'FP32', mayBeMissing: false }],
      output: { name: 'probability', datatype: 'FP32' },
      unit: null,
    },
    routes: [],
    values: [
      {
        name: 'penalty',
        value: '10',
        origin: 'muster.yaml:52 override *.HNL',
        over: '3.2, logistic@1 search',
      },
    ],
    versions: [],
  }
}

/** What a test may change about the world. */
export interface DeskState {
  models: ModelRow[]
  plan: PlanView
  members: PlanMember[]
  runs: RunRow[]
  /** Events of any stream; then the stream ends, or with `endless` waits for the signal. */
  events: readonly ControlEvent[]
  endless: boolean
  stale: boolean
  /** Streams that are open now. */
  open: number
}

export function newDeskState(): DeskState {
  return {
    models: someModels(),
    plan: somePlan(),
    members: someModels().map(m => ({
      name: m.name,
      action: 'train',
      reason: 'no-version',
      because: 'no version yet',
    })),
    runs: [someRun('done')],
    events: runStory,
    endless: false,
    stale: false,
    open: 0,
  }
}

function modelReads(state: DeskState) {
  const find = (name: string): ModelRow => {
    const found = state.models.find(m => m.name === name)
    if (found) return found
    const near = nearest(
      name,
      state.models.map(m => m.name),
    ).join(', ')
    throw new MusterError('E_MODEL_UNKNOWN', `the fleet has no model ${name}`, {
      hint: `nearest: ${near}`,
    })
  }
  return {
    models: async ask => selectModels(state.models, ask),
    model: async name => view(find(name)),
    why: async name => ({
      name,
      headline: `${name} is answered by ${find(name).answeredBy}`,
      state: find(name).state,
      answeredBy: find(name).answeredBy,
      links: [
        { step: 'declared', subject: 'muster.yaml:41', because: ['blueprint route-late'] },
        {
          step: 'judged',
          subject: 'low@1',
          because: ['May, 61 flights: log loss 0.398', 'worse by 0.003: worth-keeping no'],
        },
      ],
    }),
    exportModel: async name => {
      if (find(name).state === 'serving') {
        return { bytes: new Uint8Array([8, 9, 10]), version: 1, versionDigest: digestOf('v') }
      }
      throw new MusterError('E_NOT_SERVING', `${name} does not serve`, { hint: 'muster why it' })
    },
  } satisfies Partial<ControlDesk>
}

async function* story(state: DeskState, signal: AbortSignal): AsyncGenerator<ControlEvent> {
  state.open++
  try {
    yield* state.events
    if (!state.endless || signal.aborted) return
    await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
  } finally {
    state.open--
  }
}

function unknown(what: string): never {
  throw new MusterError('E_NOT_FOUND', `there is no ${what}`)
}

function summaryOf(state: DeskState): FleetSummary {
  return {
    fleet: 'flights',
    environments: [{ name: 'prod', generation: 42, changedAt: madeAt }],
    blueprints: [
      {
        name: 'route-late',
        purpose: 'Chance',
        owner: 'network-ops',
        riskClass: 'low',
        view: 'two-hours-before@1',
        pipeline: 'logistic@1',
        declaredAt: 'muster.yaml:41',
        levels: [
          {
            level: 'leaf',
            key: 'origin.destination',
            total: 3_167,
            declared: 0,
            serving: 1_204,
            inherited: 1_950,
            refused: 10,
            failed: 3,
            retired: 0,
          },
        ],
      },
    ],
    aside: { open: 2, quarantined: 1 },
    running: state.runs.filter(r => r.state === 'running'),
    targetPlan: 'p-80',
    server: { version: '0.1.0', startedAt: madeAt, uptimeSeconds: 12, rssBytes: 412_000_000 },
  }
}

export function memoryDesk(state: DeskState): ControlDesk {
  const run = (id: string): RunView => {
    const found = state.runs.find(r => r.id === id) ?? unknown(`run ${id}`)
    return { ...found, steps: [someStep('frame', 'done', 3_000, 3_000)] }
  }
  const planOf = (id: string): PlanView =>
    id === state.plan.id ? state.plan : unknown(`plan ${id}`)
  return {
    ...modelReads(state),
    predictions: memoryPredictions,
    scores: memoryScores(),
    triggers: memoryTriggers(),
    summary: async () => summaryOf(state),
    runs: async ask => state.runs.slice(0, ask.limit),
    run: async id => run(id),
    plan: async () => state.plan,
    plans: async ask => [state.plan].slice(0, ask.limit),
    planById: async id => planOf(id),
    planMembers: async (id, ask) =>
      state.members
        .filter(m => planOf(id) && m.name > (ask.after?.id ?? ''))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, ask.limit),
    apply: async (id, digest) => {
      const plan = planOf(id)
      if (state.stale || (digest !== undefined && digest !== plan.digest)) {
        throw new MusterError('E_PLAN_STALE', `${id} is out of date`, {
          hint: `see them: muster plan --against ${id}`,
        })
      }
      const runs = [{ id: 'r-7', blueprint: 'route-late', members: 8 }]
      return { plan: id, state: 'adopted' as const, runs, retired: 0 }
    },
    catalogue: memoryCatalogue(),
    imported: memoryImported(),
    online: memoryOnline(),
    quarantine: memoryQuarantine(),
    graphs: memoryGraphs(),
    sources: memorySources(),
    ...memoryTables(),
    snapshots: memorySnapshots(),
    validate: async () => ({ valid: true, documents: 6, problems: [], findings: [] }),
    doctor: async () => ({
      ok: true,
      checks: [{ name: 'postgres', ok: true, detail: '18.4, 3 connections', cure: null }],
    }),
    events: ({ signal }) => story(state, signal),
  }
}
