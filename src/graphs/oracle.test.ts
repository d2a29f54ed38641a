import { expect, test } from 'vitest'
import { MusterError } from '../base/errors.ts'
import { SeededRandom } from '../base/random.ts'
import { runGraph } from './run.ts'
import { shareOf } from './share.ts'
import { type FakeModel, FakeModels, planOf, TurnedTime } from './world.fixture.ts'

/*
 * Random graphs, messages and models, against an oracle that computes what must come out, and when,
 * in the plainest way: by recursion over the declaration, with times added up and no clock. The
 * executor is run on a clock that is turned by hand, so that both know the same instants.
 */

interface Step {
  name: string
  node?: string
  model?: string
  models?: { blueprint: string; key: { tool: string }; atMost: number }
  data?: '$request' | '$response'
  condition?: string
  weight?: number
  dependency?: 'Hard' | 'Soft'
  inputs?: Record<string, string>
  deadline?: string
}
interface Node {
  routerType: 'Sequence' | 'Switch' | 'Ensemble' | 'Splitter'
  steps: Step[]
  merge?: string
  require?: 'all' | 'any' | number
  deadline?: string
}
interface Graph {
  deadline: string
  prepare: Record<string, string>
  nodes: Record<string, Node>
}
interface Message {
  readonly id: string
  readonly x: number
}

const tools = ['t1', 't2', 't3']

/** What a model answers: of its own number, and of all that it was given. */
function answerOf(own: number, given: Readonly<Record<string, unknown>>): number {
  const numbers = ['x', 'y', 'z'].map(name => given[name]).filter(v => typeof v === 'number')
  return own + numbers.reduce((sum, value) => sum + value, 0)
}

class Drawn {
  readonly random: SeededRandom
  readonly models = new Map<string, FakeModel & { own: number; delayMs: number; bad: boolean }>()

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    for (const tool of tools) {
      for (let i = 0; i < 1 + this.random.below(4); i++) this.#addModel(`cd.${tool}.s${i}`)
    }
  }

  #addModel(name: string): void {
    const own = this.random.below(1_000) / 8
    const bad = this.chance(0.1)
    this.models.set(name, {
      own,
      bad,
      delayMs: this.random.below(40),
      value: ({ values, inputs }) => answerOf(own, { ...values, ...inputs }),
      ...(bad && { fails: new MusterError('E_NOT_SERVING', 'it is broken') }),
    })
  }

  chance(share: number): boolean {
    return this.random.unit() < share
  }

  one<T>(of: readonly T[]): T {
    return of[this.random.below(of.length)]!
  }

  graph(): Graph {
    const count = 1 + this.random.below(5)
    const nodes: Record<string, Node> = {}
    for (let i = 0; i < count; i++) {
      nodes[i === 0 ? 'root' : `n${i}`] = this.node(i, count)
    }
    return {
      deadline: `${40 + this.random.below(100)}ms`,
      prepare: { y: 'message.x * 2.0' },
      nodes,
    }
  }

  /** Each leads to the next one at least, so that none is out of reach. */
  node(index: number, count: number): Node {
    const routerType = this.one(['Sequence', 'Switch', 'Ensemble', 'Splitter'] as const)
    const steps = Array.from({ length: 1 + this.random.below(3) }, (_, i) =>
      this.step(`s${i}`, routerType, i),
    )
    if (index + 1 < count) steps[0] = this.#to(steps[0]!, `n${index + 1}`)
    const last = steps.length - 1
    if (routerType === 'Switch') {
      for (const [i, step] of steps.entries()) {
        step.condition = `message.x > ${this.random.below(10)}.0`
        if (i === last && this.chance(0.8)) delete step.condition
      }
    }
    const weighted = routerType === 'Ensemble' && this.chance(0.2)
    if (weighted) for (const step of steps) step.weight = 1 + this.random.below(50)
    if (routerType === 'Splitter') {
      for (const step of steps) step.weight = Math.floor(100 / steps.length)
      steps[last]!.weight! += 100 - Math.floor(100 / steps.length) * steps.length
    }
    const merge = weighted ? 'weighted' : this.one(['concat', 'mean', 'min', 'max', 'vote'])
    return {
      routerType,
      steps,
      ...(routerType === 'Ensemble' && {
        merge,
        require: this.one<Node['require'] & {}>(['all', 'any', 1, steps.length]),
      }),
      ...(this.chance(0.3) && { deadline: `${5 + this.random.below(60)}ms` }),
    }
  }

  step(name: string, routerType: Node['routerType'], index: number): Step {
    const selects = routerType === 'Ensemble' && this.chance(0.4)
    return {
      name,
      ...(selects
        ? { models: { blueprint: 'cd', key: { tool: `'${this.one(tools)}'` }, atMost: 8 } }
        : { model: this.one([...this.models.keys()]) }),
      ...(this.chance(0.3) && { inputs: { z: this.one(['message.x', 'prepared.y + 1.0']) } }),
      ...(this.chance(0.3) && { deadline: `${1 + this.random.below(40)}ms` }),
      ...(this.chance(0.3) && { dependency: this.one(['Hard', 'Soft'] as const) }),
      ...(routerType === 'Sequence' &&
        index > 0 &&
        this.chance(0.5) && { data: '$response' as const }),
      ...(routerType === 'Sequence' &&
        this.chance(0.2) && { condition: `message.x > ${this.random.below(10)}.0` }),
    }
  }

  #to(step: Step, node: string): Step {
    const { model: _, models: __, inputs: ___, ...rest } = step
    return { ...rest, node }
  }
}

type Told = [path: string, state: 'answered' | 'failed' | 'late', value: unknown]
interface Came {
  readonly value?: unknown
  readonly fault?: string | undefined
  readonly atMs: number
  readonly parts: readonly Told[]
}

const ms = (text: string | undefined) => (text === undefined ? Infinity : Number.parseInt(text, 10))
const fields = (data: unknown) => (typeof data === 'object' && data !== null ? data : {})

class Oracle {
  readonly #graph: Graph
  readonly #drawn: Drawn
  readonly #message: Message

  constructor(graph: Graph, drawn: Drawn, message: Message) {
    this.#graph = graph
    this.#drawn = drawn
    this.#message = message
  }

  all(): Came {
    return this.node('root', this.#message, 0, ms(this.#graph.deadline))
  }

  node(name: string, request: unknown, startMs: number, untilMs: number): Came {
    const node = this.#graph.nodes[name]!
    const until = Math.min(untilMs, startMs + ms(node.deadline))
    if (startMs >= until) return { fault: 'E_DEADLINE_PAST', atMs: startMs, parts: [] }
    if (node.routerType === 'Ensemble') return this.ensemble(name, node, request, startMs, until)
    if (node.routerType === 'Sequence') return this.sequence(name, node, request, startMs, until)
    const holds = (step: Step) => step.condition === undefined || this.#holds(step.condition)
    const chosen =
      node.routerType === 'Switch' ? node.steps.find(holds) : this.#byWeight(name, node)
    if (!chosen) return { fault: 'E_FEATURE_VALUE', atMs: startMs, parts: [] }
    const came = this.step(name, chosen, request, startMs, until)
    return came.fault !== undefined && chosen.dependency === 'Soft' ? { ...came, ...nothing } : came
  }

  #holds(condition: string): boolean {
    return this.#message.x > Number(/[\d.]+$/.exec(condition)![0])
  }

  #byWeight(name: string, { steps }: Node): Step {
    let below = 0
    const share = shareOf(`health/${name}/${this.#message.id}`) * 100
    for (const step of steps) {
      below += step.weight!
      if (share < below) return step
    }
    return steps.at(-1)!
  }

  sequence(name: string, node: Node, request: unknown, startMs: number, until: number): Came {
    let [at, response] = [startMs, null as unknown]
    const parts: Told[] = []
    for (const step of node.steps) {
      if (step.condition !== undefined && !this.#holds(step.condition)) break
      if (at >= until) return { fault: 'E_DEADLINE_PAST', atMs: at, parts }
      const data = step.data === '$response' ? response : request
      const came = this.step(name, step, data, at, until)
      at = came.atMs
      parts.push(...came.parts)
      if (came.fault !== undefined && step.dependency !== 'Soft') return { ...came, parts }
      response = came.fault === undefined ? came.value : null
    }
    return { value: response, atMs: at, parts }
  }

  step(node: string, step: Step, data: unknown, startMs: number, untilMs: number): Came {
    const until = Math.min(untilMs, startMs + ms(step.deadline))
    if (step.node === undefined) return this.call(node, step, step.model!, data, startMs, until)
    const came = this.node(step.node, data, startMs, until)
    if (came.fault === undefined) return came
    const state = came.fault === 'E_DEADLINE_PAST' ? 'late' : 'failed'
    return { ...came, parts: [...came.parts, [`${node}/${step.name}/`, state, undefined]] }
  }

  call(
    node: string,
    step: Step,
    name: string,
    data: unknown,
    startMs: number,
    until: number,
  ): Came {
    const model = this.#drawn.models.get(name)!
    const path = `${node}/${step.name}/${name}`
    const endMs = startMs + model.delayMs
    if (endMs >= until) {
      return {
        fault: 'E_DEADLINE_PAST',
        atMs: Math.max(startMs, until),
        parts: [[path, 'late', undefined]],
      }
    }
    if (model.bad) {
      return { fault: 'E_NOT_SERVING', atMs: endMs, parts: [[path, 'failed', undefined]] }
    }
    const { x } = this.#message
    const inputs = Object.fromEntries(
      Object.entries(step.inputs ?? {}).map(([n, cel]) => [n, cel === 'message.x' ? x : x * 2 + 1]),
    )
    const value = answerOf(model.own, { ...fields(data), y: x * 2, ...inputs })
    return { value, atMs: endMs, parts: [[path, 'answered', value]] }
  }

  ensemble(name: string, node: Node, request: unknown, startMs: number, until: number): Came {
    const branches = node.steps.flatMap(step => {
      if (!step.models) {
        const came = this.step(name, step, request, startMs, until)
        return [{ step, model: undefined as string | undefined, came, weight: step.weight ?? 1 }]
      }
      const tool = step.models.key.tool.replaceAll("'", '')
      const names = [...this.#drawn.models.keys()].filter(n => n.startsWith(`cd.${tool}.`)).sort()
      const own = Math.min(until, startMs + ms(step.deadline))
      return names.map(model => ({
        step,
        model: model as string | undefined,
        came: this.call(name, step, model, request, startMs, own),
        weight: (step.weight ?? 1) / names.length,
      }))
    })
    const atMs = Math.max(startMs, ...branches.map(({ came }) => came.atMs))
    const parts = branches.flatMap(({ came }) => came.parts)
    const answered = branches.filter(({ came }) => came.fault === undefined)
    const require =
      node.require === 'all' ? branches.length : node.require === 'any' ? 1 : node.require!
    const faults = branches.filter(({ came }) => came.fault !== undefined)
    const hard = faults.filter(({ step }) => step.dependency === 'Hard')
    const telling = answered.length >= require ? hard : faults
    if (telling.length > 0 || answered.length < require) {
      const passing = telling.find(({ came }) => came.fault !== 'E_FEATURE_VALUE') ?? telling[0]
      return { fault: passing?.came.fault ?? 'E_MODEL_UNKNOWN', atMs, parts }
    }
    if (node.merge === 'concat') {
      const value: Record<string, unknown> = {}
      for (const { step, model, came } of answered) {
        if (model === undefined) value[step.name] = came.value
        else value[step.name] = { ...(value[step.name] as object), [model]: came.value }
      }
      return { value, atMs, parts }
    }
    if (answered.length === 0) return { value: null, atMs, parts }
    const numbers = answered.map(({ came }) => came.value)
    if (!numbers.every(value => typeof value === 'number')) {
      return { fault: 'E_FEATURE_VALUE', atMs, parts }
    }
    return {
      value: this.#merged(
        node.merge!,
        numbers,
        answered.map(b => b.weight),
      ),
      atMs,
      parts,
    }
  }

  #merged(how: string, numbers: readonly number[], weights: readonly number[]): number {
    const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0)
    if (how === 'min') return Math.min(...numbers)
    if (how === 'max') return Math.max(...numbers)
    if (how === 'mean') return total(numbers) / numbers.length
    if (how === 'weighted') return total(numbers.map((n, i) => n * weights[i]!)) / total(weights)
    const votes = numbers.map(Math.round)
    const count = (vote: number) => votes.filter(other => other === vote).length
    return votes.toSorted((a, b) => count(b) - count(a) || a - b)[0]!
  }
}

const nothing = { fault: undefined, value: null }

test('six hundred random graphs give what the oracle says, when it says', async () => {
  const seen = new Map<string, number>()
  for (let seed = 1; seed <= 600; seed++) {
    const drawn = new Drawn(seed)
    const graph = drawn.graph()
    const message = { id: `m${seed}`, x: drawn.random.below(20) / 2 }
    const time = new TurnedTime()
    const models = new FakeModels(time, drawn.models)
    const { clock, alarm } = time
    const startMs = clock.monotonicMs()
    const ask = { models, clock, alarm, chance: () => 0, id: message.id }
    const came = await time.run(
      runGraph(planOf(graph), message, ask).then(
        ({ value, parts }) => ({ value, fault: undefined, parts }),
        ({ code, extra }) => ({ value: undefined, fault: code, parts: extra.parts }),
      ),
    )
    const must = new Oracle(graph, drawn, message).all()
    const told = came.parts.map((part: Record<string, unknown>) => [
      `${part.node}/${part.step}/${part.model ?? ''}`,
      part.state,
      part.value,
    ])
    const given = { ...came, parts: told, atMs: clock.monotonicMs() - startMs }
    const { fault, value, parts, atMs } = must
    expect(given, `seed ${seed}`).toEqual({ fault, value, parts, atMs })
    expect(models.lastAtMs - startMs).toBeLessThan(ms(graph.deadline))
    seen.set(given.fault ?? 'a value', (seen.get(given.fault ?? 'a value') ?? 0) + 1)
  }
  // The draw is worth something only if all ways out are taken.
  expect(seen.get('a value')).toBeGreaterThan(200)
  expect(seen.get('E_DEADLINE_PAST')).toBeGreaterThan(30)
  expect(seen.get('E_NOT_SERVING')).toBeGreaterThan(30)
}, 60_000)
