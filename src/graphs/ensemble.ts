import { must } from '../base/assert.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import { type Asked, callUntil, late, type WantedCall } from './call.ts'
import { type MergePart, merge } from './merge.ts'
import { outcomeOf, partOf, type Ran } from './outcome.ts'
import type { NodePlan, StepPlan } from './plan.ts'
import type { GraphPart } from './result.ts'
import { type Running, variablesOf } from './running.ts'
import { inTurns, selectModels } from './select.ts'
import { callOf, namedValues } from './step.ts'

/** One part of an Ensemble, while it runs: a call, a node, or a refusal that needed neither. */
interface Branch {
  readonly step: StepPlan
  readonly model: string | undefined
  readonly key: Readonly<Record<string, string>> | undefined
  readonly weight: number
  readonly work: { readonly call: WantedCall } | { readonly node: string } | MusterError
}

interface Ended {
  readonly branch: Branch
  readonly asked: Asked | Ran
}

/** All steps at once; one value of those that answered, if they are enough. May throw E_*. */
export async function runEnsemble(
  node: NodePlan,
  request: unknown,
  untilMs: number,
  running: Running,
  runBelow: (node: string, untilMs: number) => Promise<Ran>,
): Promise<Ran> {
  const variables = variablesOf(running, request)
  const values = namedValues(request, running)
  const checkTime = () => {
    if (running.clock.monotonicMs() >= untilMs) throw late()
  }
  const branches: Branch[] = []
  for (const step of node.steps) {
    const of = { node, step }
    branches.push(...(await branchesOf(of, values, variables, { ...running, checkTime })))
  }
  const ended = await runBranches(branches, untilMs, running, runBelow)
  const parts = ended.flatMap(one => partsOf(node, one))
  const merging = ended.map(mergePart)
  const fault = tooFew(node, ended, merging)
  if (fault) return { outcome: { fault }, parts }
  try {
    return { outcome: { value: merge(node.merge, merging, variables) }, parts }
  } catch (error) {
    return { outcome: { fault: asMusterError(error) }, parts }
  }
}

async function branchesOf(
  of: { readonly node: NodePlan; readonly step: StepPlan },
  values: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, unknown>>,
  running: Running & { checkTime(): void },
): Promise<readonly Branch[]> {
  const { step } = of
  const { target, weight } = step
  const alone = { step, model: undefined, key: undefined, weight }
  if (target.kind === 'node') return [{ ...alone, work: { node: target.node } }]
  const called = (model: string, key: Branch['key'], share: number): Branch => {
    const kind = target.kind === 'imported' ? 'imported' : 'family'
    const read = key === undefined ? variables : { ...variables, key }
    const branch = { step, model, key, weight: share }
    try {
      running.checkTime()
      return { ...branch, work: { call: callOf(of, { model, kind }, values, read, running) } }
    } catch (error) {
      return { ...branch, work: asMusterError(error) }
    }
  }
  if (target.kind !== 'models') return [called(target.model, undefined, weight)]
  try {
    const selected = await selectModels(target.select, variables, running)
    const branches: Branch[] = []
    for await (const { model, key } of inTurns(selected)) {
      branches.push(called(model, key, weight / selected.length))
    }
    return branches
  } catch (error) {
    return [{ ...alone, work: asMusterError(error) }]
  }
}

/** Calls of one deadline go together; nodes run beside them. */
async function runBranches(
  branches: readonly Branch[],
  untilMs: number,
  running: Running,
  runBelow: (node: string, untilMs: number) => Promise<Ran>,
): Promise<readonly Ended[]> {
  const nowMs = running.clock.monotonicMs()
  const asked = new Map<Branch, Asked | Ran>()
  const byDeadline = new Map<number, [Branch, WantedCall][]>()
  const waiting: Promise<unknown>[] = []
  for (const branch of branches) {
    const until = Math.min(untilMs, nowMs + branch.step.deadlineMs)
    const { work } = branch
    if (work instanceof MusterError) asked.set(branch, work)
    else if ('node' in work) {
      waiting.push(runBelow(work.node, until).then(ran => asked.set(branch, ran)))
    } else {
      const group = byDeadline.get(until)
      if (group) group.push([branch, work.call])
      else byDeadline.set(until, [[branch, work.call]])
    }
  }
  for (const [until, group] of byDeadline) {
    const calls = group.map(([, call]) => call)
    waiting.push(
      callUntil(calls, until, running).then(said => {
        for (const [i, [branch]] of group.entries()) asked.set(branch, said[i]!)
      }),
    )
  }
  await Promise.all(waiting)
  return branches.map(branch => ({ branch, asked: must(asked.get(branch), 'all have ended') }))
}

function isRan(asked: Asked | Ran): asked is Ran {
  return 'outcome' in asked
}

function partsOf(node: NodePlan, { branch, asked }: Ended): readonly GraphPart[] {
  const named = { node: node.name, step: branch.step.name, model: branch.model }
  if (!isRan(asked)) return [partOf(named, asked)]
  const { fault } = asked.outcome
  return fault === undefined ? asked.parts : [...asked.parts, partOf(named, fault)]
}

function mergePart({ branch, asked }: Ended): MergePart {
  const { step, model, key, weight } = branch
  const outcome = isRan(asked) ? asked.outcome : outcomeOf(asked)
  const { fault } = outcome
  const state =
    fault === undefined ? 'answered' : fault.code === 'E_DEADLINE_PAST' ? 'late' : 'failed'
  const value = outcome.fault === undefined ? outcome.value : undefined
  return { step: step.name, model, key, weight, state, value, code: fault?.code }
}

/** Why the node fails: a part that it cannot do without, or too few of the others. */
function tooFew(
  node: NodePlan,
  ended: readonly Ended[],
  parts: readonly MergePart[],
): MusterError | undefined {
  const answered = parts.filter(part => part.state === 'answered').length
  const required = node.require === 'all' ? parts.length : node.require === 'any' ? 1 : node.require
  const faults = ended.flatMap(({ branch, asked }) => {
    const { fault } = isRan(asked) ? asked.outcome : outcomeOf(asked)
    return fault === undefined ? [] : [{ branch, fault }]
  })
  const hard = faults.filter(({ branch }) => branch.step.isHard)
  if (hard.length === 0 && answered >= required) return undefined
  const telling = answered >= required ? hard : faults
  // One that may pass is told before one that stays: it says that sending it again is of use.
  const first = telling.find(({ fault }) => isPassing(fault)) ?? telling[0]
  const { step, model } = first?.branch ?? {}
  const { code, message, hint, extra } = first?.fault ?? noneAsked
  const who = model ?? (step === undefined ? '' : `step ${step.name}`)
  const counts = `${answered} of ${parts.length} parts of node ${node.name} answered`
  const need = hard.length > 0 ? `and not \`${who}\`` : `and ${required} must`
  return new MusterError(code, `${counts}, ${need}: ${who}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    extra,
  })
}

function isPassing({ status }: MusterError): boolean {
  return status >= 500 || status === 429
}

const noneAsked = new MusterError('E_MODEL_UNKNOWN', 'fewer parts were asked than must answer')
