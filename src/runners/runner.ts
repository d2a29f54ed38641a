import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { digestOf } from '../base/digest.ts'
import type { ErrorCode } from '../base/errors.ts'
import { type ForeignSession, openForeignSession } from './foreign-session.ts'
import { type Frame, FrameReader, frameKind, PayloadWriter } from './frame.ts'
import { growthBytes, memoryNow, writeMemory } from './memory.ts'
import { readTensors, tensorBytes, writeTensors } from './tensor-wire.ts'

/*
 * The inside of a runner: takes frames from one socket, one at a time, in order. It knows models by
 * the numbers that the server gives them, has no files and no secrets, and decides nothing: what to
 * hold and when to end is the server's. It may be killed at any moment.
 */

/** Bytes of the outputs of one call: as much as a request may bring, many times over. */
const outputBytesMax = 64 * 1_048_576
/**
 * A session of so small a file is closed a little later: closing takes 0.1 to 0.2 ms, and the load
 * that it made room for, with the call that waits for it, comes right behind.
 */
const closeLater = { fileBytesMax: 65_536, afterMs: 5 } as const
/** Characters of what ONNX Runtime says that are passed on, to be logged. */
const saidMax = 2_000

/**
 * Serves until the other end of `socket` closes. `capBytes`: the memory that models may take, on
 * top of what the empty process has.
 */
export async function serveRunner(socket: Socket, capBytes: number): Promise<void> {
  const sessions = new Map<number, Loaded>()
  const reader = new FrameReader()
  await warm()
  const isCapped = capMemory(capBytes)
  const ready = writeMemory(new PayloadWriter().u8(isCapped ? 1 : 0), memoryNow())
  send(socket, frameKind.ready, 0, ready)
  for await (const chunk of socket) {
    for (const frame of reader.push(chunk as Buffer)) {
      try {
        await act(socket, frame, sessions)
      } catch (error) {
        const [code, detail] = refusalOf(error, frame.kind)
        send(socket, frameKind.failed, frame.call, new PayloadWriter().text(code).text(detail))
      }
    }
  }
}

interface Loaded {
  readonly session: ForeignSession
  readonly fileBytes: number
}

async function act(
  socket: Socket,
  { kind, call, payload }: Frame,
  sessions: Map<number, Loaded>,
): Promise<void> {
  switch (kind) {
    case frameKind.load: {
      const before = memoryNow()
      const slot = payload.u32()
      const digest = payload.text()
      const outputs = Array.from({ length: payload.u32() }, () => payload.text())
      const bytes = payload.raw()
      if (digestOf(bytes) !== digest) throw new TypeError('the bytes are not those of the digest')
      const session = await openForeignSession(bytes, outputs)
      sessions.set(slot, { session, fileBytes: bytes.length })
      const growth = growthBytes(before, memoryNow())
      send(socket, frameKind.loaded, call, new PayloadWriter().f64(growth))
      break
    }
    case frameKind.run: {
      const loaded = sessions.get(payload.u32())
      if (loaded === undefined) throw new TypeError('the model is not loaded')
      const outputs = await loaded.session.run(readTensors(payload))
      const bytes = tensorBytes(outputs)
      if (bytes > outputBytesMax) throw new RangeError(`outputs of ${bytes} bytes are not sent`)
      send(socket, frameKind.ran, call, writeTensors(new PayloadWriter(), outputs))
      break
    }
    case frameKind.unload: {
      const slot = payload.u32()
      const loaded = sessions.get(slot)
      sessions.delete(slot)
      if (loaded === undefined) break
      const { session, fileBytes } = loaded
      if (fileBytes > closeLater.fileBytesMax) await session.close()
      else setTimeout(() => void session.close().catch(() => {}), closeLater.afterMs)
      break
    }
    case frameKind.weigh:
      send(socket, frameKind.weighed, call, writeMemory(new PayloadWriter(), memoryNow()))
      break
    default:
      throw new TypeError(`no frame is of the kind ${kind}`)
  }
}

function send(
  socket: Socket,
  kind: (typeof frameKind)[keyof typeof frameKind],
  call: number,
  payload: PayloadWriter,
): void {
  socket.cork()
  for (const piece of payload.frame(kind, call)) socket.write(piece)
  socket.uncork()
}

/** y = x, of one column: `modelOf` of the odd models, in its test. */
export const identity =
  'CAg6QQoQCgF4EgF5IghJZGVudGl0eRIBZ1oUCgF4Eg8KDQgBEgkKAxIBbgoCCAFiFAoBeRIPCg0IARIJCgMSAW4KAggBQgQKABAR'

/**
 * What the first session takes is ONNX Runtime's own, and not to be counted as a model's: 16 MiB
 * where it fuses.
 */
async function warm(): Promise<void> {
  const session = await openForeignSession(Buffer.from(identity, 'base64'), ['y'], 'all')
  const x = { name: 'x', datatype: 'FP32', shape: [1, 1], data: Float32Array.of(1) } as const
  await session.run([x])
  await session.close()
}

/**
 * Caps the data segment (RLIMIT_DATA: all that is private and writable) at what the process has now
 * and `capBytes` more. Not the address space: V8 reserves far more of that than it uses. By
 * prlimit, since Node has no call for it. Gives whether it is capped.
 */
function capMemory(capBytes: number): boolean {
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    const kilobytes = Number(/^VmData:\s+(\d+) kB$/m.exec(status)?.[1])
    if (!Number.isFinite(kilobytes)) return false
    const limit = kilobytes * 1_024 + capBytes
    execFileSync('prlimit', ['--pid', String(process.pid), `--data=${limit}:${limit}`], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

const memoryWords =
  /bad_alloc|bad allocation|allocat\w* (?:memory|failed)|failed to allocate|memory/i

/** Its code, and the words of ONNX Runtime: of them callers are told a part (`reasonIn`). */
function refusalOf(error: unknown, kind: number): readonly [ErrorCode, string] {
  const said = error instanceof Error ? error.message : String(error)
  if (memoryWords.test(said)) return ['E_MODEL_MEMORY', 'it asks for more memory than a runner has']
  return [kind === frameKind.load ? 'E_MODEL_LOAD' : 'E_MODEL_RUN', said.slice(0, saidMax)]
}
