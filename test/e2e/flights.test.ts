import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writePeerInputs } from '../../bench/peer-inputs.ts'
import { peerPython, runPeer } from '../../bench/peers/python.ts'
import { openModelSession } from '../../src/onnx/index.ts'
import { skipBecause } from '../strict.ts'
import {
  type Ended,
  freePort,
  interrupt,
  launch,
  lineOf,
  ready,
  run,
  temporaryHome,
} from './program.ts'

/*
 * The whole loop as a newcomer meets it: the quick start on three million flights, from an empty
 * state folder, by the program itself. Then the same server is called, and peers check the numbers
 * on the very same rows.
 */

interface Level {
  readonly level: string
  readonly key: string
  readonly declared: number
  readonly trained: number
  readonly failed: number
  readonly kept: number
  readonly pruned: number
  readonly refused: number
  readonly serving: number
}

interface Summary {
  readonly seconds: number
  readonly peakRssBytes: number
  readonly stages: readonly { readonly name: string; readonly seconds: number }[]
  readonly trained: boolean
  readonly registryDigest: string
  readonly reasons: Readonly<Record<string, number>>
  readonly blueprints: readonly {
    readonly name: string
    readonly levels: readonly Level[]
    readonly holdout: {
      readonly metric: string
      readonly rows: number
      readonly fleet: number
      readonly root: number
      readonly baseline: number
      readonly auc?: { readonly fleet: number; readonly root: number }
      readonly unpruned: readonly { readonly depth: number; readonly value: number }[]
    }
  }[]
}

const home = temporaryHome('flights')
let port = 0
let first: Ended
let summary: Summary

function lastLine({ stdout }: Pick<Ended, 'stdout'>): Summary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Summary
}

beforeAll(async () => {
  port = await freePort()
  first = await run(['quickstart', '--once', '--json'], { home: home.path, port })
  if (first.code !== 0) throw new Error(`the quick start ended with ${first.code}: ${first.stderr}`)
  summary = lastLine(first)
}, 300_000)

afterAll(() => home[Symbol.dispose]())

describe('the quick start', () => {
  test('accounts for every member of both blueprints', () => {
    expect(summary.trained).toBe(true)
    expect(summary.blueprints.map(b => b.name)).toEqual(['route-delay', 'route-late'])
    for (const { levels } of summary.blueprints) {
      expect(levels.map(l => l.key)).toEqual(['', 'origin', 'origin.destination'])
      expect(levels.map(l => l.level)).toEqual(['root', 'segment', 'leaf'])
      expect(levels[2]!.declared).toBe(3_167)
      for (const l of levels) {
        expect(l.trained + l.failed).toBe(l.declared)
        expect(l.kept + l.pruned + l.refused + l.failed).toBe(l.declared)
        expect(l.serving).toBe(l.kept)
      }
    }
    const lost = summary.blueprints
      .flatMap(b => b.levels)
      .reduce((n, l) => n + l.declared - l.kept, 0)
    expect(Object.values(summary.reasons).reduce((a, b) => a + b, 0)).toBe(lost)
  })

  test('answers better than the root, and the root than the mean, on rows nobody has seen', () => {
    const [delay, late] = summary.blueprints.map(b => b.holdout)
    expect(delay!.rows).toBe(502_222)
    for (const holdout of [delay!, late!]) {
      expect(holdout.root).toBeLessThan(holdout.baseline)
      expect(holdout.fleet).toBeLessThan(holdout.root)
      // Segments alone beat the baseline too.
      expect(holdout.unpruned[0]!.value).toBeLessThan(holdout.baseline)
    }
    expect(delay!.fleet).toBeLessThan(32)
    expect(late!.auc!.root).toBeGreaterThan(0.67)
  })

  test('names its stages and stays under 4 GiB', () => {
    const names = summary.stages.map(s => s.name)
    for (const name of ['frame', 'label', 'trunk', 'leaves', 'judge', 'seal', 'report']) {
      expect(names).toContain(name)
    }
    expect(summary.peakRssBytes).toBeLessThan(4 * 1024 ** 3)
  })
})

describe('the second start, whose server stays up', () => {
  const features = {
    hour: 17,
    weekday: 5,
    distance: 760,
    'departures.origin_mean_1h': 12,
    'departures.origin_count_1h': 40,
    'departures.origin_mean_3h': 11,
    'departures.origin_count_3h': 120,
    'departures.origin_mean_24h': 9,
    'departures.origin_count_24h': 1_000,
    'departures.destination_mean_3h': 8,
    'departures.destination_mean_24h': 7,
    'departures.origin_destination_mean_5rows': null,
  }
  let server: ReturnType<typeof launch>
  let again: Summary
  const url = (path: string): string => `http://127.0.0.1:${port}${path}`
  const at = () => ({ home: home.path, port })

  async function predict(model: string): Promise<Record<string, unknown>> {
    const inputs = Object.entries(features).map(([name, value]) => ({
      name,
      shape: [1, 1],
      datatype: 'FP32',
      data: [value],
    }))
    const answer = await fetch(url(`/v2/models/${model}/infer`), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs }),
    })
    return (await answer.json()) as Record<string, unknown>
  }

  beforeAll(async () => {
    server = launch(['quickstart', '--json'], at())
    await ready(port, server)
    again = lastLine({ stdout: await lineOf(server) })
  }, 60_000)

  afterAll(async () => {
    expect((await interrupt(server)).code).toBe(0)
  })

  test('finds everything done', () => {
    expect(again.trained).toBe(false)
    expect(again.registryDigest).toBe(summary.registryDigest)
    expect(again.blueprints).toEqual(summary.blueprints)
  })

  test('answers for a route, and says who answered', async () => {
    const listed = await run(
      ['list', 'under:route-delay.ATL state:serving level:leaf', '--json'],
      at(),
    )
    const model = (JSON.parse(listed.stdout.split('\n')[0]!) as { name: string }).name
    const own = await predict(model)
    expect(own).toMatchObject({ model_name: model, parameters: { answered_by: model } })
    const other = await predict('route-delay.ATL.NOWHERE')
    expect(other).toMatchObject({
      model_name: 'route-delay.ATL.NOWHERE',
      parameters: {
        answered_by: expect.stringMatching(/^route-delay/),
        because: expect.any(String),
      },
    })
  })

  test('refuses a name outside the fleet with the nearest names', async () => {
    const answer = await predict('route-dela.ATL')
    expect(answer).toMatchObject({ status: 404, code: 'E_MODEL_UNKNOWN' })
    expect(String(answer.hint)).toContain('route-delay')
  })

  test('why, status and list tell the same story', async () => {
    const why = await run(['why', 'route-late.ATL'], at())
    expect(why.code).toBe(0)
    for (const word of ['declared', 'trained', 'judged']) expect(why.stdout).toContain(word)
    const status = await run(['status', '--json'], at())
    const { blueprints } = JSON.parse(status.stdout.split('\n')[0]!) as {
      blueprints: { levels: { serving: number }[] }[]
    }
    expect(blueprints.map(b => b.levels.map(l => l.serving))).toEqual(
      summary.blueprints.map(b => b.levels.map(l => l.serving)),
    )
  })

  test('exports a model whose answers are the served ones, to the bit', async () => {
    const file = join(home.path, 'route-delay.onnx')
    const exported = await run(['export', 'route-delay', file], at())
    expect(exported.stderr).not.toMatch(/muster:/)
    const session = await openModelSession(readFileSync(file))
    const columns = session.inputNames.map(name =>
      Float32Array.of((features as Record<string, number | null>)[name] ?? Number.NaN),
    )
    const [theirs] = await session.run(columns, 1)
    session.close()
    rmSync(file)
    const served = (await predict('route-delay')) as { outputs: { data: number[] }[] }
    expect(Math.fround(served.outputs[0]!.data[0]!)).toBe(theirs)
  })

  test('a plan for the same declaration has nothing to do', async () => {
    const plan = await run(['plan', '--exit-code'], { ...at(), cwd: 'examples/flights' })
    expect(plan.code).toBe(0)
  })
})

describe('peers on the very same rows', () => {
  const folder = join(home.path, 'peer')
  let peer: ReturnType<typeof peerPython>

  beforeAll(async () => {
    peer = peerPython()
    if ('python' in peer) await writePeerInputs(home.path, ['route-delay', 'route-late'], folder)
  }, 600_000)

  test('scikit-learn finds the ridge coefficients of 50 members, within 1e-6', async context => {
    if ('missing' in peer) return skipBecause(context, peer.missing)
    const found = runPeer<{ members: number; worst: number }>(
      peer.python,
      'ridge_members.py',
      join(folder, 'route-delay'),
    )
    expect(found.members).toBe(50)
    expect(found.worst).toBeLessThan(1e-6)
  }, 300_000)

  test('scikit-learn reaches the same AUC at the root, within 0.005', async context => {
    if ('missing' in peer) return skipBecause(context, peer.missing)
    const found = runPeer<{ auc: number; rows: number }>(
      peer.python,
      'logistic_root.py',
      join(folder, 'route-late'),
    )
    const { holdout } = summary.blueprints[1]!
    expect(found.rows).toBe(holdout.rows)
    expect(Math.abs(found.auc - holdout.auc!.root)).toBeLessThan(0.005)
  }, 300_000)
})
