import { digestOf } from '../src/base/digest.ts'
import type { ModelName, RunId } from '../src/base/ids.ts'
import { modelName } from '../src/base/model-name.ts'
import type { Evidence, MemberList, Plan, RunWork } from '../src/fleet/index.ts'
import { adoptPlan, type RunSeal, recordPlan, recordSpec, type Store } from '../src/store/index.ts'

/*
 * Fleets for tests of what is recorded: small, made by hand, complete enough for every column.
 */

/** `width` segments of `width` leaves each, under one root. */
export function members(width: number): MemberList {
  const parts = Array.from({ length: width }, (_, i) => `S${String(i).padStart(4, '0')}`)
  const leaves = parts.flatMap(s => parts.map(l => [s, l]))
  return {
    levels: [
      { keys: [[]], rows: [width * width * 100] },
      { keys: parts.map(s => [s]), rows: parts.map(() => width * 100) },
      { keys: leaves, rows: leaves.map((_, i) => 100 + (i % 50)) },
    ],
  }
}

export function namesOf(blueprint: string, list: MemberList): ModelName[] {
  return list.levels.flatMap(level => level.keys.map(key => modelName(blueprint, key)))
}

type Draft = Omit<Plan, 'id' | 'createdAt'>

export function draftPlan(changes: Partial<Draft> & { readonly word?: string } = {}): Draft {
  const { word = 'first', ...rest } = changes
  return {
    digest: digestOf(word),
    fleet: 'flights',
    base: { parent: null, spec: digestOf('spec'), snapshots: {}, generations: { prod: 0 } },
    groups: [],
    totals: { declared: 0, serving: 0, train: 0, retire: 0, unchanged: 0 },
    notes: [],
    ...rest,
  }
}

export function trainGroup(blueprint: string, list: MemberList): Plan['groups'][number] {
  return {
    action: 'train',
    blueprint,
    reason: 'no-version',
    because: 'no version yet',
    counts: list.levels.map(level => level.keys.length),
    members: namesOf(blueprint, list),
    expectedSeconds: undefined,
  }
}

/** The store keeps it and does not look inside. */
export const work = { purpose: 'a test' } as unknown as RunWork

export async function keepSpec(store: Store): Promise<void> {
  await recordSpec(store, {
    digest: digestOf('spec'),
    fleet: 'flights',
    files: [{ path: 'muster.yaml', text: 'kind: Fleet' }],
  })
}

/** A fleet with one adopted plan, and the run of its one blueprint. */
export async function adoptFleet(
  store: Store,
  list: MemberList,
  blueprint = 'delay',
): Promise<{ run: RunId; names: readonly ModelName[] }> {
  await keepSpec(store)
  const draft = draftPlan({ groups: [trainGroup(blueprint, list)] })
  const plan = await recordPlan(store, draft, new Map([[blueprint, work]]))
  const adoption = await adoptPlan(store, plan.id, [{ blueprint, members: list }])
  if (adoption.state !== 'adopted') throw new Error(adoption.because)
  return { run: adoption.runs[0]!.id, names: namesOf(blueprint, list) }
}

const metrics = { rows: 120, loss: 1041.25, rmse: 32.268, mae: 17.5, r2: 0.041 }
const difference = {
  rows: 120,
  days: 30,
  mean: -3.25,
  standardError: 1.5,
  lower: -6.3,
  upper: -0.2,
}

export function evidence(name: ModelName): Evidence {
  return {
    task: 'regression',
    span: '2001-05',
    candidate: metrics,
    baseline: { name: 'baseline', metrics, difference },
    championAbsent: 'none',
    ancestors: name.includes('.') ? [{ name: 'delay' as ModelName, metrics, difference }] : [],
  }
}

/** Every third member is pruned and every seventh failed to fit; the rest serve. */
export function sealOf(run: RunId, names: readonly ModelName[], word = 'first'): RunSeal {
  const recipe = { view: digestOf('view'), label: 'delay' } as never
  return {
    run,
    environments: ['prod'],
    lineages: [{ pipeline: 'ridge@1', view: 'two-hours-before@1', code: '0.1.0+test' } as never],
    recipes: new Map([[digestOf('recipe'), recipe]]),
    levels: [],
    reasons: { 'not-worth-keeping': 1 },
    members: names.map((name, i) => {
      const failed = i % 7 === 6
      const kept = !failed && i % 3 !== 2
      const because = failed ? 'the label has one value only' : 'expected gain 0.016'
      return {
        name,
        state: failed ? 'failed' : kept ? 'serving' : 'inherited',
        reason: failed ? 'constant-label' : kept ? 'kept' : 'not-worth-keeping',
        because,
        recipe: digestOf('recipe'),
        route: failed ? 'keep' : kept ? 'serve' : 'remove',
        fit: failed
          ? { name, state: 'failed', code: 'constant-label', because, trainRows: 9 }
          : {
              name,
              state: 'fitted',
              row: i,
              trainRows: 400,
              droppedRows: 0,
              parityError: 0,
              baseline: 8,
            },
        verdict: {
          name,
          decision: failed ? 'failed' : kept ? 'kept' : 'pruned',
          reason: 'kept',
          because,
          rules: [
            {
              gate: 'worth-keeping',
              from: 'low@1',
              expression: 'evidence.vs.parent.loss.expected < 0',
              holds: kept,
              saw: because,
            },
          ],
        },
        ...(!failed && {
          version: {
            digest: digestOf(`${name} ${word}`),
            graph: digestOf('graph'),
            pack: digestOf('pack'),
            row: i,
            lineage: 0,
            evidence: evidence(name),
          },
        }),
      }
    }),
  }
}
