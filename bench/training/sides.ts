import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Digest } from '../../src/base/digest.ts'
import { type FitOutput, readJson, type StepInput } from '../../src/fleet/index.ts'
import { rowLayout } from '../../src/onnx/index.ts'
import { type BlobFolder, readPack } from '../../src/registry/index.ts'
import type { Answer, Order } from './side.ts'
import type { SyntheticFamily } from './synthetic.ts'

/** What goes before a program that is to have one core; nothing where there is no taskset. */
function pinned(core: number | undefined): readonly string[] {
  if (core === undefined || spawnSync('taskset', ['-V']).error) return []
  return ['taskset', '-c', String(core)]
}

function start(command: readonly string[], ipc: boolean): ChildProcess {
  const [program, ...args] = command
  return spawn(program!, args, {
    stdio: ipc ? ['ignore', 'inherit', 'inherit', 'ipc'] : ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  })
}

const script = fileURLToPath(new URL('./side.ts', import.meta.url))

/** One process of ours. */
class Process {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #next = 0

  constructor(folder: string, core: number | undefined) {
    this.#child = start([...pinned(core), process.execPath, script, folder], true)
    this.#child.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer))
    this.#child.on('exit', code => {
      if (code) throw new Error(`a process of ours ended with ${code}`)
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  up(): Promise<Answer> {
    return new Promise(resolve => this.#waiting.set(-1, resolve))
  }

  async step(input: StepInput): Promise<Digest> {
    return (await this.#ask({ do: 'step', input })).output as Digest
  }

  async fitAlone(input: StepInput & { kind: 'trunk' }): Promise<number> {
    return (await this.#ask({ do: 'fit-alone', input })).seconds!
  }

  end(): void {
    this.#child.disconnect()
  }

  #ask(order: { do: 'step'; input: StepInput } | { do: 'fit-alone'; input: StepInput }) {
    const id = this.#next++
    return new Promise<Answer>(resolve => {
      this.#waiting.set(id, resolve)
      this.#child.send({ id, ...order } as Order)
    })
  }
}

/** Ours, in one process or two: trunk, then the leaves of every part, whoever is free. */
export class Ours {
  readonly #processes: readonly Process[]
  readonly #set: SyntheticFamily
  readonly #blobs: BlobFolder

  private constructor(processes: readonly Process[], set: SyntheticFamily, blobs: BlobFolder) {
    this.#processes = processes
    this.#set = set
    this.#blobs = blobs
  }

  static async start(count: number, folder: string, set: SyntheticFamily, blobs: BlobFolder) {
    const core = count === 1 ? 0 : undefined
    const processes = Array.from({ length: count }, () => new Process(folder, core))
    await Promise.all(processes.map(each => each.up()))
    return new Ours(processes, set, blobs)
  }

  /** Of the first process. */
  get pid(): number {
    return this.#processes[0]!.pid
  }

  /** Gives the outputs, the trunk's first. */
  async fit(): Promise<readonly Digest[]> {
    const trunk = await this.#processes[0]!.step(this.#trunkInput())
    const { family, frame, labels, manifest } = this.#set
    const outputs: Digest[] = [trunk]
    const left = manifest.parts.map((_, part) => part)
    await Promise.all(
      this.#processes.map(async each => {
        for (let part = left.shift(); part !== undefined; part = left.shift()) {
          outputs[part + 1] = await each.step({
            kind: 'leaves',
            family,
            frame,
            labels,
            trunk,
            part,
          })
        }
      }),
    )
    return outputs
  }

  fitAlone(): Promise<number> {
    return this.#processes[0]!.fitAlone(this.#trunkInput())
  }

  /** Bytes that are there already would not be written again, and the next fit would be cheaper. */
  async forget(outputs: readonly Digest[]): Promise<void> {
    for (const output of outputs) {
      const { graph, pack, leafMoments = [] } = await readJson<FitOutput>(this.#blobs, output)
      for (const digest of [...leafMoments, pack, output]) await rm(await this.#blobs.path(digest))
      if (output === outputs.at(-1)) await rm(await this.#blobs.path(graph))
    }
  }

  end(): void {
    for (const each of this.#processes) each.end()
  }

  #trunkInput(): StepInput & { kind: 'trunk' } {
    const { family, frame, labels } = this.#set
    return { kind: 'trunk', family, frame, labels }
  }
}

export type Form = 'sklearn' | 'einsum' | 'matmul' | 'pipeline'

export interface PeerTimes {
  readonly seconds: number
  /** Without the reading of the files. */
  readonly fitSeconds: number
}

/** The Python peers, in one process that takes orders. */
export class Peers {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(python: string, about: object, core: number | undefined) {
    const peer = fileURLToPath(new URL('../peers/many_ridge.py', import.meta.url))
    this.#child = start([...pinned(core), python, peer], false)
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
    this.#child.stdin!.write(`${JSON.stringify(about)}\n`)
  }

  /** Of the process that takes the orders, and carries them out when there is but one. */
  get pid(): number {
    return this.#child.pid!
  }

  versions(): Promise<Record<string, string>> {
    return this.#line()
  }

  fit(form: Form, processes: number, write?: string): Promise<PeerTimes> {
    this.#child.stdin!.write(`${JSON.stringify({ form, processes, write })}\n`)
    return this.#line()
  }

  end(): void {
    this.#child.stdin!.end()
  }

  async #line<T>(): Promise<T> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the Python peer ended')
    return JSON.parse(value) as T
  }
}

/** Every member's weights and bias in declared order, by our packs; the root first. */
export async function coefficientsOf(
  outputs: readonly Digest[],
  set: SyntheticFamily,
  blobs: BlobFolder,
): Promise<ReadonlyMap<string, Float32Array>> {
  const layout = rowLayout(set.family.features, { kind: 'linear', output: 'identity' })
  const found = new Map<string, Float32Array>()
  for (const output of outputs) {
    const { pack, members } = await readJson<FitOutput>(blobs, output)
    const { rows, width } = readPack(await blobs.get(pack))
    for (const member of members) {
      if (member.state !== 'fitted') throw new Error(`${member.name}: ${member.because}`)
      const row = rows.subarray(member.row * width, (member.row + 1) * width)
      const own = new Float32Array(layout.columns + 1)
      layout.designColumns.forEach(({ feature }, c) => {
        own[feature] = row[layout.weights + c]!
      })
      own[layout.columns] = row[layout.bias]!
      found.set(member.name, own)
    }
  }
  return found
}
