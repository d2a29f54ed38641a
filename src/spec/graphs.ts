import { digestOfValue } from '../base/digest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { BlueprintSpec, SourceSpec } from './fleet-spec.ts'
import { checkShape } from './graph-shape.ts'
import type { GraphSpec, NodeSpec, StepSpec, StepTarget } from './graph-spec.ts'
import { checkSteps } from './graph-steps.ts'
import { readSinks, readTriggers } from './graph-triggers.ts'

/* From a declared graph to what it means. The CEL in it is checked by `gate/`. */

export interface GraphSurroundings {
  readonly blueprints: ReadonlyMap<string, BlueprintSpec>
  readonly sources: ReadonlyMap<string, SourceSpec>
  readonly reading: FleetReading
}

type Declared = DeclaredKind<'Graph'>
export type DeclaredNode = Declared['value']['nodes'][string]
export type DeclaredStep = DeclaredNode['steps'][number]

export function readGraph(declared: Declared, owner: string, around: GraphSurroundings): GraphSpec {
  const { document, value } = declared
  const nodes = new Map<string, NodeSpec>(
    Object.entries(value.nodes).map(([name, node]) => [name, nodeOf(name, node, around)]),
  )
  complainOfName(declared, around.reading)
  checkSteps(declared, nodes, around)
  checkShape(declared, nodes, around.reading)
  const meaning = {
    deadlineMs: latencyMs(value.deadline),
    messageId: value.messageId,
    prepare: Object.entries(value.prepare).map(([name, cel]) => ({ name, cel })),
    triggers: readTriggers(declared, around.reading),
    sinks: readSinks(declared, around),
  }
  return {
    name: value.name,
    ...(value.description !== undefined && { description: value.description }),
    owner,
    ...meaning,
    nodes,
    digest: digestOfValue({ ...meaning, nodes: [...nodes.values()] }),
    place: document.place,
  }
}

/** `50ms`, `2s`, `1m`. */
export function latencyMs(text: string): number {
  const unit = /[a-z]+$/.exec(text)?.[0]
  const number = Number.parseInt(text, 10)
  return unit === 'ms' ? number : unit === 's' ? number * 1_000 : number * 60_000
}

/** A graph is called like a model, and so they share their names. */
function complainOfName(declared: Declared, reading: FleetReading): void {
  const { name } = declared.value
  if (!reading.declared.Blueprint.has(name)) return
  reading.complain(declared, ['name'], 'value', {
    code: 'E_SPEC_NAME_TAKEN',
    message: `graph \`${name}\` has the name of a blueprint`,
    cure: 'give this graph another name: models and graphs are called by theirs',
  })
}

function nodeOf(name: string, node: DeclaredNode, around: GraphSurroundings): NodeSpec {
  return {
    name,
    routerType: node.routerType,
    steps: node.steps.map(step => stepOf(step, node, around)),
    merge: typeof node.merge === 'object' ? node.merge : { word: node.merge ?? 'concat' },
    require: node.require ?? 'all',
    deadlineMs: node.deadline === undefined ? undefined : latencyMs(node.deadline),
  }
}

function stepOf(step: DeclaredStep, node: DeclaredNode, around: GraphSurroundings): StepSpec {
  return {
    name: nameOfStep(step),
    target: targetOf(step, around),
    data: step.data === '$response' ? 'response' : 'request',
    condition: step.condition,
    weight: step.weight,
    // What an Ensemble can do without is said by `require`.
    dependency: step.dependency ?? (node.routerType === 'Ensemble' ? 'Soft' : 'Hard'),
    inputs: step.inputs,
    deadlineMs: step.deadline === undefined ? undefined : latencyMs(step.deadline),
  }
}

/** Its own name, or that of what it calls. */
export function nameOfStep(step: DeclaredStep): string {
  return step.name ?? step.node ?? step.model ?? step.imported ?? step.models?.blueprint ?? ''
}

function targetOf(step: DeclaredStep, { blueprints }: GraphSurroundings): StepTarget {
  if (step.node !== undefined) return { kind: 'node', node: step.node }
  if (step.model !== undefined) return { kind: 'model', model: step.model }
  if (step.imported !== undefined) return { kind: 'imported', model: step.imported }
  const { blueprint, key, where, atMost } = step.models!
  // In the order of the blueprint, which is that of the parts of a name.
  const columns = blueprints.get(blueprint)?.key ?? Object.keys(key)
  const ordered = columns.flatMap(column => {
    const given = Object.hasOwn(key, column) ? key[column] : undefined
    return given === undefined ? [] : [[column, given] as const]
  })
  return { kind: 'models', select: { blueprint, key: Object.fromEntries(ordered), where, atMost } }
}
