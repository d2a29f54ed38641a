import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelName } from '../base/ids.ts'
import {
  type Answerers,
  type Blobs,
  type Champions,
  type FitOutput,
  type FitRow,
  type JudgeOutput,
  type Lineage,
  putJson,
  type RunWork,
  readJson,
  type SealInput,
  type Verdict,
} from '../fleet/index.ts'
import { judgeFamily } from '../gate/index.ts'
import { readPack, versionDigest } from '../registry/index.ts'
import { readRunWork, type SealedMember, sealRun, type Transactions } from '../store/index.ts'
import { levelCounts, reasonCounts } from './tally.ts'

interface Fitted {
  readonly fit: FitRow
  /** Where the bytes are; undefined for a failed fit. */
  readonly at:
    | { readonly graph: Digest; readonly pack: Digest; readonly digest: Digest }
    | undefined
}

/**
 * The gate and the register: verdicts for the whole family from the evidence, then versions, states
 * and routes in one transaction. Leaves an `Answerers`, the digest of which is the same however
 * often it is carried out.
 */
export async function seal(
  input: SealInput,
  at: { readonly blobs: Blobs; readonly store: Transactions; readonly code: string },
): Promise<Digest> {
  const { blobs, store } = at
  const work = must(await readRunWork(store, input.run), `the run ${input.run} has its work`)
  const fitted = await readFits(input.fits, blobs)
  const judged = await readJson<JudgeOutput>(blobs, input.judge)
  const evidence = new Map(judged.evidence.map(e => [e.name, e.evidence]))
  const champions = work.champions ? await readJson<Champions>(blobs, work.champions) : undefined
  const others = otherChampions(champions, fitted)
  const verdicts = judgeFamily({
    key: work.family.key,
    gates: work.gates,
    objectives: work.objectives,
    fits: [...fitted.values()].map(({ fit }) => fit),
    evidence,
    championsStay: callable(work, champions) ? others : new Set(),
  })
  const stays = championsThatStay(work, champions, others, verdicts)
  const recipeOf = recipes(work)
  const lineage: Lineage = {
    ...work.lineage,
    parameters: must(work.recipes[work.recipe], 'the base recipe is carried').parameters,
    code: at.code,
  }
  const members = verdicts.map((verdict): SealedMember => {
    const { fit, at: bytes } = must(fitted.get(verdict.name), 'a verdict is of a fitted member')
    const shown = evidence.get(verdict.name)
    const stay = stays.has(verdict.name)
    return {
      name: verdict.name,
      state: stateOf(verdict, stay),
      reason: verdict.reason,
      because: verdict.because,
      recipe: recipeOf(verdict.name),
      fit,
      verdict,
      version:
        fit.state === 'fitted' && bytes && shown
          ? { ...bytes, row: fit.row, lineage: 0, evidence: shown }
          : undefined,
      route: verdict.decision === 'kept' ? 'serve' : stay ? 'keep' : 'remove',
    }
  })
  const sealing = await sealRun(store, {
    run: input.run,
    environments: work.environments,
    lineages: [lineage],
    recipes: new Map(Object.entries(work.recipes) as [Digest, (typeof work.recipes)[Digest]][]),
    members,
    levels: levelCounts(work.family.key, members),
    reasons: reasonCounts(members),
  })
  if (sealing.state === 'stale') {
    throw new MusterError('E_PLAN_STALE', sealing.because, { hint: 'plan again: muster plan' })
  }
  return putJson(blobs, answerersOf(members, champions, stays))
}

async function readFits(
  outputs: readonly Digest[],
  blobs: Blobs,
): Promise<ReadonlyMap<ModelName, Fitted>> {
  const fitted = new Map<ModelName, Fitted>()
  for (const output of outputs) {
    const { graph, pack, members } = await readJson<FitOutput>(blobs, output)
    const { rows, width } = readPack(await blobs.get(pack))
    for (const fit of members) {
      if (fit.state === 'failed') fitted.set(fit.name, { fit, at: undefined })
      else {
        const parameters = rows.subarray(fit.row * width, (fit.row + 1) * width)
        const digest = versionDigest(graph, fit.name, parameters)
        fitted.set(fit.name, { fit, at: { graph, pack, digest } })
      }
    }
  }
  return fitted
}

/** Models served by another version than the candidate. One and the same was judged just now. */
function otherChampions(
  champions: Champions | undefined,
  fitted: ReadonlyMap<ModelName, Fitted>,
): ReadonlySet<ModelName> {
  const others = (champions?.members ?? []).filter(
    ({ name, versionDigest }) => fitted.get(name as ModelName)?.at?.digest !== versionDigest,
  )
  return new Set(others.map(({ name }) => name as ModelName))
}

/** Whether champions are called in the same way as the candidates: they read the same view. */
function callable(work: RunWork, champions: Champions | undefined): boolean {
  return champions?.view === work.lineage.viewDigest
}

/**
 * Champions that go on serving although a newer version was made: those whose newer one was refused
 * or failed. One of another view does not stay beside candidates: only where none of them was kept
 * does everything stay as it was.
 */
function championsThatStay(
  work: RunWork,
  champions: Champions | undefined,
  others: ReadonlySet<ModelName>,
  verdicts: readonly Verdict[],
): ReadonlySet<ModelName> {
  const someKept = verdicts.some(verdict => verdict.decision === 'kept')
  if (!callable(work, champions) && someKept) return new Set()
  return new Set(
    verdicts.flatMap(({ name, decision }) =>
      others.has(name) && (decision === 'refused' || decision === 'failed') ? [name] : [],
    ),
  )
}

function stateOf({ decision }: Verdict, championStays: boolean): SealedMember['state'] {
  switch (decision) {
    case 'kept':
      return 'serving'
    case 'pruned':
      return 'inherited'
    case 'refused':
    case 'failed':
      return championStays ? 'serving' : decision
    default:
      return decision satisfies never
  }
}

function recipes(work: RunWork): (name: ModelName) => Digest {
  const special = new Map<ModelName, Digest>()
  for (const { names, recipe } of work.recipeOverrides) {
    for (const name of names) special.set(name, recipe)
  }
  return name => special.get(name) ?? work.recipe
}

function answerersOf(
  members: readonly SealedMember[],
  champions: Champions | undefined,
  stays: ReadonlySet<ModelName>,
): Answerers {
  const kept = members.flatMap(({ name, route, version }) =>
    route === 'serve' && version
      ? [{ name, graph: version.graph, pack: version.pack, row: version.row }]
      : [],
  )
  const stayed = (champions?.members ?? [])
    .filter(member => stays.has(member.name as ModelName))
    .map(({ name, graph, pack, row }) => ({ name, graph, pack, row }))
  return { serving: [...kept, ...stayed] }
}
