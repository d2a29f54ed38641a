import { ManualClock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { ModelName } from '../base/ids.ts'
import { parentOf } from '../base/model-name.ts'
import { readFleet } from '../spec/index.ts'
import type { Alarm, GraphModels, ModelCall } from './models.ts'
import { compileGraph, type GraphPlan } from './plan.ts'

/* Time, models and a graph for tests: nothing passes but what the test lets pass. */

/** Timers on a clock that is turned by hand, in order of their time. */
export class TurnedTime {
  readonly clock = new ManualClock(1_000)
  readonly #timers = new Map<() => void, number>()

  readonly alarm: Alarm = (afterMs, ring) => {
    const timer = () => ring()
    this.#timers.set(timer, this.clock.monotonicMs() + afterMs)
    return () => this.#timers.delete(timer)
  }

  get waiting(): number {
    return this.#timers.size
  }

  /** Lets all happen that follows from what was set, up to the end of `of`. */
  async run<T>(of: Promise<T>): Promise<T> {
    let over = false
    const done = () => {
      over = true
    }
    of.then(done, done)
    for (let idle = 0; ; ) {
      await new Promise(resolve => setImmediate(resolve))
      if (over) return of
      const next = [...this.#timers].sort((a, b) => a[1] - b[1])[0]
      if (!next) {
        // A graph gives a turn to others now and then, with no timer set.
        if (++idle > 100) throw new Error('nothing will ever happen again')
        continue
      }
      idle = 0
      this.clock.advance(Math.max(0, next[1] - this.clock.monotonicMs()))
      this.#timers.delete(next[0])
      next[0]()
    }
  }
}

export interface FakeModel {
  readonly delayMs?: number
  readonly fails?: MusterError
  readonly value?: (call: ModelCall) => unknown
}

/** Models that answer after a while, and what they were asked. */
export class FakeModels implements GraphModels {
  readonly calls: ModelCall[] = []
  lastAtMs = 0
  inFlight = 0
  mostInFlight = 0
  readonly #time: TurnedTime
  readonly #models: ReadonlyMap<string, FakeModel>

  constructor(time: TurnedTime, models: ReadonlyMap<string, FakeModel>) {
    this.#time = time
    this.#models = models
  }

  async infer(call: ModelCall) {
    this.calls.push(call)
    this.lastAtMs = this.#time.clock.monotonicMs()
    this.inFlight += 1
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight)
    const model = this.#models.get(call.model)
    await new Promise<void>(resolve => this.#time.alarm(model?.delayMs ?? 1, resolve))
    this.inFlight -= 1
    if (!model) throw new MusterError('E_MODEL_UNKNOWN', `no model ${call.model}`)
    if (model.fails) throw model.fails
    return {
      value: model.value?.(call) ?? 1,
      receipt: `receipt-of-${call.model}`,
      answeredBy: call.model,
      version: 1,
      how: 'itself',
      because: undefined,
    }
  }

  members(prefix: string, atMost: number): readonly string[] {
    const below = (name: string) => name.startsWith(`${prefix}.`) && isLeaf(name)
    return [...this.#models.keys()].filter(below).sort().slice(0, atMost)
  }
}

/** The key of the fleet below has two columns. */
function isLeaf(name: string): boolean {
  const parent = parentOf(name as ModelName)
  return parent !== undefined && parentOf(parent) !== undefined
}

const around = `apiVersion: muster/v1
fleet: wafers
defaults: { owner: metrology, riskClass: low }
---
kind: Source
name: wafers
push: { partition: day }
columns: { tool: VARCHAR, sensor: VARCHAR, at: TIMESTAMP, reading: DOUBLE, cd: DOUBLE }
eventTime: at
---
kind: FeatureView
name: reading
version: 1
rows: wafers
features: { reading: {} }
---
kind: Blueprint
name: cd
purpose: Critical dimension from one sensor
key: [tool, sensor]
view: reading@1
label: cd
pipeline: ridge@1
spans: { train: 2026-01, judge: 2026-02 }
---
kind: Graph
name: health
`

/** A graph of this declaration, as JSON or YAML without kind and name. */
export function planOf(body: string | object): GraphPlan {
  const text =
    around +
    (typeof body === 'string'
      ? body
      : Object.entries(body)
          .map(([field, value]) => `${field}: ${JSON.stringify(value)}\n`)
          .join(''))
  const { spec, problems } = readFleet([{ path: 'muster.yaml', text }])
  if (!spec) throw new Error(problems.map(({ message }) => message).join('\n'))
  return compileGraph(spec.graphs.get('health')!, spec.blueprints)
}
