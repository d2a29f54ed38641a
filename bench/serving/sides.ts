import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encode } from '../../src/serve/grpc/protos.ts'

/* The servers that `peers.ts` compares: each a process of its own, on core 0. */

export interface Side {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly protocol: 'rest' | 'grpc'
  readonly models: number
}

/** The one row that all are asked about. */
export const inputs = Array.from({ length: 16 }, (_, i) => Number((i * 1.237 - 7).toFixed(3)))
/** Of the peers: each of theirs is an object in memory, and they are not made for more. */
const peerModels = 20
const startMostMs = 60_000

const serverScript = fileURLToPath(new URL('./server.ts', import.meta.url))
const mlserverFolder = fileURLToPath(new URL('../peers/mlserver/', import.meta.url))

export class Sides implements AsyncDisposable {
  readonly #python: string
  readonly #children: ChildProcess[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'muster-peers-'))

  constructor(python: string) {
    this.#python = python
  }

  /** One of `server.ts`. */
  async own(kind: string, protocol: Side['protocol']): Promise<Side> {
    const child = this.#start(process.execPath, [serverScript, kind])
    const port = await new Promise<number>((resolve, reject) => {
      child.once('exit', code => reject(new Error(`${kind} ended with ${code}`)))
      child.stdout!.once('data', data => resolve(Number(data)))
    })
    const models = /^(?:ours|grpc|grpc-js-plane)$/.test(kind) ? 10_000 : peerModels
    const side = { name: kind, pid: child.pid!, port, protocol, models } as const
    await untilItAnswers(side)
    return side
  }

  /** MLServer with so many workers: its REST and its gRPC. */
  async mlserver(workers: number): Promise<{ readonly rest: Side; readonly grpc: Side }> {
    const folder = join(this.#folder, `mlserver-${workers}`)
    const [rest, grpc] = [await freePort(), await freePort()]
    this.#makeModels(folder, rest, grpc, workers)
    const program = join(this.#python, '..', 'mlserver')
    const { pid } = this.#start(program, ['start', folder])
    const about = {
      name: `mlserver/${workers}`,
      pid: pid!,
      models: peerModels,
    } as const
    const sides = {
      rest: { ...about, port: rest, protocol: 'rest' },
      grpc: { ...about, port: grpc, protocol: 'grpc' },
    } as const
    try {
      await untilItAnswers(sides.rest)
    } catch (error) {
      this.end(sides.rest)
      throw error
    }
    return sides
  }

  async fastapi(): Promise<Side> {
    const folder = join(this.#folder, 'fastapi')
    const port = await freePort()
    this.#makeModels(folder, port, port, 0)
    const { pid } = this.#start(this.#python, [
      `${mlserverFolder}fastapi_app.py`,
      folder,
      String(port),
    ])
    const side = { name: 'fastapi', pid: pid!, port, protocol: 'rest' } as const
    await untilItAnswers({ ...side, models: peerModels })
    return { ...side, models: peerModels }
  }

  /** Ends one that is not needed any more. */
  end({ pid }: Side): void {
    for (const child of this.#children) if (child.pid === pid) killGroup(child)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) killGroup(child)
    await new Promise(resolve => setTimeout(resolve, 500))
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #makeModels(folder: string, rest: number, grpc: number, workers: number): void {
    const numbers = [peerModels, inputs.length, rest, grpc, workers].map(String)
    execFileSync(this.#python, [`${mlserverFolder}make_models.py`, folder, ...numbers])
  }

  /** In a group of its own: MLServer has children that outlive it. */
  #start(program: string, args: readonly string[]): ChildProcess {
    const child = spawn('taskset', ['-c', '0', program, ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      cwd: this.#folder,
      env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    })
    child.stdout!.resume()
    this.#children.push(child)
    return child
  }
}

function killGroup(child: ChildProcess): void {
  child.removeAllListeners('exit')
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise(resolve => probe.close(resolve))
  return port
}

async function untilItAnswers(side: Side): Promise<void> {
  const untilMs = Date.now() + startMostMs
  while (side.protocol === 'rest') {
    try {
      await askRest(side, 3)
      return
    } catch (error) {
      if (Date.now() > untilMs) throw new Error(`${side.name} does not answer`, { cause: error })
      await new Promise(resolve => setTimeout(resolve, 300))
    }
  }
}

/** One tensor of all features, the same for every side. */
export function restBody(values: readonly number[] = inputs): string {
  const tensor = { name: 'features', shape: [1, values.length], datatype: 'FP32', data: values }
  return JSON.stringify({ inputs: [tensor] })
}

export function nameOf(model: number): string {
  return `bench.m${String(model).padStart(5, '0')}`
}

export async function askRest(side: Side, model: number, values = inputs): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${side.port}/v2/models/${nameOf(model)}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: restBody(values),
  })
  if (answer.status !== 200) throw new Error(`${side.name}: ${answer.status}`)
  const { outputs } = (await answer.json()) as { outputs: readonly { data: readonly number[] }[] }
  return outputs[0]!.data[0]!
}

export function grpcMessage(model: number, values = inputs): Uint8Array {
  const shape = [1n, BigInt(values.length)]
  const contents = { fp32Contents: values }
  return encode('inference.ModelInferRequest', {
    modelName: nameOf(model),
    inputs: [{ name: 'features', datatype: 'FP32', shape, contents }],
  })
}
