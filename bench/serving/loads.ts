import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { frame } from '../../src/serve/grpc/framing.ts'
import { callUnary, connectGrpc } from '../../src/serve/grpc/grpc-client.fixture.ts'
import { decode } from '../../src/serve/grpc/protos.ts'
import { spinMs } from '../conditions.ts'
import { treeCpuSeconds } from '../process-tree.ts'
import { grpcMessage, nameOf, restBody, type Side } from './sides.ts'

/* Load on a side, from core 1: closed loops for throughput, an open one for latency. */

export interface Window {
  readonly perSecond: number
  /** Of all processes of the server. */
  readonly perCpuSecond: number
  readonly spin: number
}

const path = '/inference.GRPCInferenceService/ModelInfer'

/** wrk for REST, h2load for gRPC: neither is of the makers of any side. */
export function window(side: Side, seconds: number, connections: number): Window {
  const spin = spinMs()
  const cpu = treeCpuSeconds(side.pid)
  const requests =
    side.protocol === 'rest' ? wrk(side, seconds, connections) : h2load(side, seconds, connections)
  const used = treeCpuSeconds(side.pid) - cpu
  return { perSecond: requests / seconds, perCpuSecond: requests / used, spin }
}

function onCore1(program: string, args: readonly string[]): string {
  return execFileSync('taskset', ['-c', '1', program, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

function wrk({ port, models }: Side, seconds: number, connections: number): number {
  const lua = fileURLToPath(new URL('./peer-row.lua', import.meta.url))
  const load = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', lua, `http://127.0.0.1:${port}`]
  const output = onCore1('wrk', [...load, '--', String(models)])
  if (/Non-2xx/.test(output)) throw new Error(`not all were answered:\n${output}`)
  return Number(/(\d+) requests in/.exec(output)![1])
}

/** Every call is the same: h2load sends one body. An answer of an error is too short to pass. */
function h2load(side: Side, seconds: number, connections: number): number {
  const body = join(tmpdir(), `muster-${side.name.replace('/', '-')}-${process.pid}.frame`)
  writeFileSync(body, frame(grpcMessage(7)))
  const streams = Math.max(1, Math.floor(connections / 4))
  const output = onCore1('h2load', [
    '-t1',
    '-c4',
    `-m${streams}`,
    `-D${seconds}`,
    `--data=${body}`,
    '-Hcontent-type: application/grpc',
    '-Hte: trailers',
    `http://127.0.0.1:${side.port}${path}`,
  ])
  const [, total, failed] = /requests: (\d+) total.* (\d+) failed/.exec(output) ?? []
  const done = Number(/(\d+) succeeded/.exec(output)?.[1])
  const dataBytes = Number(/\((\d+)\) data/.exec(output)?.[1])
  const wrong = Number(failed) > 0 || dataBytes < done * 40
  if (total === undefined || wrong) throw new Error(`not all were answered:\n${output}`)
  return done
}

export async function askGrpc(side: Side, model: number, values?: number[]): Promise<number> {
  const session = connectGrpc(side.port)
  try {
    const message = grpcMessage(model, values)
    const reply = await callUnary(session, 'ModelInfer', message)
    if (reply.status !== 0) throw new Error(`${side.name}: ${reply.status} ${reply.message}`)
    const { outputs, rawOutputContents: raw } = decode<{
      outputs: readonly {
        datatype: string
        contents?: { fp32Contents: number[]; fp64Contents: number[] }
      }[]
      rawOutputContents: readonly Uint8Array[]
    }>('inference.ModelInferResponse', reply.body.subarray(5))
    const [output] = outputs
    const bytes = raw[0] && Buffer.from(raw[0])
    if (bytes) return output!.datatype === 'FP64' ? bytes.readDoubleLE() : bytes.readFloatLE()
    return (output!.contents!.fp32Contents[0] ?? output!.contents!.fp64Contents[0])!
  } finally {
    session.destroy()
  }
}

/**
 * Requests at a constant rate, whether or not the ones before were answered; milliseconds of each
 * from when it was to be sent, so that what waits in a queue counts (no coordinated omission).
 */
export async function openLoop(side: Side, perSecond: number, seconds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const latencies: number[] = []
  const bodies = restBody()
  const count = Math.floor(perSecond * seconds)
  const started = performance.now() + 20
  const pending: Promise<void>[] = []
  for (let sent = 0; sent < count; ) {
    const now = performance.now()
    while (sent < count && started + (sent * 1_000) / perSecond <= now) {
      const due = started + (sent * 1_000) / perSecond
      const model = (sent * 7_919) % side.models
      pending.push(
        send(agent, side, model, bodies).then(() => {
          latencies.push(performance.now() - due)
        }),
      )
      sent += 1
    }
    // And not after a millisecond: what is due is to go out when it is due.
    await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all(pending)
  agent.destroy()
  return latencies
}

function send(agent: Agent, side: Side, model: number, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        agent,
        port: side.port,
        host: '127.0.0.1',
        method: 'POST',
        path: `/v2/models/${nameOf(model)}/infer`,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      answer => {
        answer.resume()
        answer.once('end', () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`)),
        )
      },
    )
    call.once('error', reject)
    call.end(body)
  })
}
