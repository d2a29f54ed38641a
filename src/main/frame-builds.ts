import { fork } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { FrameBuilds } from '../control/index.ts'
import type { FrameJob } from '../features/index.ts'

/** Each takes the memory of a worker that builds a frame, beside the workers. */
const buildsMax = 2
/** A reader that takes longer has stopped reading; its place is another's. */
const lastsMaxMs = 3_600_000

export interface FrameStart {
  readonly home: string
  readonly job: FrameJob
}

/** What a build says before its first byte. */
export type FrameWord =
  | { readonly ready: true }
  | { readonly error: { code: ErrorCode; message: string; field?: string; hint?: string } }

/**
 * Each frame is built by a process of its own: it keeps a thread busy for seconds, which the one
 * that answers requests has not, and it can be ended at any moment.
 */
export function openFrameBuilds(home: string): FrameBuilds {
  let running = 0
  return {
    async build(job, signal) {
      if (running >= buildsMax) {
        throw new MusterError('E_BUSY', `${running} frames are being built or read`, {
          hint: 'ask again when one of them is through',
          extra: { retryAfterSeconds: 10 },
        })
      }
      running += 1
      try {
        return await start({ home, job }, signal, () => {
          running -= 1
        })
      } catch (error) {
        // A process that has started counts until it has ended.
        throw asRefusal(error)
      }
    },
  }
}

function start(what: FrameStart, signal: AbortSignal, ended: () => void): Promise<Readable> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const child = fork(fileURLToPath(new URL(`./frame-build.${extension}`, import.meta.url)), [], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const end = () => child.kill('SIGKILL')
  const timer = setTimeout(end, lastsMaxMs)
  signal.addEventListener('abort', end, { once: true })
  child.once('close', () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
    ended()
  })
  if (signal.aborted) end()
  const out = child.stdout!
  out.on('error', () => undefined) // It may break where nobody reads; who does has his own.
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, by) => {
      reject(new Error('the build of a frame ended before it began to answer'))
      // Whoever reads learns that the bytes are not all of them.
      if (code !== 0) out.destroy(new Error(`the build of a frame ended with ${code ?? by}`))
    })
    child.once('message', (word: FrameWord) => {
      if ('ready' in word) resolve(out)
      else {
        const { code, message, ...more } = word.error
        reject(new MusterError(code, message, more))
      }
    })
    child.send(what)
  })
}

function asRefusal(error: unknown): unknown {
  if (error instanceof MusterError) return error
  return new MusterError('E_INTERNAL', 'the frame could not be built', { cause: error })
}
