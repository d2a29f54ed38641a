import { assert, must } from '../base/assert.ts'
import { deadlineAtMs } from '../base/deadline.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import { asVariable, type Variables } from '../gate/index.ts'
import { late } from './call.ts'
import { runEnsemble } from './ensemble.ts'
import { evaluate, holds } from './evaluate.ts'
import { checkMessage } from './message.ts'
import { type Outcome, partOf, type Ran } from './outcome.ts'
import type { GraphPlan, NodePlan, StepPlan } from './plan.ts'
import type { GraphPart, GraphResult } from './result.ts'
import { type GraphAsk, type Running, variablesOf } from './running.ts'
import { shareOf } from './share.ts'
import { runModel } from './step.ts'

/** As deep as declarations may be; deeper is a plan that nobody checked. */
const depthMax = 16

/**
 * One message through a graph. Throws what its root node failed with, with its parts: by code
 * E_FEATURE_VALUE for what the message lacks, E_DEADLINE_PAST, and what the models answered;
 * E_USAGE and E_TOO_LARGE for a message that is none; E_DEADLINE. A part that fails where the graph
 * can do without it is told in `parts`, and does not throw.
 */
export async function runGraph(
  plan: GraphPlan,
  message: unknown,
  ask: GraphAsk,
): Promise<GraphResult> {
  const { models, clock, alarm, signal, chance, asker = {} } = ask
  const nowMs = clock.monotonicMs()
  const callerMs = deadlineAtMs(ask.deadlineMs, ask.arrivedMs ?? nowMs)
  const untilMs = Math.min(callerMs, nowMs + plan.spec.deadlineMs)
  checkMessage(message)
  const read = asVariable(message)
  const given = ask.id ?? idOf(plan, read)
  const prepared = prepare(plan, read)
  const variables = { message: read, prepared: asVariable(prepared) }
  const at = { models, clock, alarm, signal, chance, asker }
  const running: Running = { ...at, plan, id: given, message, prepared, variables }
  const root = must(plan.nodes.get('root'), 'a graph has a root')
  const { outcome, parts } = await runNode(root, message, untilMs, running, 1)
  const graph = plan.spec.name
  if (outcome.fault === undefined) return { graph, id: given, value: outcome.value, parts }
  const { code, message: detail, hint, field, extra } = outcome.fault
  throw new MusterError(code, `graph ${graph} gives no result: ${detail}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(field === undefined ? {} : { field }),
    extra: { ...extra, parts: parts.slice(0, partsToldMax) },
    cause: outcome.fault,
  })
}

/** Parts that a refusal tells: a tool of 40 models, and some. */
const partsToldMax = 100

function idOf({ messageId }: GraphPlan, message: unknown): string | undefined {
  if (messageId === undefined) return undefined
  const id = evaluate(messageId, { message }, '`messageId`')
  if (typeof id === 'string' || typeof id === 'number') return String(id)
  throw new MusterError('E_FEATURE_VALUE', '`messageId` gives neither a text nor a number', {
    field: 'messageId',
  })
}

function prepare(plan: GraphPlan, message: unknown): Readonly<Record<string, unknown>> {
  const prepared: Record<string, unknown> = {}
  for (const [name, expression] of plan.prepare) {
    prepared[name] = evaluate(expression, { message, prepared }, `prepared value \`${name}\``)
  }
  return prepared
}

/** Never throws, and has settled by `untilMs`. */
export async function runNode(
  node: NodePlan,
  request: unknown,
  untilMs: number,
  running: Running,
  depth: number,
): Promise<Ran> {
  assert(depth <= depthMax, 'a graph is not deeper than may be declared')
  const nowMs = running.clock.monotonicMs()
  const until = Math.min(untilMs, nowMs + node.deadlineMs)
  if (nowMs >= until) return { outcome: { fault: late() }, parts: [] }
  const parts: GraphPart[] = []
  const nested = async (step: StepPlan, data: unknown, vars: Variables): Promise<Outcome> => {
    if (running.clock.monotonicMs() >= until) throw late()
    const ran = await runStep(node, step, data, vars, until, running, depth)
    parts.push(...ran.parts)
    return ran.outcome
  }
  try {
    switch (node.routerType) {
      case 'Ensemble':
        return await runEnsemble(node, request, until, running, (below, untilBelow) =>
          runNode(
            must(running.plan.nodes.get(below), 'a step leads to a node'),
            request,
            untilBelow,
            running,
            depth + 1,
          ),
        )
      case 'Sequence':
        return { outcome: await inSequence(node, request, running, nested), parts }
      case 'Switch':
        return { outcome: await bySwitch(node, request, running, nested), parts }
      case 'Splitter':
        return { outcome: await bySplitter(node, request, running, nested), parts }
      default:
        return node.routerType satisfies never
    }
  } catch (error) {
    return { outcome: { fault: asMusterError(error) }, parts }
  }
}

type RunStep = (step: StepPlan, data: unknown, variables: Variables) => Promise<Outcome>

/** One after another, as long as their conditions hold; what the last of them gave. */
async function inSequence(
  node: NodePlan,
  request: unknown,
  running: Running,
  run: RunStep,
): Promise<Outcome> {
  const around = variablesOf(running, request)
  const steps: Record<string, unknown> = {}
  let response: unknown = null
  for (const step of node.steps) {
    const variables = { ...around, response, steps }
    if (step.condition && !holds(step.condition, variables, conditionOf(node, step))) break
    const outcome = await run(step, step.data === 'response' ? response : request, variables)
    if (outcome.fault !== undefined && step.isHard) return outcome
    response = outcome.fault === undefined ? outcome.value : null
    steps[step.name] = response
  }
  return { value: response }
}

async function bySwitch(
  node: NodePlan,
  request: unknown,
  running: Running,
  run: RunStep,
): Promise<Outcome> {
  const variables = variablesOf(running, request)
  for (const step of node.steps) {
    if (step.condition && !holds(step.condition, variables, conditionOf(node, step))) continue
    return orNothing(step, await run(step, request, variables))
  }
  throw new MusterError('E_FEATURE_VALUE', `no condition of node ${node.name} holds`, {
    field: node.name,
    hint: 'let the last step of the Switch have no condition',
  })
}

function bySplitter(
  node: NodePlan,
  request: unknown,
  running: Running,
  run: RunStep,
): Promise<Outcome> {
  const { id, chance, plan } = running
  const share = id === undefined ? chance() : shareOf(`${plan.spec.name}/${node.name}/${id}`)
  let rest = share * 100
  const chosen = node.steps.find(step => {
    rest -= step.weight
    return rest < 0
  })
  // Weights add up to a hundred but for their last digit.
  const step = must(chosen ?? node.steps.at(-1), 'a node has a step')
  return run(step, request, variablesOf(running, request)).then(outcome => orNothing(step, outcome))
}

function orNothing(step: StepPlan, outcome: Outcome): Outcome {
  return outcome.fault !== undefined && !step.isHard ? { value: null } : outcome
}

function conditionOf(node: NodePlan, step: StepPlan): string {
  return `\`condition\` of step \`${step.name}\` of node \`${node.name}\``
}

/** A step that is one model or one node. */
async function runStep(
  node: NodePlan,
  step: StepPlan,
  data: unknown,
  variables: Variables,
  untilMs: number,
  running: Running,
  depth: number,
): Promise<Ran> {
  const until = Math.min(untilMs, running.clock.monotonicMs() + step.deadlineMs)
  const { target } = step
  if (target.kind !== 'node') return runModel(node, step, data, variables, until, running)
  const below = must(running.plan.nodes.get(target.node), 'a step leads to a node')
  const ran = await runNode(below, data, until, running, depth + 1)
  if (ran.outcome.fault === undefined) return ran
  const own = partOf({ node: node.name, step: step.name, model: undefined }, ran.outcome.fault)
  return { outcome: ran.outcome, parts: [...ran.parts, own] }
}
